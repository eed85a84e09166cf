"""What a handler calls its model with, seen while it answers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from ts_sdk.errors import ConversionError, RequestError
from ts_sdk.model import Model

_BATCH = 3


@dataclass(frozen=True)
class Call:
    """One call of the model.

    Attributes:
        args: What was given by position.
        kwargs: What was given by name.
        answer: What it gave.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: Any


@dataclass(frozen=True)
class Recording:
    """The calls of the model for some batches.

    Attributes:
        batches: For each batch, the requests in it and the calls that they led to.
        fixed: Why there is no batch of several requests, None when there is one.
    """

    batches: tuple[tuple[Sequence[object], tuple[Call, ...]], ...]
    fixed: str | None

    @property
    def calls(self) -> list[Call]:
        """All of them."""
        return [call for _, calls in self.batches for call in calls]


def module_of(model: Model) -> nn.Module:
    """The module that the handler of *model* calls.

    Raises:
        ConversionError: It keeps none in ``self.model``.
    """
    module = getattr(model.handler, "model", None)
    if not isinstance(module, nn.Module):
        raise ConversionError(
            f"{model.name}: the handler keeps no torch module in self.model, so there is nothing "
            "to be converted"
        )
    return module


def record(model: Model, samples: Sequence[object], *, dynamic: bool) -> Recording:
    """Have *model* answer each sample alone, and the first one several times in one batch.

    Args:
        model: A loaded archive.
        samples: Requests, as `Model.predict` takes them.
        dynamic: Whether batches of several requests are wanted.

    Raises:
        ConversionError: A sample was not answered, or without a call of the model.
    """
    batches = [([sample], _calls_for(model, [sample])) for sample in samples]
    if not dynamic:
        return Recording(tuple(batches), "it was asked for")
    together = [samples[0]] * _BATCH
    try:
        batches.append((together, _calls_for(model, together)))
    except ConversionError as error:
        return Recording(tuple(batches), f"the handler does not answer batches: {error}")
    return Recording(tuple(batches), None)


def record_again(model: Model, recording: Recording) -> list[Call]:
    """The calls of *model* for the requests of an earlier recording.

    Raises:
        ConversionError: A request was not answered, or without a call of the model.
    """
    return [call for requests, _ in recording.batches for call in _calls_for(model, requests)]


def _calls_for(model: Model, requests: Sequence[object]) -> tuple[Call, ...]:
    with _recorded(module_of(model)) as calls:
        outcomes = model.predict_batch(requests)
    for outcome in outcomes:
        if isinstance(outcome, RequestError):
            raise ConversionError(f"the sample was not answered: {outcome}") from outcome
    if not calls:
        raise ConversionError(
            f"{model.name}: the handler answered the sample without calling self.model"
        )
    return tuple(calls)


@contextmanager
def _recorded(module: nn.Module) -> Iterator[list[Call]]:
    """Note every call of *module* during the block."""
    calls: list[Call] = []
    before = vars(module).get("forward")
    plain = module.forward

    def noting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        given_args, given_kwargs = _copied((args, kwargs))
        answer = plain(*args, **kwargs)
        calls.append(Call(given_args, given_kwargs, _copied(answer)))
        return answer

    module.forward = noting
    try:
        yield calls
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before


def _copied(value: Any) -> Any:  # noqa: ANN401 - as above
    """*value* with its tensors copied, which the model might write into."""
    with torch.inference_mode(mode=False):  # tensors of that mode cannot be exported
        return pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach().clone(), value)
