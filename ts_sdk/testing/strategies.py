"""Requests as hypothesis strategies: valid ones of each kind, and hostile ones.

Needs hypothesis: ``pip install 'ts-sdk[testing]'``.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ts_sdk.rows import JSON, Request
from ts_sdk.testing.hostile import hostile_examples, nested_json, png_that_claims, sent_as
from ts_sdk.testing.picture_files import encoded_picture, random_image
from ts_sdk.testing.requests import image_request, json_request, tensor_request, text_request

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        f"ts_sdk.testing.strategies needs hypothesis: pip install 'ts-sdk[testing]' ({error})",
        name="hypothesis",
    ) from error

if TYPE_CHECKING:
    import torch
    from PIL import Image

Kind = Literal["image", "text", "json", "tensor"]
"""What a handler's requests are."""

_MODES: Mapping[str, Sequence[str]] = {
    "PNG": ("RGB", "L", "RGBA", "LA", "P", "1", "I;16"),
    "JPEG": ("RGB", "L", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("P", "L"),
    "BMP": ("RGB", "L", "1"),
    "TIFF": ("RGB", "L", "RGBA", "CMYK", "I;16"),
}
"""Pillow's name of a format → the modes of its pictures, the plainest first: they shrink to it."""
_WITH_EXIF = frozenset({"PNG", "JPEG", "WEBP", "TIFF"})
_ORIENTATION = 0x0112
_UPRIGHT = 1
_WORDS = ("a", "cat", "is", "not", "good", "Café", "don't", "42", "<br>", "猫", "😺")


@st.composite
def images(
    draw: st.DrawFn,
    *,
    formats: Sequence[str] = tuple(_MODES),
    min_side: int = 1,
    max_side: int = 64,
) -> bytes:
    """Encoded pictures that Pillow reads: formats, modes, sizes and EXIF orientations.

    They shrink to a small upright RGB picture in the first format.

    Args:
        draw: hypothesis' own; not an argument of yours.
        formats: Pillow's names: some of PNG, JPEG, WEBP, GIF, BMP and TIFF.
        min_side: Fewest pixels of a side.
        max_side: Most.
    """
    kind = draw(st.sampled_from([each.upper() for each in formats]))
    sides = st.integers(min_side, max_side)
    image = random_image((draw(sides), draw(sides)), draw(st.integers(0, 9)))
    mode = draw(st.sampled_from(_MODES[kind]))
    turned = draw(st.integers(_UPRIGHT, 8)) if kind in _WITH_EXIF else _UPRIGHT
    return _file(_in_mode(image, mode), kind, turned)


def texts(*, min_size: int = 1, max_size: int = 200) -> st.SearchStrategy[str]:
    """Texts: words, and any characters; all can be encoded.

    Args:
        min_size: Fewest characters.
        max_size: Most.
    """
    any_characters = st.text(
        st.characters(exclude_categories=["Cs"]), min_size=min_size, max_size=max_size
    )
    if min_size > 1:
        return any_characters
    words = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=30).map(" ".join)
    return st.one_of(words.map(lambda text: text[:max_size]), any_characters)


def json_values(*, max_leaves: int = 20) -> st.SearchStrategy[Any]:
    """JSON values, nested; numbers are finite.

    Args:
        max_leaves: About how many numbers, texts, ... a value holds at most.
    """
    floats = st.floats(allow_nan=False, allow_infinity=False)
    whole = st.integers(-(2**53), 2**53)
    leaves = st.one_of(st.none(), st.booleans(), whole, floats, texts(min_size=0, max_size=20))
    return st.recursive(
        leaves,
        lambda inside: st.one_of(
            st.lists(inside, max_size=5),
            st.dictionaries(texts(min_size=0, max_size=10), inside, max_size=5),
        ),
        max_leaves=max_leaves,
    )


def tensors(
    shape: Sequence[int] | st.SearchStrategy[Sequence[int]],
    *,
    min_value: float = -10.0,
    max_value: float = 10.0,
) -> "st.SearchStrategy[torch.Tensor]":
    """Tensors of float32; they shrink to zeros.

    Args:
        shape: Their shape, or a strategy of shapes.
        min_value: The smallest number in them.
        max_value: The largest.
    """
    import numpy as np
    import torch
    from hypothesis.extra import numpy as arrays

    shapes = shape if isinstance(shape, st.SearchStrategy) else st.just(shape)
    numbers = st.floats(min_value, max_value, width=32)
    return shapes.flatmap(
        lambda sizes: arrays.arrays(np.float32, tuple(sizes), elements=numbers)
    ).map(torch.from_numpy)


def valid_requests(kind: Kind, *, shape: Sequence[int] | None = None) -> st.SearchStrategy[Request]:
    """Requests that a handler should answer.

    Args:
        kind: ``image``: a picture as the body or in the form's part ``data``. ``text``: text.
            ``json``: any JSON value. ``tensor``: nested lists of numbers.
        shape: That of a tensor, without a dimension for the batch.
    """
    if kind == "image":
        return st.builds(
            lambda content, part: image_request(content, part=part),
            images(),
            st.sampled_from([None, "data"]),
        )
    if kind == "text":
        return texts().map(text_request)
    if kind == "json":
        return json_values().map(json_request)
    if kind != "tensor":
        raise ValueError(f"kind must be image, text, json or tensor, not {kind!r}")
    if shape is None:
        raise ValueError("valid_requests('tensor') needs shape=, without a dimension for the batch")
    return tensors(shape).map(tensor_request)


def hostile_requests() -> st.SearchStrategy[Request]:
    """Requests that no good client sends, and a server gets all the same.

    A handler answers each, or refuses it with a status from 400 to 499. They shrink to the first of
    `hostile_examples`.
    """
    examples = hostile_examples()
    named = st.sampled_from(list(examples)).map(examples.__getitem__)
    types = st.sampled_from([JSON, "text/plain", "image/jpeg", "application/octet-stream", ""])
    sides = st.integers(0, 2**31 - 1)
    return st.one_of(
        named,
        st.builds(sent_as, st.binary(max_size=200), types),
        st.builds(sent_as, _truncated(), st.just("image/jpeg")),
        st.builds(sent_as, st.builds(png_that_claims, sides, sides), st.just("image/png")),
        st.builds(sent_as, st.integers(1, 2_000).map(nested_json), st.just(JSON)),
        st.builds(json_request, json_values()),
    )


@st.composite
def _truncated(draw: st.DrawFn) -> bytes:
    """The beginning of a picture."""
    content = draw(images(max_side=16))
    return content[: draw(st.integers(0, len(content) - 1))]


def _in_mode(image: "Image.Image", mode: str) -> "Image.Image":
    if mode == "I;16":
        import numpy as np
        from PIL import Image

        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


def _file(image: "Image.Image", kind: str, orientation: int) -> bytes:
    if orientation == _UPRIGHT:
        return encoded_picture(image, kind)[0]
    exif = image.getexif()
    exif[_ORIENTATION] = orientation
    file = io.BytesIO()
    image.save(file, kind, exif=exif)
    return file.getvalue()
