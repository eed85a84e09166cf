"""`Picture`: decoded pixels that know which way is up, and how to be resized and cropped."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

Interpolation = Literal["bilinear", "bicubic", "nearest", "lanczos"]
Size = tuple[int, int]
"""Width and height in pixels, in the order of Pillow."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are not part of it."""

_UPRIGHT = 1
_FIRST_TRANSPOSED = 5
_MOST_ELONGATED = 8
_SMALL_PIXELS = 320_000
"""Where a picture has fewer, Pillow resizes it: torch's kernel is a level off here and there, which
moves answers past 1e-3 mostly where few pixels are averaged, and there Pillow is fast enough."""

_FLIPPED_AXES: dict[int, tuple[int, ...]] = {
    1: (),
    2: (1,),
    3: (0, 1),
    4: (0,),
    5: (),
    6: (1,),
    7: (0, 1),
    8: (0,),
}
"""EXIF orientation → axes (0 down, 1 across) to flip, after the transposition that 5 to 8 need."""
_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
}
_IN_TORCH = ("bilinear", "bicubic")
"""What torch resizes as Pillow does."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded RGB picture.

    Turning a large picture upright costs more than decoding it, so the pixels stay as they were
    stored and only what is left of them after resizing and cropping is turned.

    Attributes:
        stored: The pixels as they were stored: a Pillow image of mode RGB, or an array
            ``(H, W, 3)``. Either may be smaller than the size says (decoded at a reduced scale).
        size: Width and height in pixels, upright and at full scale.
        orientation: The EXIF orientation, 1 to 8, that `stored` still needs.
    """

    stored: Image.Image | NDArray[np.uint8]
    size: Size
    orientation: int = _UPRIGHT

    def resized(self, size: Size, crop: Box, interpolation: Interpolation) -> torch.Tensor:
        """Resize and crop; only what the crop shows is kept.

        Args:
            size: Width and height in pixels of the whole picture after resizing.
            crop: The part that is wanted, in pixels of the resized picture.
            interpolation: The filter; all but ``"nearest"`` antialias.

        Returns:
            The upright pixels, ``(crop height, crop width, 3)`` uint8.
        """
        size, crop = _as_stored(size, crop, self.orientation)
        stored = self.stored
        if isinstance(stored, np.ndarray) and (
            interpolation not in _IN_TORCH
            or math.prod(self.size) < _SMALL_PIXELS
            or is_strip(size)  # which only Pillow resizes without making all of it
        ):
            stored = Image.fromarray(stored)
        if isinstance(stored, Image.Image):
            pixels = _resized_image(stored, size, crop, interpolation)
        else:
            pixels = _resized_array(stored, size, crop, interpolation)
        return _turned(pixels, self.orientation)

    def pixels(self) -> torch.Tensor:
        """The upright pixels as they were decoded, ``(H, W, 3)`` uint8."""
        return _turned(torch.from_numpy(np.array(self.stored)), self.orientation)


def is_strip(size: Size) -> bool:
    """Whether a picture is so long that it may not be resized as a whole: it would fill memory."""
    return max(size) > _MOST_ELONGATED * min(size)


def _resized_image(
    image: Image.Image, size: Size, crop: Box, interpolation: Interpolation
) -> torch.Tensor:
    """Resize a Pillow image, to the last bit as torchvision does."""
    resampling = _RESAMPLING[interpolation]
    if not is_strip(size):
        return torch.from_numpy(np.array(image.resize(size, resampling).crop(crop)))
    across, down = image.width / size[0], image.height / size[1]
    left, top, right, bottom = crop
    box = (
        left * across,
        top * down,
        min(right * across, image.width),
        min(bottom * down, image.height),
    )
    # Pillow computes the crop alone. It reads the box with few digits, so a bit may differ.
    resized = image.resize((right - left, bottom - top), resampling, box=box)
    return torch.from_numpy(np.array(resized))


def _resized_array(
    array: NDArray[np.uint8], size: Size, crop: Box, interpolation: Interpolation
) -> torch.Tensor:
    """Resize an array with torch: ten times as fast, one pixel in a thousand a level apart."""
    channels_last = torch.from_numpy(array).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        channels_last, (size[1], size[0]), mode=interpolation, antialias=True
    )
    left, top, right, bottom = crop
    return resized[0, :, top:bottom, left:right].permute(1, 2, 0)


def _as_stored(size: Size, crop: Box, orientation: int) -> tuple[Size, Box]:
    """What an upright size and crop are in the picture as it was stored."""
    width, height = size
    left, top, right, bottom = crop
    flipped = _FLIPPED_AXES[orientation]
    if 1 in flipped:
        left, right = width - right, width - left
    if 0 in flipped:
        top, bottom = height - bottom, height - top
    if orientation < _FIRST_TRANSPOSED:
        return (width, height), (left, top, right, bottom)
    return (height, width), (top, left, bottom, right)


def _turned(pixels: torch.Tensor, orientation: int) -> torch.Tensor:
    if orientation >= _FIRST_TRANSPOSED:
        pixels = pixels.transpose(0, 1)
    axes = _FLIPPED_AXES[orientation]
    return pixels.flip(axes) if axes else pixels
