"""How a picture becomes the input of a model, as one value with units."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from default_handlers.decoding import MAX_PIXELS
from default_handlers.pictures import Box, Interpolation, Picture, Size, is_strip
from default_handlers.placement import Placement
from default_handlers.settings import Sides
from ts_sdk.errors import RequestError

Colour = Literal["rgb", "bgr", "grey"]
ValueRange = Literal["0..1", "0..255"]
Layout = Literal["nchw", "channels_last", "nhwc"]

INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
"""The filters there are; all as Pillow has them."""
CHANNELS: dict[Colour, str] = {
    "rgb": "red, green and blue",
    "bgr": "blue, green and red",
    "grey": "grey",
}
VALUE_RANGES: tuple[ValueRange, ...] = get_args(ValueRange)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

MOST_RESIZED_PIXELS = 1 << 24
"""Only a picture that has more itself is resized to more: a thin line would fill the memory."""

_WHITE = 255.0
_LUMA = (19595, 38470, 7471)
"""Red, green and blue in a grey of 65536 (ITU-R BT.601), as Pillow has them."""
_LUMA_BITS = 16


@dataclass(frozen=True)
class ImagePreset:
    """Resize, crop the centre, scale, subtract the mean, divide.

    The same operations, in the same order and with the same rounding of sizes, as `Resize`,
    `CenterCrop`, `ToTensor` and `Normalize` of torchvision on a Pillow image. The defaults are
    those of the ImageNet classifiers of torchvision, and of TorchServe's `image_classifier`.

    Attributes:
        resize_px: The shorter side after resizing, in pixels, where the longer keeps the
            proportion; height and width of all pictures; or None, which keeps their size.
        crop_px: Height and width of the crop from the centre, in pixels; None for no crop.
        mean: Subtracted from the channels, in the order of *colour* and the units of *value_range*.
        std: What the channels are divided by, likewise.
        interpolation: The filter of the resizing, always antialiased but for ``"nearest"``.
        longest_px: The most pixels of the longer side: where the shorter side of `resize_px` would
            give it more, the picture becomes smaller. None for any number.
        colour: The channels: ``"rgb"``, ``"bgr"``, or ``"grey"`` for a single one.
        value_range: What black and white are before the mean is subtracted.
        layout: ``"nchw"``; ``"channels_last"``, of the same shape with a pixel's channels side by
            side in memory; or ``"nhwc"``, with the channels as the last dimension.

    Raises:
        ValueError: A value is out of its range; the message names it.
    """

    resize_px: Sides | None = 256
    crop_px: Sides | None = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: Interpolation = "bilinear"
    longest_px: int | None = None
    colour: Colour = "rgb"
    value_range: ValueRange = "0..1"
    layout: Layout = "nchw"

    def __post_init__(self) -> None:
        self._check_sizes()
        if len(self.mean) != self.channels or len(self.std) != self.channels or min(self.std) <= 0:
            raise ValueError(
                f"mean and std need a number each for {CHANNELS[self.colour]}, those of std above "
                f"0; got {self.mean} and {self.std}"
            )
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} must be one of {words}, not {getattr(self, name)!r}")

    def _check_sizes(self) -> None:
        for name in ("resize_px", "crop_px", "longest_px"):
            sides = getattr(self, name)
            if sides is not None and min(_pair(sides)) < 1:
                raise ValueError(f"{name} must be at least 1, not {sides}")
        if self.longest_px is not None and not isinstance(self.resize_px, int):
            raise ValueError(
                "longest_side goes with a resize of one number, the shorter side: it bounds the "
                f"longer one; resize is {self.resize_px}"
            )
        if self.crop_px is None or self.resize_px is None:
            return
        crop, room = _pair(self.crop_px), _pair(self.resize_px)
        if any(wanted > there for wanted, there in zip(crop, room, strict=True)):
            whole = f"a picture resized to {_text(self.resize_px)}"
            side = f"a shorter side resized to {self.resize_px} px"
            raise ValueError(
                f"a crop of {_text(self.crop_px)} does not fit into "
                f"{side if isinstance(self.resize_px, int) else whole}"
            )

    @property
    def channels(self) -> int:
        """How many channels the model's input has."""
        return 1 if self.colour == "grey" else 3

    @property
    def square_pixels(self) -> int:
        """How many pixels a square picture is resized to; 0 where pictures keep their size."""
        return 0 if self.resize_px is None else math.prod(self._resized((1, 1)))

    @property
    def enough_px(self) -> int | None:
        """The shorter side, in pixels, below which a picture must not be reduced; None for any."""
        return None if self.resize_px is None else max(_pair(self.resize_px))

    def place(self, size: Size, max_pixels: int | None = MAX_PIXELS) -> Placement:
        """Where the model's input lies in a picture.

        Args:
            size: Width and height of the picture, in pixels.
            max_pixels: Most pixels that it may have after resizing and cropping; None for any.

        Raises:
            RequestError: Nothing, too little or too much would be left of it.
        """
        resized = self._resized(size)
        placement = Placement(size, resized, self._crop(resized))
        told = f"a picture of {_by(size)} pixels would be resized to {_by(resized)}"
        if min(resized) < 1:
            raise RequestError(f"{told}: nothing is left of it; send one that is less elongated")
        if any(crop > there for crop, there in zip(placement.seen, resized, strict=True)):
            raise RequestError(
                f"expected a picture of at least {_by(placement.seen)} pixels, which are cropped "
                f"from it{'' if size == resized else ' after resizing'}, got one of {_by(size)}"
                f"{'' if size == resized else f', which becomes {_by(resized)}'}"
            )
        if max_pixels is not None and math.prod(placement.seen) > max_pixels:
            raise RequestError(f"{told}: more than {max_pixels:,} pixels; {self._remedy(size)}")
        # Of a strip only the crop is made, of all others the whole before it is cropped.
        made = math.prod(placement.seen if is_strip(resized) else resized)
        if resized != size and made > max(math.prod(size), MOST_RESIZED_PIXELS):
            raise RequestError(
                f"{told}: more than {MOST_RESIZED_PIXELS:,} pixels; {self._remedy(size)}"
            )
        return placement

    def crop(self, picture: Picture, placement: Placement | None = None) -> torch.Tensor:
        """Resize and crop *picture*.

        Args:
            picture: The picture.
            placement: What `place` said of it, when that is known already.

        Returns:
            The pixels that the model will see, ``(height, width, 3)`` uint8.

        Raises:
            RequestError: As `place` does.
        """
        placement = placement or self.place(picture.size)
        if placement.resized != picture.size:
            return picture.resized(placement.resized, placement.crop, self.interpolation)
        left, top, right, bottom = placement.crop
        return picture.pixels()[top:bottom, left:right]

    def normalise(
        self, crops: Sequence[torch.Tensor], device: torch.device
    ) -> torch.Tensor | list[torch.Tensor]:
        """Make a model's input of what `crop` returned.

        Args:
            crops: The crops of a batch, each ``(height, width, 3)`` uint8.
            device: Where the arithmetic is done: the crops travel there as bytes.

        Returns:
            The batch, ``(B, channels, height, width)`` float32 on *device* (the channels last with
            the layout ``"nhwc"``); of crops that differ in size a list without the first dimension.
        """
        if len({crop.shape for crop in crops}) > 1:
            return [self._normalised(crop[None].to(device))[0] for crop in crops]
        if not crops:
            return self._normalised(torch.empty((0, *self._shape_of_nothing(), 3), device=device))
        return self._normalised(torch.stack(list(crops)).to(device))

    def _normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """The model's input for ``(B, H, W, 3)`` uint8, on its device."""
        whole = torch.preserve_format if self.layout == "channels_last" else torch.contiguous_format
        channels = self._channels_of(pixels)
        shape: tuple[int, ...] = (-1, 1, 1)
        if self.layout == "nhwc":
            values, shape = channels.to(torch.float32), (-1,)
        else:
            values = channels.permute(0, 3, 1, 2).to(torch.float32, memory_format=whole)
        if self.value_range == "0..1" and not any(self.mean) and set(self.std) == {1.0}:
            return values.div_(_WHITE)  # to the last bit as `ToTensor`
        white = _WHITE if self.value_range == "0..1" else 1.0
        factor, shift = _factor_and_shift(self.mean, self.std, white, pixels.device)
        return values.mul_(factor.view(shape)).add_(shift.view(shape))

    def _channels_of(self, pixels: torch.Tensor) -> torch.Tensor:
        """The channels that are asked for, ``(B, H, W, channels)``, of red, green and blue."""
        if self.colour == "rgb":
            return pixels
        if self.colour == "bgr":
            return pixels.flip(-1)
        red, green, blue = (
            each.to(torch.int32) * share
            for each, share in zip(pixels.unbind(-1), _LUMA, strict=True)
        )
        grey = red.add_(green).add_(blue).add_(1 << (_LUMA_BITS - 1))
        return grey.bitwise_right_shift_(_LUMA_BITS)[..., None]

    def _resized(self, size: Size) -> Size:
        """Width and height after resizing; the longer side is rounded down, as torchvision does."""
        if self.resize_px is None:
            return size
        if not isinstance(self.resize_px, int):
            height, width = self.resize_px
            return width, height
        shorter_px, longer_px = self.resize_px, int(self.resize_px * max(size) / min(size))
        if self.longest_px is not None and longer_px > self.longest_px:
            shorter_px, longer_px = int(self.longest_px * shorter_px / longer_px), self.longest_px
        width, height = size
        return (shorter_px, longer_px) if width <= height else (longer_px, shorter_px)

    def _remedy(self, size: Size) -> str:
        """What helps where a picture would be resized to too many pixels."""
        if math.prod(self._resized((min(size), min(size)))) > MOST_RESIZED_PIXELS:
            return "send a larger one, or set a smaller resize"
        return "send one that is less elongated"

    def _crop(self, resized: Size) -> Box:
        """The crop; halves of pixels are rounded to even, as torchvision does."""
        if self.crop_px is None:
            return 0, 0, *resized
        height, width = _pair(self.crop_px)
        left, top = round((resized[0] - width) / 2), round((resized[1] - height) / 2)
        return left, top, left + width, top + height

    def _shape_of_nothing(self) -> tuple[int, int]:
        sides = self.crop_px if self.crop_px is not None else self.resize_px
        return (0, 0) if sides is None else _pair(sides)


