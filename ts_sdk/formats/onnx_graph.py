"""What ONNX models have in common, whichever runtime runs them."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from ts_sdk.blame import describe
from ts_sdk.errors import ModelFormatError
from ts_sdk.formats.arrangement import in_order
from ts_sdk.formats.fixed import FixedModel
from ts_sdk.formats.signature import Signature

TAKES_KEY = "ts_sdk.takes"
"""Metadata of the file: how its inputs were nested, as torch writes a tree's structure."""
GIVES_KEY = "ts_sdk.gives"
"""Metadata of the file: how its outputs were nested."""


class OnnxGraph(FixedModel):
    """A runtime's ONNX model, called like a module.

    It takes tensors by position or by name, or a dict of names, or anything nested whose tensors
    come in the order of the inputs, and gives a tensor where there is one output, else a tuple.

    Args:
        name: The file that it came from.
        device: Where it runs.
        signature: What it takes.
        outputs: How many outputs it has.
        notes: The metadata of the file.

    Attributes:
        signature: What it takes.
        has_own_threads: That it computes with threads of the runtime's, which all calls share.
    """

    has_own_threads = True

    def __init__(
        self,
        name: str,
        device: torch.device,
        signature: Signature,
        outputs: int,
        notes: Mapping[str, str],
    ) -> None:
        super().__init__(name, device)
        self.signature = signature
        self._names = signature.names
        self._takes, self._gives = (
            _structure_in(notes, key, name) for key in (TAKES_KEY, GIVES_KEY)
        )
        if not outputs:
            raise ModelFormatError(f"{name} is an ONNX model without an output: write it again")
        if self._gives is not None and self._gives.num_leaves != outputs:
            raise _damaged_note(name, GIVES_KEY, f"{outputs} outputs do not fit into it")

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the model takes and gives
        """The outputs for the inputs.

        Raises:
            RequestError: An input has another type or shape than the model takes.
            TypeError: There are too few inputs, or too many, or one of another name.
        """
        given = in_order(args, kwargs, names=self._names, spec=self._takes, model=self.name)
        self.refuse_gradients(*given)
        return self._answer(given)

    def _answer(self, given: list[Any]) -> Any:  # noqa: ANN401 - as above
        fitted, narrowed = self.signature.fit(given, self.device)
        outputs = self._run(fitted)
        if narrowed:
            outputs = [each.float() if each.is_floating_point() else each for each in outputs]
        if self._gives is not None:
            return pytree.tree_unflatten(outputs, self._gives)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    @abstractmethod
    def _run(self, tensors: list[Any]) -> list[torch.Tensor]:
        """The outputs, in memory that no later call writes into."""


def _structure_in(notes: Mapping[str, str], key: str, name: str) -> Any:  # noqa: ANN401 - torch's
    """The nesting that the metadata *key* describes; None where there is none."""
    if key not in notes:
        return None
    try:
        return pytree.treespec_loads(notes[key])
    except Exception as error:  # anyone can write anything there
        raise _damaged_note(name, key, describe(error)) from error


def _damaged_note(name: str, key: str, why: str) -> ModelFormatError:
    return ModelFormatError(
        f"{name} is an ONNX model whose metadata {key!r} is damaged ({why}): convert it again (mar "
        "convert --to onnx), or take the metadata out"
    )
