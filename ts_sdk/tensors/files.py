"""Tensors in the bytes of a body: `.npy`, `.npz`, `torch.save`, safetensors, or JSON.

The bytes are a stranger's. Nothing in them is unpickled but tensors, and nothing that a header
claims is believed before it is compared with the bytes that are there.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import torch

from ts_sdk.errors import RequestError
from ts_sdk.tensors.npy import NPY_MARK, read_npy

_KNOWN = "JSON, a .npy or .npz file, what torch.save wrote of tensors, or safetensors"
_ZIP = b"PK\x03\x04"
_LENGTH_BYTES = 8
_UNPACKED_BYTES = 1 << 28
"""How large a small compressed file may become."""


def read_content(content: bytes) -> Any:  # noqa: ANN401 - a tensor, arrays or tensors by name, or a JSON value
    """What *content* holds: an array, a tensor, some of them by name, or a decoded JSON value.

    Raises:
        RequestError: It is none of these, damaged, or holds more than tensors.
    """
    if content.startswith(NPY_MARK):
        return read_npy(content)
    if content.startswith(_ZIP):
        return _in_zip(content)
    if _is_safetensors(content):
        return _in_safetensors(content)
    return read_json(content)


def read_json(text: str | bytes) -> Any:  # noqa: ANN401 - a JSON value
    """The value that *text* spells.

    Raises:
        RequestError: It is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        got = f"{len(text):,} {'characters' if isinstance(text, str) else 'bytes'}"
        raise RequestError(f"expected {_KNOWN}; got {got} that are none of these") from error


def _in_zip(content: bytes) -> Any:  # noqa: ANN401 - as above
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _refuse_bomb(members, len(content))
            if members and all(member.filename.endswith(".npy") for member in members):
                return {
                    member.filename.removesuffix(".npy"): read_npy(archive.read(member))
                    for member in members
                }
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise RequestError(f"the .npz or torch.save file is damaged: {error}") from error
    return _saved_by_torch(content)


def _refuse_bomb(members: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(size, _UNPACKED_BYTES):
        raise RequestError(
            f"the file would grow from {size:,} to {unpacked:,} bytes: send it uncompressed"
        )


def _saved_by_torch(content: bytes) -> Any:  # noqa: ANN401 - as above
    try:
        saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        # Of a damaged file torch raises whatever its parser stumbles over.
        first_line = str(error).partition("\n")[0]
        raise RequestError(f"what torch.save wrote cannot be read: {first_line}") from error
    named = saved if isinstance(saved, Mapping) else {"": saved}
    for name, tensor in named.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise RequestError(
                "expected a file that torch.save wrote of one tensor, or of a dict from name to "
                f"tensor; got a {type(saved).__name__} with a {type(tensor).__name__} in it"
            )
        _check_memory(tensor)
    return saved


def _check_memory(tensor: torch.Tensor) -> None:
    """Refuse a tensor of fewer numbers than its shape says, which would grow when it is copied."""
    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise RequestError(
            "expected plain tensors; got one that is sparse, quantized or without numbers"
        )
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise RequestError(
            f"a tensor of shape {tuple(tensor.shape)} shares its numbers: save its contiguous()"
        )


def _is_safetensors(content: bytes) -> bool:
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    return content[_LENGTH_BYTES:][:1] == b"{" and length <= len(content) - _LENGTH_BYTES


def _in_safetensors(content: bytes) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors: dict[str, torch.Tensor] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise RequestError(f"the safetensors file is damaged: {error}") from error
    return tensors
