"""Masks and class maps as PNG files."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from default_handlers.class_maps import ClassMap
from default_handlers.palette import BLACK, WHITE, colour_of

CONTENT_TYPE = "image/png"

NO_CLASS_OF_8_BITS = 255
NO_CLASS_OF_16_BITS = 65535
"""What stands for no class; what -1 becomes."""


def class_map_png(found: ClassMap) -> bytes:
    """The file of a class map.

    Returns:
        A PNG whose pixels are the class numbers, with a palette in which class 0 is black and
        `default_handlers.palette` has the others; 255 stands for no class, and is white. A class
        above 254 makes it a grey PNG of 16 bits, in which 65535 stands for no class. Of a model of
        one class it is a grey PNG of the foreground's probability, from 0 to 255.
    """
    if found.is_foreground and found.probabilities is not None:
        levels = np.rint(found.probabilities * 255).clip(0, 255)
        return _png(Image.fromarray(levels.astype(np.uint8)))
    if found.numbers.max(initial=0) >= NO_CLASS_OF_8_BITS:
        return _png(Image.fromarray(found.numbers.astype(np.uint16)))
    image = Image.fromarray(found.numbers.astype(np.uint8))
    classes = [BLACK, *map(colour_of, range(1, NO_CLASS_OF_8_BITS)), WHITE]
    image.putpalette([level for colour in classes for level in colour])
    return _png(image)


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """The file of a mask ``(H, W)``: a grey PNG, 255 inside and 0 outside."""
    return _png(Image.fromarray(mask.astype(np.uint8) * 255))


def as_text(file: bytes) -> str:
    """*file* in base64, for JSON."""
    return base64.b64encode(file).decode()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
