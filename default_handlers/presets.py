"""How a picture becomes the input of a model, as one value with units."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

import torch

from default_handlers.pictures import Box, Interpolation, Picture, Size

INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
"""The filters there are; both as Pillow has them."""

_CHANNELS = 3
_WHITE = 255.0


class Preset(Protocol):
    """How the pictures of a batch are prepared, in two steps."""

    @property
    def resize_px(self) -> int | None:
        """The shorter side after resizing, in pixels; None where pictures keep their size."""

    def crop(self, picture: Picture) -> torch.Tensor:
        """The pixels that the model will see, ``(H, W, 3)`` uint8."""

    def normalise(
        self, crops: Sequence[torch.Tensor], device: torch.device
    ) -> torch.Tensor | list[torch.Tensor]:
        """What the model is given, in the order of *crops*, on *device*."""


@dataclass(frozen=True)
class ImagePreset:
    """Resize the shorter side, crop the centre, scale to 0…1, subtract the mean, divide.

    The same operations, in the same order and with the same rounding of sizes, as `Resize`,
    `CenterCrop`, `ToTensor` and `Normalize` of torchvision on a Pillow image. The defaults are
    those of the ImageNet classifiers of torchvision, and of TorchServe's `image_classifier`.

    Attributes:
        resize_px: The shorter side after resizing, in pixels; the longer keeps the proportion.
        crop_px: Width and height of the crop from the centre, in pixels.
        mean: Subtracted from the red, green and blue channels, in 0…1.
        std: What the channels are divided by, in 0…1.
        interpolation: The filter of the resizing, ``"bilinear"`` or ``"bicubic"``; always
            antialiased.

    Raises:
        ValueError: A value is out of its range; the message names it.
    """

    resize_px: int = 256
    crop_px: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        if not 1 <= self.crop_px <= self.resize_px:
            raise ValueError(
                f"a crop of {self.crop_px} px does not fit into a shorter side resized to "
                f"{self.resize_px} px"
            )
        if len(self.mean) != _CHANNELS or len(self.std) != _CHANNELS or min(self.std) <= 0:
            raise ValueError(
                "mean and std need a number each for red, green and blue, those of std above 0; "
                f"got {self.mean} and {self.std}"
            )
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"interpolation must be one of {INTERPOLATIONS}, not {self.interpolation!r}"
            )

    def crop(self, picture: Picture) -> torch.Tensor:
        """Resize and crop *picture*.

        Returns:
            The pixels that the model will see, ``(crop_px, crop_px, 3)`` uint8.
        """
        size = self._resized(picture.size)
        return picture.resized(size, self._centre(size), self.interpolation)

    def normalise(self, crops: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
        """Make a model's input of what `crop` returned.

        Args:
            crops: The crops of a batch, each ``(crop_px, crop_px, 3)`` uint8.
            device: Where the arithmetic is done: the crops travel there as bytes.

        Returns:
            The batch, ``(B, 3, crop_px, crop_px)`` float32 on *device*, contiguous.
        """
        if not crops:
            return torch.empty((0, _CHANNELS, self.crop_px, self.crop_px), device=device)
        batch = torch.stack([crop.permute(2, 0, 1) for crop in crops]).contiguous()
        factor, shift = _factor_and_shift(self.mean, self.std, device)
        return batch.to(device).to(torch.float32).mul_(factor).add_(shift)

    def _resized(self, size: Size) -> Size:
        """Width and height after resizing; the longer side is rounded down, as torchvision does."""
        width, height = size
        if width <= height:
            return self.resize_px, int(self.resize_px * height / width)
        return int(self.resize_px * width / height), self.resize_px

    def _centre(self, size: Size) -> Box:
        """The crop; halves of pixels are rounded to even, as torchvision does."""
        left, top = (round((side - self.crop_px) / 2) for side in size)
        return left, top, left + self.crop_px, top + self.crop_px


@dataclass(frozen=True)
class WholePicture:
    """Scale to 0…1 and leave size and colours as they are: what object detectors are given.

    The same as `ToTensor` of torchvision on a Pillow image.
    """

    @property
    def resize_px(self) -> None:
        """None: pictures keep their size."""
        return

    def crop(self, picture: Picture) -> torch.Tensor:
        """All pixels of *picture*, ``(H, W, 3)`` uint8."""
        return picture.pixels()

    def normalise(
        self, crops: Sequence[torch.Tensor], device: torch.device
    ) -> torch.Tensor | list[torch.Tensor]:
        """Make a model's input of what `crop` returned.

        Args:
            crops: The pictures of a batch, each ``(H, W, 3)`` uint8.
            device: Where the arithmetic is done: the pictures travel there as bytes.

        Returns:
            The batch, ``(B, 3, H, W)`` float32 on *device*; of pictures that differ in size a list
            of ``(3, H, W)``.
        """
        whole = torch.contiguous_format
        pictures = [
            crop.to(device).permute(2, 0, 1).to(torch.float32, memory_format=whole)
            for crop in crops
        ]
        return stacked([picture.div_(_WHITE) for picture in pictures])


def stacked(tensors: list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
    """One tensor ``(B, …)`` of *tensors*; themselves where they differ in shape."""
    return torch.stack(tensors) if len({each.shape for each in tensors}) == 1 else tensors


@functools.lru_cache(maxsize=64)
def _factor_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """(pixel / 255 - mean) / std as pixel * factor + shift; kept, since sending them takes time."""
    with torch.inference_mode(mode=False):
        means, deviations = (torch.tensor(each).view(-1, 1, 1) for each in (mean, std))
        return (1 / (_WHITE * deviations)).to(device), (-means / deviations).to(device)


IMAGENET = ImagePreset()
"""What the ImageNet classifiers of torchvision, and TorchServe's handler, were made for."""

WHOLE_PICTURE = WholePicture()
"""What the object detectors of torchvision, and TorchServe's handler, were made for."""
