"""Whether one picture shows what is expected."""

import base64
import io
import sys
import warnings
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from ts_sdk.testing.closeness import Tolerance

_KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_AS_THEY_ARE = {"L", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F"}
"""Modes whose numbers can be compared; a palette's are names of colours."""
_SIXTEEN_BITS = 257.0
"""Levels of 65535 in one of 255."""
_SHORTEST = 24
"""Characters of base64 in which no picture has room."""


def picture_difference(
    got: object, wanted: object, allowed: "Tolerance"
) -> tuple[bool, str | None]:
    """Whether both values are pictures; and in what these differ, None when in nothing."""
    expected = _picture(wanted)
    actual = None if expected is None else _picture(got)
    if expected is None or actual is None:
        return False, None
    if actual.size != expected.size:
        return True, f"a picture of {_text(actual)} instead of {_text(expected)}"
    import numpy as np

    distance = np.abs(_levels(actual, expected) - _levels(expected, actual))
    mean, most = float(distance.mean()), float(distance.max())
    if mean <= allowed.picture_mean and most <= allowed.picture_max:
        return True, None
    return True, (
        f"the pictures are {mean:.3g} levels of 255 apart in the mean and {most:.3g} at most; "
        f"{allowed.picture_mean:g} and {allowed.picture_max:g} allowed (picture_mean, picture_max)"
    )


def _picture(value: Any) -> "Image.Image | None":  # noqa: ANN401 - any value
    """The picture that *value* is, None when it is none."""
    pillow = sys.modules.get("PIL.Image")  # without it there is no image of its class
    if pillow is not None and isinstance(value, pillow.Image):
        return cast("Image.Image", value)
    if isinstance(value, str):
        value = _from_base64(value)
    if not isinstance(value, bytes | bytearray | memoryview) or not len(value):
        return None
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow says about odd metadata
            opened = Image.open(io.BytesIO(value), formats=_KINDS)
            opened.load()
    except Exception:  # noqa: BLE001 - Pillow raises anything for bytes that are no picture
        return None
    return opened


def _from_base64(text: str) -> bytes | None:
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    if len(encoded) < _SHORTEST:
        return None
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except ValueError:
        return None


def _levels(image: "Image.Image", other: "Image.Image") -> "NDArray[Any]":
    """The levels of *image* in a mode in which those of *other* are too."""
    import numpy as np

    if image.mode == other.mode and image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.float64) / _SIXTEEN_BITS
    if image.mode != other.mode or image.mode not in _AS_THEY_ARE:
        image = image.convert("RGBA")
    return np.asarray(image).astype(np.float64)


def _text(image: "Image.Image") -> str:
    return f"{image.size[0]} x {image.size[1]}"
