"""What is explained: the model as a function of one request's input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from ts_sdk.errors import ExplanationError, RequestError
from ts_sdk.explain.calls import Call
from ts_sdk.explain.embeddings import TokenTable, feeding, table_for
from ts_sdk.explain.methods import Form
from ts_sdk.explain.tasks import Score, Task, rows_in, task_of

_IDS = "input_ids"
_LEFT_OUT = -1
"""Stands in the place of a token of a bag that is left out."""


@dataclass
class Subject:
    """The model as a function of what one request has in it.

    Attributes:
        module: The model, or a copy.
        form: What it is made of.
        call: How the handler called it.
        task: What it answers.
        inputs: The tensors that are explained, each ``(1, …)``: the floating ones, or the tokens
            ``(1, T)`` as floats.
        is_tokens: Whether they are tokens.
        table: The layer that gives tokens their vectors; None where there are no tokens, or no
            layer can be seen.
        score: From the output to the score that is explained; set once the target is known.
        on_rows: Is told how many rows the model has answered.
    """

    module: nn.Module
    form: Form
    call: Call
    task: Task
    inputs: tuple[torch.Tensor, ...]
    is_tokens: bool
    table: TokenTable | None = None
    score: Score | None = None
    on_rows: Callable[[int], None] = lambda _rows: None
    _leaves: list[Any] = field(default_factory=list)
    _spec: Any = None
    _places: tuple[int, ...] = ()
    _lacks_batch: bool = False
    _is_bag: bool = False
    _one_by_one: bool = False

    @classmethod
    def of(cls, module: nn.Module, form: Form, call: Call) -> "Subject":
        """The *module* as the handler called it.

        Raises:
            ExplanationError: There is no input that can be explained, or there are several rows.
        """
        task = task_of(call.answer)
        if rows_in(call.answer) != 1:
            raise ExplanationError(
                f"this request holds {rows_in(call.answer)} inputs: send each in a request of its "
                "own, with explain_batch([first, second, ...])"
            )
        leaves, spec = pytree.tree_flatten((call.args, call.kwargs))
        floats = tuple(
            place
            for place, each in enumerate(leaves)
            if isinstance(each, torch.Tensor) and each.is_floating_point()
        )
        subject = cls(module, form, call, task, (), not floats, _leaves=leaves, _spec=spec)
        if floats:
            subject._take(floats)
        else:
            subject._take_tokens()
        return subject

    def scores(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The score ``(N,)`` for each row of *inputs*, which are as `inputs` is, ``(N, …)``."""
        assert self.score is not None  # noqa: S101 - for the type's sake
        answer = self.score(self.outputs(inputs))
        self.on_rows(len(answer))
        return answer

    def scores_of_vectors(self, vectors: torch.Tensor) -> torch.Tensor:
        """The score ``(N,)`` where the tokens have other vectors, ``(N, T, D)``."""
        assert self.table is not None  # noqa: S101 - as above
        ids = self.inputs[0].expand(len(vectors), -1)
        with feeding(self.table, vectors):
            return self.scores(ids)

    def outputs(self, inputs: Sequence[torch.Tensor]) -> Any:  # noqa: ANN401 - what the model gives
        """What the model gives for *inputs*."""
        rows = len(inputs[0])
        if (self._lacks_batch or self._one_by_one) and rows > 1:
            return self._joined([[each[row : row + 1] for each in inputs] for row in range(rows)])
        try:
            return self._run(inputs)
        except RequestError:
            if rows == 1:
                raise
            self._one_by_one = True  # a form that takes batches of one only
            return self.outputs(inputs)

    def _joined(self, each_inputs: Sequence[Sequence[torch.Tensor]]) -> Any:  # noqa: ANN401 - as above
        outputs = [self._run(each) for each in each_inputs]
        flat = [pytree.tree_flatten(output) for output in outputs]
        if self.task is Task.DETECTION:
            from ts_sdk.explain.tasks import _per_picture

            return [found for output in outputs for found in _per_picture(output)]
        joined = [torch.cat(parts) for parts in zip(*(leaves for leaves, _ in flat), strict=True)]
        return pytree.tree_unflatten(joined, flat[0][1])

    def _run(self, inputs: Sequence[torch.Tensor]) -> Any:  # noqa: ANN401 - as above
        rows = len(inputs[0])
        leaves = [self._spread(each, rows) for each in self._leaves]
        if self._is_bag:
            leaves = self._bagged(inputs[0])
        else:
            for place, given in zip(self._places, inputs, strict=True):
                whole = given[0] if self._lacks_batch else given
                leaves[place] = whole.round().long() if self.is_tokens else whole
        args, kwargs = pytree.tree_unflatten(leaves, self._spec)
        return self.module(*args, **kwargs)

    def _spread(self, leaf: Any, rows: int) -> Any:  # noqa: ANN401 - an input of any kind
        """An input that is not explained, for so many rows."""
        if isinstance(leaf, torch.Tensor) and leaf.ndim and leaf.shape[0] == 1 and rows > 1:
            return leaf.expand(rows, *leaf.shape[1:])
        return leaf

    def _take(self, places: tuple[int, ...]) -> None:
        tensors = [self._leaves[place] for place in places]
        self._places = places
        self._lacks_batch = any(not each.ndim or each.shape[0] != 1 for each in tensors)
        if self._lacks_batch or isinstance(self.call.args[:1] and self.call.args[0], list):
            self._lacks_batch = True
            tensors = [each[None] for each in tensors]
        self.inputs = tuple(tensors)

    def _take_tokens(self) -> None:
        place = self._place_of_ids()
        ids = self._leaves[place]
        self._places = (place,)
        self._is_bag = ids.ndim == 1
        self.inputs = ((ids[None] if self._is_bag else ids).float(),)
        if self.form in {Form.EAGER, Form.HALF, Form.COMPILED}:
            self.table = table_for(self.module, ids, lambda: self._run(self.inputs))

    def _place_of_ids(self) -> int:
        whole = [
            place
            for place, each in enumerate(self._leaves)
            if isinstance(each, torch.Tensor) and each.ndim and not each.is_complex()
        ]
        named = list(self.call.kwargs)
        if _IDS in named and not self.call.args and len(whole) == len(named):
            return whole[named.index(_IDS)]
        if whole:
            return whole[0]
        raise ExplanationError("the model is given no tensor, so there is nothing to be explained")

    def _bagged(self, ids: torch.Tensor) -> list[Any]:
        """The bags of each row of *ids*, ``(N, T)``, one behind the other, and their offsets."""
        whole = ids.round().long()
        kept = whole != _LEFT_OUT
        counts = kept.sum(1)
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)[:-1]])
        leaves = list(self._leaves)
        leaves[self._places[0]] = whole[kept]
        if len(leaves) > self._places[0] + 1:
            leaves[self._places[0] + 1] = offsets
        return leaves

    @property
    def reference(self) -> float:
        """The token that stands for none."""
        if self._is_bag:
            return _LEFT_OUT
        layer = None if self.table is None else self.table.layer
        padding = getattr(layer, "padding_idx", None)
        return float(padding or 0)
