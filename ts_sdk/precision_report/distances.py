"""How far numbers are from those of float32."""

from typing import TYPE_CHECKING, Any

from ts_sdk.floats import floats_by_place
from ts_sdk.precision_report.report import OutputDrift

if TYPE_CHECKING:
    import torch

INFINITE = float("inf")


def relative_error(expected: "torch.Tensor", found: "torch.Tensor") -> float:
    """The length of the difference, divided by that of *expected*.

    Numbers that are the same count as no difference, infinite ones too; NaN or infinity in the
    place of a number is an infinite one.
    """
    difference = _difference(expected, found)
    if not bool(difference.isfinite().all()):
        return INFINITE
    length = float(_finite(expected).norm())
    distance = float(difference.norm())
    if length == 0:
        return 0.0 if distance == 0 else INFINITE
    return distance / length


def output_drifts(expected: Any, found: Any) -> list[OutputDrift]:  # noqa: ANN401 - a model returns anything
    """How far each output in *found* is from the one in *expected*."""
    wanted, got = floats_by_place(expected), floats_by_place(found)
    if wanted.keys() != got.keys():
        names = ", ".join(sorted(wanted.keys() ^ got.keys()))
        return [OutputDrift(name, INFINITE, INFINITE, f"other outputs: {names}") for name in wanted]
    return [_output_drift(name, wanted[name], got[name]) for name in wanted]


def _output_drift(name: str, expected: "torch.Tensor", found: "torch.Tensor") -> OutputDrift:
    if expected.shape != found.shape:
        note = f"shape {tuple(found.shape)} where float32 gives {tuple(expected.shape)}"
        return OutputDrift(name, INFINITE, INFINITE, note)
    if not expected.numel():
        return OutputDrift(name, 0.0, 0.0)
    difference = _difference(expected, found).abs()
    if not bool(difference.isfinite().all()):
        return OutputDrift(name, INFINITE, INFINITE)
    largest = float(difference.max())
    scale = float(_finite(expected).abs().max())
    relative = largest / scale if scale else (INFINITE if largest else 0.0)
    return OutputDrift(name, largest, relative)


def _difference(expected: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
    wanted, got = expected.detach().cpu().double(), found.detach().cpu().double()
    same = (wanted == got) | (wanted.isnan() & got.isnan())
    return (wanted - got).masked_fill(same, 0.0)


def _finite(tensor: "torch.Tensor") -> "torch.Tensor":
    wide = tensor.detach().cpu().double()
    return wide.masked_fill(~wide.isfinite(), 0.0)
