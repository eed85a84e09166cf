"""From a picture's bytes to pixels, or to a sentence that says why not.

JPEGs are decoded by libjpeg-turbo straight to packed RGB (package `simplejpeg`): the same pixels as
Pillow's in half of its time, and without torchvision, whose import takes as long as torch's own and
whose decoders are going away. Everything else, and every JPEG about which libjpeg-turbo has the
least complaint, is decoded by Pillow: what Pillow accepts is accepted.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps

from default_handlers.colours import as_rgb
from default_handlers.damage import MOST_PIXELS_PER_BYTE, damage_in, wrong_png_checksum
from default_handlers.file_kinds import describe
from default_handlers.pictures import Picture, Size, is_strip
from ts_sdk.errors import RequestError

MAX_PIXELS = 178_956_970
"""Most pixels of a picture unless told otherwise: where Pillow, and so TorchServe, refuses one."""

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Formats that are decoded, by Pillow's names. Pillow has more, but some of them start other
programs (EPS), claim bytes of any kind (TGA), turn out larger than they said (ICO) or are decoded
in Python, which takes minutes for a large one (QOI)."""

_PREFIX_BYTES = 16
_PPM_START = re.compile(rb"P[1-6f][\s#]")
_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)
_FIRST_TRANSPOSED = 5
_REDUCTIONS = ((8, 2.0), (4, 2.0), (2, 1.25))
"""By how much a JPEG may be reduced, and how many times the side that is wanted must then be left.
Half saves most of the time, the others little more, so they may not cost much likeness. (The scales
between these are slower and less alike: only these have vector code in libjpeg-turbo.)"""
_REMARKS = ("ignore", None, UserWarning, re.compile(r"PIL\."), 0)
"""An entry of `warnings.filters` for what Pillow has to say about odd metadata."""


def decode(
    data: bytes, *, max_pixels: int | None = MAX_PIXELS, shorter_side_px: int | None = None
) -> Picture:
    """Decode a picture to RGB; of an animation, its first frame.

    Args:
        data: The file's contents.
        max_pixels: Most pixels that the picture may have, None for any number.
        shorter_side_px: When given, a JPEG may be decoded at a half, a quarter or an eighth of its
            scale if its shorter side is left well above this many pixels: faster, and not quite
            the same pixels.

    Returns:
        The picture; its colours are as `default_handlers.colours.as_rgb` makes them.

    Raises:
        RequestError: It is no picture, is damaged or has too many pixels; the message says which.
    """
    kind, image = _open(data, max_pixels)
    pixels = _libjpeg_turbo_pixels(image, data, shorter_side_px)
    if pixels is not None:
        return _picture(pixels, image)
    with _refusing_damage(f"the {kind} of {_text(image.size)} cannot be decoded", kind, data):
        _load(image, data)
        return _picture(as_rgb(image), image)


def decode_as_stored(data: bytes, *, max_pixels: int | None = MAX_PIXELS) -> Image.Image:
    """Decode a picture to an upright Pillow image in whatever mode Pillow opens it.

    Args:
        data: The file's contents.
        max_pixels: Most pixels that the picture may have, None for any number.

    Raises:
        RequestError: It is no picture, is damaged or has too many pixels; the message says which.
    """
    kind, image = _open(data, max_pixels)
    with _refusing_damage(f"the {kind} of {_text(image.size)} cannot be decoded", kind, data):
        _load(image, data)
        return image if _orientation(image) == _UPRIGHT else ImageOps.exif_transpose(image)


