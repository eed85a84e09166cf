"""A member's bytes, read where they lie in the archive file."""

from __future__ import annotations

import io
import mmap
import os
import threading
import zlib
from typing import TYPE_CHECKING

from archiver.errors import CorruptArchiveError

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

_COMPRESSED_CHUNK = 1 << 16


class SharedFile:
    """One open file that several streams read at their own positions, in several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("rb")
        self.status = os.fstat(self.file.fileno())
        self.size = self.status.st_size
        self._lock = threading.Lock()

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill *buffer* from *offset* and return how many bytes there were."""
        with self._lock:
            self.file.seek(offset)
            return self.file.readinto(buffer)

    def map(self, offset: int, size: int) -> memoryview:
        """Map a range into memory; what is written there is this process's own.

        The file may be closed, renamed or replaced meanwhile, but not written over or cut off.
        """
        before = offset % mmap.ALLOCATIONGRANULARITY
        mapping = mmap.mmap(
            self.file.fileno(), before + size, access=mmap.ACCESS_COPY, offset=offset - before
        )
        return memoryview(mapping)[before:]

    def close(self) -> None:
        """Close the file, under all of its streams."""
        self.file.close()


class Window(io.RawIOBase):
    """A range of a file, as a seekable file of its own."""

    def __init__(self, file: SharedFile, name: str, offset: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._name = name
        self._offset = offset
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position, counted from the member's first byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position, counted from the member's first byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}, before the member's first byte")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill *buffer* as far as the content goes and return how many bytes that were.

        Raises:
            CorruptArchiveError: The content is not what the directory says.
        """
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._position)
        if wanted <= 0:
            return 0
        count = self._file.read_into(self._offset + self._position, view[:wanted])
        if not count:
            raise CorruptArchiveError(
                self._file.path,
                [f"the member {self._name!r} was cut off while it was being read"],
            )
        self._position += count
        return count


class Inflated(io.RawIOBase):
    """The content of a deflated member, read once from its beginning to its end.

    However much the compressed bytes hold, no more than *size* bytes come out.
    """

    def __init__(self, packed: io.RawIOBase, path: Path, name: str, size: int) -> None:
        super().__init__()
        self._packed = packed
        self._path = path
        self._name = name
        self._left = size
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._pending = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill *buffer* as far as the content goes and return how many bytes that were.

        Raises:
            CorruptArchiveError: The content is not what the directory says.
        """
        view = memoryview(buffer).cast("B")
        if not view.nbytes:
            return 0
        # One byte more than is left to come shows that there is more than was promised.
        content = self._inflate(min(len(view), self._left) or 1)
        if len(content) > self._left:
            raise self._damaged("unpacks to more bytes than the directory says")
        if not content:
            self._judge_end()
        view[: len(content)] = content
        self._left -= len(content)
        return len(content)

    def _inflate(self, most: int) -> bytes:
        """Return at least one and at most *most* bytes, or none at the end."""
        while not self._inflater.eof:
            packed = self._pending or self._packed.read(_COMPRESSED_CHUNK) or b""
            try:
                content = self._inflater.decompress(packed, most)
            except zlib.error as error:
                raise self._damaged(f"cannot be unpacked: {error}") from error
            self._pending = self._inflater.unconsumed_tail
            if content or not packed:
                return content
        return b""

    def _judge_end(self) -> None:
        """Make sure that the compressed bytes and the promised size end together."""
        if self._left or not self._inflater.eof:
            raise self._damaged("unpacks to fewer bytes than the directory says")
        if self._inflater.unused_data or self._packed.read(1):
            raise self._damaged("has bytes behind its compressed content")

    def _damaged(self, what: str) -> CorruptArchiveError:
        return CorruptArchiveError(self._path, [f"the member {self._name!r} {what}"])
