"""The beginning and the end of a file that can only be read from front to back."""

from __future__ import annotations

import io
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

# A zip's directory lies at its end: this much holds that of some hundred thousand tensors.
_TAIL_BYTES = 8 << 20
# PyTorch writes the pickle of a zip first.
_START_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20


def seekable_ends(head: bytes, stream: BinaryIO, size: int) -> BinaryIO:
    """Return a seekable file with the beginning and the end of a member, and zeros between them.

    Args:
        head: What has been read of it.
        stream: The rest; where it can seek, it is all that is needed.
        size: How many bytes the member has.
    """
    if stream.seekable():
        return stream
    start = bytearray(head)
    while len(start) < _START_BYTES and (chunk := stream.read(_CHUNK_BYTES)):
        start += chunk
    last: deque[bytes] = deque(maxlen=_TAIL_BYTES // _CHUNK_BYTES + 1)
    while chunk := stream.read(_CHUNK_BYTES):
        last.append(chunk)
    return io.BufferedReader(_Ends(bytes(start), b"".join(last), size))


class _Ends(io.RawIOBase):
    """A file of which two parts are known."""

    def __init__(self, start: bytes, tail: bytes, size: int) -> None:
        self._start = start
        self._tail = tail
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill *buffer* as far as one part reaches, and return how far that is."""
        into = memoryview(buffer).cast("B")
        stop = min(self._size, self._at + len(into))
        tail_at = self._size - len(self._tail)
        if self._at < len(self._start):
            found = self._start[self._at : stop]
        elif self._at < tail_at:
            found = bytes(min(stop, tail_at) - self._at)
        else:
            found = self._tail[self._at - tail_at : max(0, stop - tail_at)]
        into[: len(found)] = found
        self._at += len(found)
        return len(found)