_WORDS = {
    "interpolation": INTERPOLATIONS,
    "colour": tuple(CHANNELS),
    "value_range": VALUE_RANGES,
    "layout": LAYOUTS,
}


def stacked(tensors: list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
    """One tensor ``(B, …)`` of *tensors*; themselves where they differ in shape."""
    return torch.stack(tensors) if len({each.shape for each in tensors}) == 1 else tensors


def _pair(sides: Sides) -> tuple[int, int]:
    return (sides, sides) if isinstance(sides, int) else sides


def _text(sides: Sides) -> str:
    return f"{sides} px" if isinstance(sides, int) else f"{sides[1]} x {sides[0]} px"


def _by(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


@functools.lru_cache(maxsize=64)
def _factor_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], white: float, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """(pixel / white - mean) / std as pixel * factor + shift; kept, since sending takes time."""
    with torch.inference_mode(mode=False):
        means, deviations = torch.tensor(mean), torch.tensor(std)
        return (1 / (white * deviations)).to(device), (-means / deviations).to(device)


IMAGENET = ImagePreset()
"""What the ImageNet classifiers of torchvision, and TorchServe's handler, were made for."""

WHOLE_PICTURE = ImagePreset(None, None, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""What the object detectors of torchvision, and TorchServe's handler, were made for: pictures in
their own size, scaled to 0…1."""
