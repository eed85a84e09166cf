"""Weights in safetensors: a JSON header and raw tensors, no pickle.

Format: https://github.com/huggingface/safetensors#format. A file is read where it is mapped, be it
a file of its own or a member of an archive, which the library of that name does not do.
"""

import json
import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ts_sdk.errors import ModelFormatError

_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 100_000_000  # what the library accepts
_MOST_TENSOR_BYTES = (1 << 63) - 1  # what torch can count
_METADATA = "__metadata__"
_TYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "U16": torch.uint16,
    "I16": torch.int16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
}


def load(path: Path, device: torch.device) -> dict[str, torch.Tensor]:
    """The tensors in *path*, mapped from the file on the CPU.

    Raises:
        ModelFormatError: The file is truncated or lies about its tensors.
    """
    with path.open("rb") as file:
        try:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        except ValueError as error:  # there is nothing in it
            raise _damaged(path.name, str(error)) from error
    return tensors_in(content, path.name, device)


def tensors_in(content: memoryview, name: str, device: torch.device) -> dict[str, torch.Tensor]:
    """The tensors in *content*; on the CPU they are its memory itself.

    Args:
        content: All bytes of a safetensors file, writable; it lives as long as the tensors do.
        name: What the file is called.
        device: Where the tensors shall be.

    Raises:
        ModelFormatError: It is truncated or lies about its tensors.
    """
    try:
        start, header = _header(content)
        described = list(_described(header, len(content) - start))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(name, str(error)) from error
    return {
        key: _tensor(content, start + begin, dtype, shape).to(device)
        for key, dtype, shape, begin in described
    }


def _damaged(name: str, why: str) -> ModelFormatError:
    return ModelFormatError(
        f"{name} is not a whole safetensors file ({why}): save or copy it again"
    )


def _header(content: memoryview) -> tuple[int, dict[str, Any]]:
    """Where the tensors begin, and what is said of them."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + length
    if length > _MOST_HEADER_BYTES or start > len(content):
        raise ValueError(f"its header should have {length} bytes")
    header = json.loads(bytes(content[_LENGTH_BYTES:start]))
    if not isinstance(header, dict):
        raise TypeError(f"its header is a {type(header).__name__}")
    return start, header


def _described(
    header: dict[str, Any], size: int
) -> Iterator[tuple[str, torch.dtype, tuple[int, ...], int]]:
    """Name, type, shape and first byte of each tensor, which lie side by side in *size* bytes."""
    entries = [(key, value) for key, value in header.items() if key != _METADATA]
    end = 0
    for key, entry in sorted(entries, key=lambda item: tuple(item[1]["data_offsets"])):
        dtype, (begin, stop) = _TYPES.get(entry["dtype"]), entry["data_offsets"]
        if dtype is None:
            raise ValueError(f"the numbers of {key} are {entry['dtype']}, which is not known here")
        shape = tuple(entry["shape"])
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, stop)):
            raise ValueError(f"{key} has the shape {list(shape)}")
        if math.prod(size or 1 for size in shape) * dtype.itemsize > _MOST_TENSOR_BYTES:
            raise ValueError(f"{key} has a shape beyond all memory")  # one size of which may be 0
        if begin != end or stop - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"the bytes of {key} are not where its shape says")
        end = stop
        yield key, dtype, shape, begin
    if end != size:
        raise ValueError(f"its tensors have {end} bytes, and there are {size}")


def _tensor(
    content: memoryview, begin: int, dtype: torch.dtype, shape: tuple[int, ...]
) -> torch.Tensor:
    count = math.prod(shape)
    if not count:
        return torch.empty(shape, dtype=dtype)
    raw = torch.frombuffer(content, dtype=torch.uint8, count=count * dtype.itemsize, offset=begin)
    if raw.data_ptr() % dtype.itemsize:
        raw = raw.clone()  # numbers that straddle their places cannot be read everywhere
    return raw.view(dtype).view(shape)
