"""Tensors in PyTorch's zips, mapped where they lie: nothing in them is unpickled."""

import hashlib
import mmap
import re
import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Self

import torch

from ts_sdk.comparison.weights.held import UnreadableWeightsError

_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of an entry: its mark, and at its end the lengths of its name and of its extra field."""
_LOCAL_MARK = b"PK\3\4"
_MANGLED = re.compile(rb"(?:\.|/)?___torch_mangle_\d+")
"""What TorchScript makes a class's name unique with, by how many were made before it."""


class ZipTensors:
    """The entries of one zip, without the folder that all of them lie in.

    Attributes:
        names: Their names.
    """

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        with path.open("rb") as file:
            # Copy on write, since torch wants memory that may be written to.
            self._content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        self._entries = {
            each.filename.partition("/")[2] or each.filename: each for each in self._zip.infolist()
        }
        self.names = tuple(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def open(self, name: str) -> IO[bytes]:
        """An entry, open for reading."""
        return self._zip.open(self._entry(name))

    def read(self, name: str) -> bytes:
        """The content of an entry."""
        return self._zip.read(self._entry(name))

    def numbers(self, name: str, dtype: torch.dtype) -> torch.Tensor:
        """All numbers of an entry, in one dimension."""
        entry = self._entry(name)
        if not entry.file_size:
            return torch.empty(0, dtype=dtype)
        start = self._start(entry)
        if start is None:
            raw = torch.frombuffer(bytearray(self._zip.read(entry)), dtype=torch.uint8)
        else:
            raw = torch.frombuffer(
                self._content, dtype=torch.uint8, count=entry.file_size, offset=start
            )
            raw = raw.clone() if raw.data_ptr() % dtype.itemsize else raw
        return raw[: raw.numel() // dtype.itemsize * dtype.itemsize].view(dtype)

    def tensor(
        self,
        name: str,
        dtype: torch.dtype,
        shape: Sequence[int],
        strides: Sequence[int],
        offset: int,
    ) -> torch.Tensor:
        """The tensor that lies in an entry as it is said."""
        if 0 in shape:
            return torch.empty(tuple(shape), dtype=dtype)
        return self.numbers(name, dtype).as_strided(tuple(shape), tuple(strides), offset)

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Name → digest of what the entries say; TorchScript's serial numbers are left out."""
        found: dict[str, list[str]] = {}
        for name in names:
            content = _MANGLED.sub(b"", self.read(name))
            known_as = _MANGLED.sub(b"", name.encode()).decode()
            found.setdefault(known_as, []).append(hashlib.sha256(content).hexdigest())
        return {name: " ".join(sorted(each)) for name, each in found.items()}

    def _entry(self, name: str) -> zipfile.ZipInfo:
        if name not in self._entries:
            raise UnreadableWeightsError(f"there is no {name} in it")
        return self._entries[name]

    def _start(self, entry: zipfile.ZipInfo) -> int | None:
        """Where the content of a stored entry begins; None of a deflated one."""
        if entry.compress_type != zipfile.ZIP_STORED:
            return None
        header = self._content[entry.header_offset : entry.header_offset + _LOCAL_HEADER.size]
        if len(header) < _LOCAL_HEADER.size:
            raise UnreadableWeightsError(f"{entry.filename} is not where its directory says")
        mark, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        start: int = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        if mark != _LOCAL_MARK or start + entry.file_size > len(self._content):
            raise UnreadableWeightsError(f"{entry.filename} is not where its directory says")
        return start
