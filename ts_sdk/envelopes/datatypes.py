"""The datatypes of the Open Inference Protocol, and their elements as bytes.

Tensors in binary form are little-endian, row-major, without gaps; an element of `BYTES` is its
length in four bytes and then itself:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

BYTES = "BYTES"
BF16 = "BF16"

FORMATS = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    BF16: "<f4",  # as an array; NumPy has none of two bytes
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Datatype → NumPy's format of an array of it. `BYTES` is an array of objects."""

_LENGTH = struct.Struct("<I")
_BF16_BYTES = 2
_BY_NAME = {np.dtype(code).name: name for name, code in FORMATS.items() if name != BF16}


def datatype_of(array: NDArray[np.generic]) -> str | None:
    """The datatype of *array*, None when the protocol has none for it."""
    return BYTES if array.dtype.kind in "OSU" else _BY_NAME.get(array.dtype.name)


def numbers_from_bytes(content: bytes, datatype: str) -> NDArray[np.generic]:
    """The numbers that *content* holds, in one dimension.

    Raises:
        ValueError: Its size is no multiple of an element's.
    """
    if datatype != BF16:
        return np.frombuffer(content, FORMATS[datatype])
    upper = np.frombuffer(content, "<u2").astype("<u4")
    return (upper << 16).view("<f4")


def numbers_to_bytes(array: NDArray[np.generic], datatype: str) -> bytes:
    """The elements of *array* as *datatype*, in binary form."""
    numbers = array.astype(FORMATS[datatype])
    if datatype != BF16:
        return numbers.tobytes()
    bits = numbers.view("<u4")
    # Half of the last kept bit is added, less one where that bit is even: to the nearest even.
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet_nan = (bits >> 16) | 0x40  # adding to a NaN could make an infinity of it
    return np.where(np.isnan(numbers), quiet_nan, rounded).astype("<u2").tobytes()


def size_of(datatype: str) -> int:
    """Bytes of one element in binary form."""
    return _BF16_BYTES if datatype == BF16 else np.dtype(FORMATS[datatype]).itemsize


def elements_from_bytes(content: bytes) -> list[bytes]:
    """The elements of a tensor of `BYTES` in binary form.

    Raises:
        ValueError: A length points past the end.
    """
    elements: list[bytes] = []
    at = 0
    while at < len(content):
        start = at + _LENGTH.size
        if start > len(content):
            raise ValueError(f"{len(content) - at} bytes at its end are no length of an element")
        (length,) = _LENGTH.unpack_from(content, at)
        at = start + length
        if at > len(content):
            raise ValueError(
                f"element {len(elements)} should have {length} bytes, and "
                f"{len(content) - start} are left"
            )
        elements.append(content[start:at])
    return elements


def elements_to_bytes(elements: Iterable[bytes]) -> bytes:
    """A tensor of `BYTES` in binary form."""
    return b"".join(_LENGTH.pack(len(element)) + element for element in elements)
