"""Example inputs for making a graph of a model, and which of their sizes may vary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from ts_sdk.conversion.recording import Call
from ts_sdk.errors import ConversionError

_ROWS = 2
_LENGTH = 1


@dataclass(frozen=True)
class Example:
    """The inputs of one call.

    Attributes:
        args: What is given by position.
        kwargs: What is given by name.
        varying: For each tensor in them, in order, the dimensions that differ between calls, with
            the sizes that were seen.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    varying: tuple[Mapping[int, tuple[int, ...]], ...]

    @property
    def tensors(self) -> list[torch.Tensor]:
        """The tensors in the inputs, in order."""
        leaves = pytree.tree_leaves((self.args, self.kwargs))
        return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]

    @property
    def fixed_lengths(self) -> tuple[int, ...]:
        """The lengths of rows of whole numbers, such as tokens, that did not differ between calls.

        A picture's size is the preset's; how many tokens there are is the text's.
        """
        return tuple(
            dict.fromkeys(
                tensor.shape[1]
                for tensor, varying in zip(self.tensors, self.varying, strict=True)
                if tensor.dim() == _ROWS and _LENGTH not in varying and _is_whole(tensor)
            )
        )

    @classmethod
    def of(cls, calls: Sequence[Call]) -> "Example":
        """The largest of *calls*, of which one graph has to serve all.

        Raises:
            ConversionError: They differ in more than the sizes of tensors.
        """
        flat = [pytree.tree_flatten((call.args, call.kwargs)) for call in calls]
        structures = [structure for _, structure in flat]
        if any(structure != structures[0] for structure in structures):
            raise ConversionError(
                "the model is called with lists or dicts whose length varies with the batch, which "
                "no one graph can stand for: convert it for one request at a time (--static, "
                "dynamic=False)"
            )
        columns = list(zip(*(leaves for leaves, _ in flat), strict=True))
        varying = tuple(
            _varying(column) for column in columns if isinstance(column[0], torch.Tensor)
        )
        for column in columns:
            _refuse_varying_value(column)
        largest = max(calls, key=_count)
        return cls(largest.args, largest.kwargs, varying)


def _is_whole(tensor: torch.Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype is torch.bool)


def _count(call: Call) -> int:
    leaves = pytree.tree_leaves((call.args, call.kwargs))
    return sum(leaf.numel() for leaf in leaves if isinstance(leaf, torch.Tensor))


def _varying(tensors: Sequence[torch.Tensor]) -> dict[int, tuple[int, ...]]:
    if len({tensor.dim() for tensor in tensors}) != 1:
        raise ConversionError("the model is called with tensors of varying rank")
    columns = list(zip(*(tensor.shape for tensor in tensors), strict=True))
    return {place: sizes for place, sizes in enumerate(columns) if len(set(sizes)) > 1}


def _refuse_varying_value(column: Sequence[object]) -> None:
    values = [each for each in column if not isinstance(each, torch.Tensor)]
    if values and any(value != values[0] for value in values):
        shown = ", ".join(dict.fromkeys(map(repr, values)))
        raise ConversionError(
            f"the model is called with a value that varies ({shown}), which a graph would keep as "
            "it was: give it as a tensor"
        )
