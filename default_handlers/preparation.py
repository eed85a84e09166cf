"""`Preparation`: from what a request holds to its share of the model's input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from default_handlers.decoding import as_picture, decode
from default_handlers.inputs import input_of
from default_handlers.own_processing import processed
from default_handlers.pictures import Size
from default_handlers.placement import Placement
from default_handlers.preparing import Prepared
from default_handlers.presets import ImagePreset, stacked
from ts_sdk.errors import RequestError

_PICTURE_DIMENSIONS = 3


@dataclass(frozen=True)
class Preparation:
    """How pictures, and tensors in their place, become the model's input.

    Attributes:
        preset: How pictures are resized, cropped and normalised.
        max_pixels: Most pixels that a picture may have, None for any number.
        fast_decode: Whether JPEGs are decoded at the scale that is needed.
        takes_pictures_only: Whether a tensor must have the dimensions of a picture.
        own: What prepares a picture in place of all this; None for nothing.
        owner: What *own* is called in a message.
    """

    preset: ImagePreset
    max_pixels: int | None
    fast_decode: bool
    takes_pictures_only: bool
    own: Callable[[Image.Image], Any] | None
    owner: str

    def prepare(self, value: Any) -> Prepared:  # noqa: ANN401 - what was sent
        """A picture's share of the batch.

        Raises:
            RequestError: *value* is of no use to the model.
        """
        given = input_of(value)
        if isinstance(given, torch.Tensor):
            if self.takes_pictures_only and given.ndim != _PICTURE_DIMENSIONS:
                raise RequestError(
                    "expected nested lists of channels, rows and numbers (a tensor of shape "
                    f"(3, height, width)), got a tensor of shape {tuple(given.shape)}"
                )
            return Prepared(given, self._placement_in(given), is_sent=True)
        if self.own is not None:
            tensor = processed(self.own, given, self.max_pixels, self.owner)
            return Prepared(tensor, self._placement_in(tensor))
        if isinstance(given, Image.Image):
            picture = as_picture(given)
        else:
            enough_px = self.preset.enough_px if self.fast_decode else None
            picture = decode(given, max_pixels=self.max_pixels, shorter_side_px=enough_px)
        placement = self.preset.place(picture.size, self.max_pixels)
        return Prepared(self.preset.crop(picture, placement), placement, is_crop=True)

    def window(self, value: Any) -> tuple[Size, tuple[float, ...]] | None:  # noqa: ANN401 - as above
        """Width and height of a picture, and the box in it that the model sees, where known."""
        given = input_of(value)
        if isinstance(given, bytes) and self.own is None:
            # Not as `fast_decode` has it, which knows the picture in a smaller size.
            size = decode(given, max_pixels=self.max_pixels).size
            placement: Placement | None = self.preset.place(size, self.max_pixels)
        else:
            placement = self.prepare(value).placement
        if placement is None:
            return None
        seen = torch.tensor([(0.0, 0.0, *placement.seen)])
        return placement.size, tuple(placement.boxes(seen, placement.seen)[0].tolist())

    def batch_of(
        self, prepared: Sequence[Prepared], device: torch.device
    ) -> torch.Tensor | list[torch.Tensor]:
        """The model's input, on *device*; a list of tensors where they differ in shape."""
        crops = [each.tensor for each in prepared if each.is_crop]
        normalised = self.preset.normalise(crops, device)
        if len(crops) == len(prepared):
            return normalised
        of_crops = iter(normalised)
        return stacked(
            [next(of_crops) if each.is_crop else each.tensor.to(device) for each in prepared]
        )

    def _placement_in(self, tensor: torch.Tensor) -> Placement | None:
        """That of a picture of which no more is known than the model's input."""
        if tensor.ndim != _PICTURE_DIMENSIONS:
            return None
        height, width = tensor.shape[:2] if self.preset.layout == "nhwc" else tensor.shape[1:]
        return Placement.unchanged((width, height))