def as_picture(image: Image.Image) -> Picture:
    """The picture that a Pillow image holds.

    Raises:
        RequestError: Its pixels cannot be read.
    """
    try:
        image.load()
        rgb = as_rgb(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise RequestError(f"the Pillow image cannot be read: {error}") from error
    return _picture(rgb, image)


def _open(data: bytes, max_pixels: int | None) -> tuple[str, ImageFile.ImageFile]:
    """Read the header, and refuse what is no picture or too large."""
    kind = _kind_of(data)
    if kind is None:
        raise RequestError(f"expected a picture ({', '.join(KINDS)}), got {describe(data)}")
    _keep_remarks_out_of_the_log()
    # Not `Image.open`: the limit that it enforces is one for the whole process.
    with _refusing_damage(f"the header of the {kind} cannot be read", kind, data):
        image = Image.OPEN[kind][0](io.BytesIO(data), "")
    _check_size(kind, image.size, len(data), max_pixels)
    return kind, image


def _kind_of(data: bytes) -> str | None:
    Image.init()
    prefix = data[:_PREFIX_BYTES]
    for kind in KINDS:
        _, accepts = Image.OPEN.get(kind, (None, None))
        # A plugin whose library is missing answers with a sentence in place of True.
        if accepts is not None and accepts(prefix) is True:
            # Pillow takes any text that starts like "Python" or "P2P" for a PPM.
            return kind if kind != "PPM" or _PPM_START.match(prefix) else None
    return None


def _check_size(kind: str, size: Size, size_bytes: int, max_pixels: int | None) -> None:
    width, height = size
    pixels = width * height
    claim = f"the {kind} says that it is {_text(size)}"
    if width < 1 or height < 1:
        raise RequestError(f"{claim}: it has no pixels")
    if max_pixels is not None and pixels > max_pixels:
        raise RequestError(
            f"{claim}, {pixels:,} pixels; at most {max_pixels:,} are decoded here "
            "(setting max_pixels): send a smaller picture"
        )
    if pixels > size_bytes * MOST_PIXELS_PER_BYTE.get(kind, pixels):
        raise RequestError(f"{claim}, but {size_bytes:,} bytes cannot hold that many pixels")


def _libjpeg_turbo_pixels(
    image: ImageFile.ImageFile, data: bytes, shorter_side_px: int | None
) -> NDArray[np.uint8] | None:
    """The pixels of an ordinary JPEG ``(H, W, 3)``; None when Pillow must decide."""
    if image.format not in ("JPEG", "MPO") or image.mode not in ("RGB", "L"):
        return None
    if is_strip(image.size):
        # Only a Pillow image can be resized without making all of it.
        return None
    width, height = image.size
    try:
        if simplejpeg.decode_jpeg_header(data)[:2] != (height, width):
            # The limit was checked on the size that Pillow read.
            return None
        divisor = _reduction(image.size, shorter_side_px) if shorter_side_px else 1
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, "RGB", min_height=-(-height // divisor), min_width=-(-width // divisor)
        )
    except ValueError:
        return None
    return pixels


def _reduction(size: Size, shorter_side_px: int) -> int:
    for divisor, times in _REDUCTIONS:
        if min(size) >= divisor * times * shorter_side_px:
            return divisor
    return 1


def _load(image: ImageFile.ImageFile, data: bytes) -> None:
    if image.format == "PNG" and (chunk := wrong_png_checksum(data)):
        raise ValueError(f"the checksum of {chunk} is wrong")
    image.load()


@contextmanager
def _refusing_damage(subject: str, kind: str, data: bytes) -> Iterator[None]:
    """Turn whatever a decoder raises on hostile bytes into a refusal of the request.

    The reason is sought in the bytes; what the decoder said is chained.
    """
    try:
        yield
    except (MemoryError, RequestError):
        raise
    except Image.DecompressionBombError as error:
        limit = Image.MAX_IMAGE_PIXELS
        raise RequestError(
            f"{subject}: it is larger than PIL.Image.MAX_IMAGE_PIXELS, {limit}"
        ) from error
    except Exception as error:
        raise RequestError(f"{subject}: {damage_in(kind, data)}") from error


def _picture(stored: Image.Image | NDArray[np.uint8], opened: Image.Image) -> Picture:
    """Pixels with the facts of the image that they come from.

    It is called when the pixels are there, not before: Pillow turns a TIFF, and finds the last
    tags of a PNG, while it loads it.
    """
    orientation = _orientation(opened)
    width, height = opened.size
    size = (width, height) if orientation < _FIRST_TRANSPOSED else (height, width)
    return Picture(stored, size, orientation)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 when there is none or it makes no sense."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
    except Exception:  # noqa: BLE001 - broken metadata may raise anything, and are no reason to refuse
        return _UPRIGHT
    return orientation if orientation in _ORIENTATIONS else _UPRIGHT


def _text(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def _keep_remarks_out_of_the_log() -> None:
    # `warnings.catch_warnings` is not safe with threads. The filter is looked for each time, since
    # whoever resets the filters (each test of pytest does) takes it away.
    if _REMARKS not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
