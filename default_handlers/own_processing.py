"""Pictures prepared by a subclass's own `image_processing`, in the way of TorchServe."""

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image

from default_handlers.colours import as_rgb
from default_handlers.decoding import decode_as_stored

_SIMPLE_MODES = frozenset({"1", "L", "RGB", "I", "F"})


def processed(
    processing: Callable[[Image.Image], Any],
    given: bytes | Image.Image,
    max_pixels: int | None,
    owner: str,
) -> torch.Tensor:
    """What *processing* makes of a picture.

    Args:
        processing: Makes a tensor of an upright picture in Pillow's mode ``RGB``, or in that of a
            grey one.
        given: The picture's file, or the picture.
        max_pixels: Most pixels that it may have, None for any number.
        owner: What *processing* is called in a message.

    Raises:
        RequestError: It is no picture, is damaged or has too many pixels.
        TypeError: *processing* makes something else of it.
    """
    image = (
        given if isinstance(given, Image.Image) else decode_as_stored(given, max_pixels=max_pixels)
    )
    if image.mode not in _SIMPLE_MODES and not image.mode.startswith("I;16"):
        image = as_rgb(image)
    try:
        tensor = processing(image)
    except (RuntimeError, TypeError, ValueError):
        # Most are made for colour, and some for grey: TorchServe gave them either unchanged.
        if image.mode == "RGB":
            raise
        tensor = processing(as_rgb(image))
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(
            f"{owner} must return a tensor, not a {type(tensor).__name__}: end it with ToTensor()"
        )
    return tensor
