"""From any of Pillow's modes to 8-bit RGB."""

import numpy as np
from PIL import Image

from ts_sdk.errors import RequestError

_FULL_RANGES: dict[str, tuple[float, ...]] = {
    "u": (65535.0,),
    "i": (255.0, 65535.0),
    "f": (1.0, 255.0, 65535.0),
}
"""NumPy's kind of number → the greatest value that white may have in a picture of such numbers."""
_PREMULTIPLIED = {"RGBa": "RGBA", "La": "LA"}
"""Modes that Pillow converts to RGB only by way of another."""


def as_rgb(image: Image.Image) -> Image.Image:
    """Convert *image* to mode RGB.

    Transparency is dropped as `Image.convert("RGB")` of Pillow drops it: the colours under
    transparent pixels show. Numbers of more than 8 bits are scaled to 8: 16-bit integers from
    0…65535; 32-bit integers from 0…255 or 0…65535, and floats from 0…1, 0…255 or 0…65535, in each
    case the smallest range that holds all of the picture; what none holds is scaled from its own
    least value to its own greatest.

    Raises:
        RequestError: The picture holds floats that are NaN or infinite.
    """
    if image.mode == "RGB":
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _as_8_bits(image)
    elif image.mode in _PREMULTIPLIED:
        image = image.convert(_PREMULTIPLIED[image.mode])
    return image.convert("RGB")


def _as_8_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise RequestError("the picture's pixels are floats, and some are NaN or infinite")
    kind = np.asarray(image).dtype.kind
    black, white = _range_of(float(values.min()), float(values.max()), _FULL_RANGES[kind])
    return Image.fromarray(np.rint((values - black) * (255 / (white - black))).astype(np.uint8))


def _range_of(least: float, greatest: float, full: tuple[float, ...]) -> tuple[float, float]:
    """The values that become 0 and 255."""
    for white in full:
        if least >= 0 and greatest <= white:
            return 0.0, white
    return least, max(greatest, least + 1)
