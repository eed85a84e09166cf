"""Regions and parts of a picture, told in its own pixels and found in those of the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ts_sdk.errors import ExplanationError

if TYPE_CHECKING:
    import torch
    from PIL import Image

Region: TypeAlias = "Sequence[float] | NDArray[Any] | torch.Tensor | Image.Image"
"""Left, top, right and bottom, or a mask ``(H, W)`` that is not 0 in the region."""
Size = tuple[int, int]
"""Width and height in pixels."""

_BOX = 4
_MASK = 2
_HOW = (
    "a region is (left, top, right, bottom) in pixels of the picture that was sent, or a mask "
    "(height, width) of them"
)


@dataclass(frozen=True)
class Window:
    """What a model sees of a picture.

    Attributes:
        size: Width and height of the picture that was sent.
        box: Left, top, right and bottom, in its pixels, of what the model sees.
    """

    size: Size
    box: tuple[float, float, float, float]

    @classmethod
    def whole(cls, size: Size) -> "Window":
        """That of a picture which the model sees as it is."""
        return cls(size, (0, 0, *size))

    def centres(self, axis: int, count: int) -> NDArray[np.float64]:
        """Where the centres of *count* pixels of the model's lie in the picture.

        Args:
            axis: 0 for across, 1 for down.
            count: How many pixels the model has along it.
        """
        start, end = self.box[axis], self.box[axis + 2]
        shares = (np.arange(count, dtype=np.float64) + 0.5) / count
        return start + shares * (end - start)


def pixels_in(given: Any, window: Window, size: Size) -> NDArray[np.bool_]:  # noqa: ANN401 - a `Region`
    """Which pixels of what a model answers lie in a region of the picture.

    Args:
        given: The region, as `Region` says.
        window: What the model sees.
        size: Width and height of what it answers.

    Returns:
        ``(H, W)``.

    Raises:
        ExplanationError: That is no region, or none of these pixels is in it.
    """
    if is_box(given):
        found = _in_box(given, window, size)
    else:
        found = sampled(array_of(given, _HOW), window, size, outside=0) != 0
    if found.any():
        return found
    told = f"{tuple(given)} " if is_box(given) else ""
    left, top, right, bottom = (round(each) for each in window.box)
    raise ExplanationError(
        f"the region {told}holds no pixel of what the model sees of the picture, which is "
        f"({left}, {top}, {right}, {bottom}) of {window.size[0]} x {window.size[1]} pixels"
    )


def is_box(given: Any) -> bool:  # noqa: ANN401 - whatever a caller has given
    """Whether *given* are numbers, as a box has them, and no mask."""
    return isinstance(given, list | tuple) and all(
        isinstance(each, int | float | np.number) for each in given
    )


def array_of(given: Any, how: str) -> NDArray[Any]:  # noqa: ANN401 - as above
    """*given* as an array ``(H, W)``.

    Raises:
        ExplanationError: It is none; *how* says what it should be.
    """
    array = np.asarray(given.cpu() if hasattr(given, "cpu") else given)
    if array.ndim != _MASK or array.dtype.kind not in "biuf":
        raise ExplanationError(f"{how}, not {_described(given, array)}")
    return array


def sampled(
    array: NDArray[Any], window: Window, size: Size, *, outside: int | None = None
) -> NDArray[Any]:
    """The values of *array*, one for each pixel of the picture, at the model's pixels.

    Args:
        array: ``(H, W)`` of the picture that was sent.
        window: What the model sees of it.
        size: Width and height in the model's pixels.
        outside: The value where the model sees what is beside the picture; None for that of the
            picture's nearest pixel.

    Raises:
        ExplanationError: *array* has another size than the picture.
    """
    width, height = window.size
    if array.shape != (height, width):
        raise ExplanationError(
            f"an array of {array.shape[1]} x {array.shape[0]} pixels does not fit the picture of "
            f"{width} x {height}: give one value for each pixel of the picture that was sent"
        )
    across, down = (np.floor(window.centres(axis, size[axis])).astype(int) for axis in (0, 1))
    found: NDArray[Any] = array[np.ix_(down.clip(0, height - 1), across.clip(0, width - 1))]
    if outside is None:
        return found
    is_inside = np.outer((down >= 0) & (down < height), (across >= 0) & (across < width))
    found[~is_inside] = outside
    return found


def _in_box(given: Sequence[float], window: Window, size: Size) -> NDArray[np.bool_]:
    if len(given) != _BOX or not all(map(math.isfinite, given)):
        raise ExplanationError(f"{_HOW}, not {given!r}")
    left, top, right, bottom = given
    if left >= right or top >= bottom:
        raise ExplanationError(f"the region {tuple(given)} is empty: {_HOW}")
    across, down = (window.centres(axis, size[axis]) for axis in (0, 1))
    inside: NDArray[np.bool_] = np.outer(
        (down >= top) & (down < bottom), (across >= left) & (across < right)
    )
    return inside


def _described(given: Any, array: NDArray[Any]) -> str:  # noqa: ANN401 - as above
    if isinstance(given, str) or array.dtype.kind not in "biuf":
        return repr(given)
    return f"an array of shape {array.shape}"
