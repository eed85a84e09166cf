"""Whether a converted model answers as the original did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from ts_sdk.conversion.recording import Call
from ts_sdk.errors import ConversionError

TOLERANCES = {
    torch.float64: 1e-7,
    torch.float32: 1e-4,
    torch.float16: 1e-2,
    torch.bfloat16: 5e-2,
}
"""How far an output may be from the original's, as a share of its largest number."""


@dataclass(frozen=True)
class Agreement:
    """How near the converted model's outputs are.

    Attributes:
        difference: The largest distance, as a share of the largest number in the same output.
        tolerance: What was allowed.
        compared: How many numbers were compared.
    """

    difference: float
    tolerance: float
    compared: int


def compare(
    original: Sequence[Call], converted: Sequence[Call], computed: torch.dtype
) -> Agreement:
    """Compare the answers to the same calls.

    Args:
        original: The calls of the model that was converted.
        converted: Those of what it became, in the same order.
        computed: The number format in which that computes.

    Raises:
        ConversionError: They differ in structure, shape or type, or by more than the tolerance.
    """
    if len(original) != len(converted):
        raise ConversionError(
            f"the handler calls the converted model {len(converted)} times where it called the "
            f"original {len(original)} times"
        )
    worst, compared = 0.0, 0
    allowed = TOLERANCES.get(computed, TOLERANCES[torch.float32])
    for number, (old, new) in enumerate(zip(original, converted, strict=True)):
        for place, (expected, got) in enumerate(_pairs(old.answer, new.answer)):
            distance = _distance(expected, got, f"output {place} of call {number}")
            if not distance <= allowed:  # which NaN is not either
                raise ConversionError(
                    f"the converted model answers otherwise: output {place} of call {number} "
                    f"({tuple(expected.shape)}) is {distance:.3g} of its largest number away, and "
                    f"{allowed:g} is allowed"
                )
            worst, compared = max(worst, distance), compared + expected.numel()
    return Agreement(worst, allowed, compared)


def _pairs(expected: Any, got: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:  # noqa: ANN401 - a model gives anything
    wanted, structure = pytree.tree_flatten(expected)
    found, found_structure = pytree.tree_flatten(got)
    if structure != found_structure:
        raise ConversionError(
            f"the converted model answers {found_structure} where the original answered {structure}"
        )
    return [
        (torch.as_tensor(old), torch.as_tensor(new))
        for old, new in zip(wanted, found, strict=True)
        if isinstance(old, torch.Tensor | float | int)
    ]


def _distance(expected: torch.Tensor, got: torch.Tensor, where: str) -> float:
    """How far *got* is from *expected*, as a share of its largest number."""
    if expected.shape != got.shape or expected.is_floating_point() != got.is_floating_point():
        raise ConversionError(
            f"the converted model answers otherwise: {where} is {got.dtype} {tuple(got.shape)} "
            f"instead of {expected.dtype} {tuple(expected.shape)}"
        )
    if not expected.numel():
        return 0.0
    old, new = expected.cpu(), got.cpu()
    if not old.is_floating_point():
        return 0.0 if torch.equal(old, new.to(old.dtype)) else float("inf")
    old, new = old.double(), new.double()
    if not torch.equal(old.isfinite(), new.isfinite()):
        return float("inf")
    finite = old.isfinite()
    scale = float(old[finite].abs().max()) if bool(finite.any()) else 1.0
    distance = float((old - new)[finite].abs().max()) if bool(finite.any()) else 0.0
    return distance / max(scale, 1e-6)
