"""What a row of a batch holds: pictures, encoded or decoded, or a tensor as nested lists."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from default_handlers.parts import described, other_parts, value_of
from ts_sdk.errors import RequestError
from ts_sdk.tensors.values import tensor_of

Input = bytes | Image.Image | torch.Tensor
"""Encoded picture, decoded picture, or a tensor that needs no preparation."""

_EXPECTED = (
    "expected a picture's bytes, the same as base64 text, or nested lists of numbers (a tensor)"
)
_URLSAFE_TO_STANDARD = str.maketrans("-_", "+/")
_ENCODED = (bytes, bytearray, memoryview)


@dataclass(frozen=True)
class Sent:
    """What one request holds.

    Attributes:
        values: Pictures or a tensor, not decoded yet.
        names: What each of several is called when it is refused; None for a single one, which
            needs no name.
    """

    values: tuple[Any, ...]
    names: tuple[str, ...] | None = None


def sent_in(row: Any) -> Sent:  # noqa: ANN401 - a row holds what was sent
    """Read one row of a batch.

    Args:
        row: A dict from part name to value with the part ``data``, ``body`` or one of any other
            name, or with several parts that are pictures; or the value itself, as the `body`
            envelope hands it over. A value that is a list of pictures, each its bytes or base64
            text, stands for several.

    Raises:
        RequestError: The row has no such part.
    """
    parts = other_parts(row) if isinstance(row, Mapping) else {}
    several = tuple(parts.values())
    if len(several) > 1 and all(isinstance(each, (*_ENCODED, Image.Image)) for each in several):
        count = len(several)
        named = [f"picture {at} of {count} (part {name})" for at, name in enumerate(parts, start=1)]
        return Sent(several, tuple(named))
    value = value_of(row, _EXPECTED)
    if isinstance(value, list | tuple) and value and all(map(_is_picture, value)):
        count = len(value)
        return Sent(tuple(value), tuple(f"picture {at + 1} of {count}" for at in range(count)))
    return Sent((value,))


def input_of(value: Any) -> Input:  # noqa: ANN401 - as above
    """Read one value of `Sent`.

    Returns:
        The picture's bytes, the Pillow image, or a finite float32 tensor of the numbers given.

    Raises:
        RequestError: It is of no kind that is understood.
    """
    if isinstance(value, _ENCODED):
        return bytes(value)
    if isinstance(value, str):
        return _bytes_of_text(value)
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, list | tuple | np.ndarray | torch.Tensor):
        return _tensor_of(value)
    raise RequestError(f"{_EXPECTED}, got {described(value)}")


def _is_picture(value: object) -> bool:
    return isinstance(value, (str, *_ENCODED, Image.Image))


def _bytes_of_text(text: str) -> bytes:
    """Decode base64, also as a ``data:`` URL, wrapped in lines, or in the URL-safe alphabet."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        compact = "".join(encoded.split()).translate(_URLSAFE_TO_STANDARD)
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError) as error:
        start = text[:40]
        raise RequestError(
            f"text must be a picture in base64, got {len(text):,} characters that are not: "
            f"{start!r}{'...' if len(text) > len(start) else ''}"
        ) from error


def _tensor_of(value: Any) -> torch.Tensor:  # noqa: ANN401 - lists of lists of numbers, an array or a tensor
    given = tensor_of(value)
    if given.is_complex():
        raise RequestError(f"{_EXPECTED}, got complex numbers")
    if not given.numel():
        raise RequestError(f"the tensor is empty: its shape is {tuple(given.shape)}")
    floats = given.to("cpu", torch.float32, copy=True)  # the caller keeps what it holds
    if not floats.isfinite().all():
        raise RequestError("the tensor holds NaN, infinity or numbers that float32 cannot hold")
    return floats
