"""Pictures as files in memory: encoded from pixels, recognised, and made up."""

import io
import os
import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from ts_sdk.testing.sent_files import BINARY, bytes_of_file

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from PIL import Image

    Picture = (
        str
        | os.PathLike[str]
        | bytes
        | bytearray
        | memoryview
        | Image.Image
        | NDArray[np.uint8]
        | torch.Tensor
    )
    """A path, an encoded picture, or pixels."""

_JPEG = "JPEG"
_WITHOUT_ALPHA = ("L", "RGB", "CMYK")
"""Modes that a JPEG can hold."""
_DEEP = ("I", "F")
"""What Pillow's names of modes with more than 8 bits a level begin with."""
_DEEP_FORMATS = ("PNG", "TIFF")
_MARKS = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"BM", "image/bmp"),
)
"""Where in a file a mark is, and the media type that goes with it."""
_CHANNELS = (1, 3, 4)
_OCTAVES = 6
_SHAPES = 5


def encoded_picture(
    image: "Picture",
    format: str | None,  # noqa: A002 - as `image_request`
    quality: int = 95,
) -> tuple[bytes, str]:
    """A picture's bytes and their media type; see `image_request`."""
    if not is_pixels(image):
        content = _content_of(image)
        if format is None:
            return content, media_type_of(content) or BINARY
        image = _opened(content)
    return _encoded(_as_image(image), format or _JPEG, quality)


def is_pixels(value: object) -> "TypeGuard[Image.Image | NDArray[np.uint8] | torch.Tensor]":
    """Whether *value* is a Pillow image, an array or a tensor."""
    pillow = sys.modules.get("PIL.Image")  # without it there is no image of its class
    is_image = pillow is not None and isinstance(value, pillow.Image)
    return is_image or (hasattr(value, "shape") and hasattr(value, "dtype"))


def media_type_of(content: bytes) -> str | None:
    """The media type of an encoded picture, by its first bytes; None when it is none."""
    return next(
        (kind for at, mark, kind in _MARKS if content[at : at + len(mark)] == mark),
        None,
    )


def random_image(size: tuple[int, int] = (224, 224), seed: int = 0) -> "Image.Image":
    """A picture that is somewhat like a photograph: shades at every scale, objects, edges, noise.

    Unlike plain noise, it survives JPEG, and resizing leaves something of it.

    Args:
        size: Width and height in pixels.
        seed: The same seed gives the same picture.

    Returns:
        An RGB image.
    """
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    levels = np.zeros((size[1], size[0], 3))
    for octave in range(_OCTAVES):
        cells = 2 << octave
        grey = random.uniform(0, 255, (cells, cells, 1))
        coloured = 0.7 * grey + 0.3 * random.uniform(0, 255, (cells, cells, 3))
        grid = Image.fromarray(coloured.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        levels += (np.asarray(grid) - 127.5) / 2**octave
    levels = 127.5 + levels + random.normal(0, 2, levels.shape)
    image = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    _draw_shapes(image, random)
    return image


def _draw_shapes(image: "Image.Image", random: "np.random.Generator") -> None:
    """Objects with sharp edges, each of one colour and half transparent."""
    from PIL import ImageDraw

    canvas = ImageDraw.Draw(image, "RGBA")
    for _ in range(_SHAPES):
        across, down = random.uniform(0, 1, 2) * image.size
        reach_x, reach_y = random.uniform(0.05, 0.3, 2) * image.size
        colour = (*map(int, random.integers(0, 256, 3)), 160)
        canvas.ellipse(
            (across - reach_x, down - reach_y, across + reach_x, down + reach_y), fill=colour
        )


def _content_of(image: Any) -> bytes:  # noqa: ANN401 - a path or bytes
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str | os.PathLike):
        return bytes_of_file(image)
    raise TypeError(
        f"expected a path, bytes, a Pillow image, an array or a tensor, not {type(image).__name__}"
    )


def _opened(content: bytes) -> "Image.Image":
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"this is no picture that can be encoded anew: {error}; leave out format= to send the "
            "bytes as they are"
        ) from error
    return image


def _as_image(pixels: Any) -> "Image.Image":  # noqa: ANN401 - an image, an array or a tensor
    from PIL import Image

    if isinstance(pixels, Image.Image):
        return pixels
    array = _levels(pixels)
    if array.shape[-1] == 1:
        array = array[..., 0]
    return Image.fromarray(array)


def _levels(pixels: Any) -> "NDArray[np.uint8]":  # noqa: ANN401 - an array or a tensor
    """Pixels as ``(H, W, C)`` uint8."""
    import numpy as np

    is_tensor = hasattr(pixels, "detach")
    array = _of_tensor(pixels) if is_tensor else np.asarray(pixels)
    if not is_tensor and array.ndim == len("HW"):
        array = array[..., None]
    if is_tensor and array.ndim == len("CHW"):
        array = array.transpose(1, 2, 0)
    good = array.dtype == np.uint8 and array.ndim == len("HWC") and array.shape[-1] in _CHANNELS
    if not good:
        kind = str(pixels.dtype).removeprefix("torch.")
        raise ValueError(
            "pixels are an array (H, W), (H, W, 3) or (H, W, 4) of uint8, or a tensor (C, H, W) of "
            f"uint8 or floats with 1, 3 or 4 channels, not {kind} {tuple(pixels.shape)}"
        )
    return array


def _of_tensor(tensor: "torch.Tensor") -> "NDArray[Any]":
    """A tensor as an array; of floating levels from 0 to 1, those from 0 to 255."""
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.numpy()
    tensor = tensor.float()
    if not bool(((tensor >= 0) & (tensor <= 1)).all()):
        raise ValueError(
            "a floating tensor's levels must be from 0 to 1: undo its normalisation, or send it as "
            "numbers, with tensor_request()"
        )
    return (tensor * 255).round().byte().numpy()


def _encoded(image: "Image.Image", name: str, quality: int) -> tuple[bytes, str]:
    from PIL import Image

    kind = "JPEG" if name.upper() == "JPG" else name.upper()
    if image.mode[0] in _DEEP and kind not in _DEEP_FORMATS:
        raise ValueError(
            f"{name} holds 8 bits a level, and this picture has more (mode {image.mode}): send it "
            "with format='png' or 'tiff'"
        )
    file = io.BytesIO()
    try:
        if kind == _JPEG and image.mode not in _WITHOUT_ALPHA:
            image = image.convert("RGB")
        image.save(file, kind, quality=quality)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"a {image.mode} picture cannot be sent as {name}: {error}") from error
    return file.getvalue(), Image.MIME.get(kind, BINARY)
