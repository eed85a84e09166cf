"""The entries of a ``.tar.gz``, met one after the other in a single pass.

`tarfile` knows the headers' many dialects. It is kept on a short lead: it goes forward only, and
reads no more than a header's worth of bytes for each entry.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from archiver.errors import CorruptArchiveError, InvalidArchiveError, LimitExceededError
from archiver.sources.streams import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from archiver.limits import Limits
    from archiver.sources.streams import SharedFile

# Long names and their like lie in headers that announce their own size, up to gigabytes.
_MOST_HEADER_BYTES = 1 << 20
_SKIPPED_CHUNK = 1 << 17
_BUFFER_BYTES = 1 << 16

# What tarfile lets through of the damage that it meets in a header.
_HEADER_ERRORS = (tarfile.TarError, ValueError, OverflowError, LookupError, RecursionError)


class TarStream:
    """One pass over a ``.tar.gz``.

    Args:
        file: The archive.
        limits: By how much it may unpack.
    """

    def __init__(self, file: SharedFile, limits: Limits) -> None:
        self._path = file.path
        self._unpacked = _Unpacked(file, limits)

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Go from entry to entry.

        Raises:
            InvalidArchiveError: It is no tar.
            CorruptArchiveError: It is damaged or truncated.
            LimitExceededError: It unpacks to more than the limits allow.
        """
        try:
            tar = tarfile.TarFile(fileobj=cast("BinaryIO", self._unpacked), encoding="utf-8")
        except _HEADER_ERRORS as error:
            problem = "it is a gzip file, but what it holds is no tar"
            raise InvalidArchiveError(self._path, [problem]) from error
        while True:
            self._unpacked.expect_header()
            try:
                entry = tar.next()
            except _HEADER_ERRORS as error:
                problem = f"a header of its tar is damaged: {error}"
                raise CorruptArchiveError(self._path, [problem]) from error
            if entry is None:
                break
            if entry.size < 0:
                raise CorruptArchiveError(self._path, [f"{entry.name!r} has a negative size"])
            yield entry
        self._unpacked.judge_end()

    def content(self, entry: tarfile.TarInfo) -> io.BufferedReader:
        """Open the entry that was met last; it is good until the next one is asked for."""
        return io.BufferedReader(_Content(self._unpacked, entry.size), _BUFFER_BYTES)


class _Unpacked:
    """What gzip gives back, as the file that `tarfile` reads: forward only, and not for ever."""

    def __init__(self, file: SharedFile, limits: Limits) -> None:
        self._path = file.path
        self._limits = limits
        self._packed = Window(file, "the archive", 0, file.size)
        self._gzip = gzip.GzipFile(fileobj=io.BufferedReader(self._packed, _BUFFER_BYTES))
        self._position = 0
        self._header_bytes = 0
        self._last_header = b""

    def expect_header(self) -> None:
        """Allow the reading of one more entry's headers."""
        self._header_bytes = 0

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, position: int) -> None:
        """Skip forward."""
        if position < self._position:
            raise CorruptArchiveError(self._path, ["the sizes in its tar do not add up"])
        while position > self._position:
            self._take(min(position - self._position, _SKIPPED_CHUNK)) or self._end_early()

    def read(self, size: int) -> bytes:
        """Read headers."""
        self._header_bytes += max(size, 1)
        if not 0 <= size <= _MOST_HEADER_BYTES or self._header_bytes > _MOST_HEADER_BYTES:
            raise LimitExceededError(
                self._path, [f"a header of its tar takes more than {_MOST_HEADER_BYTES} bytes"]
            )
        parts = []
        while size > 0 and (part := self._take(size)):
            parts.append(part)
            size -= len(part)
        self._last_header = b"".join(parts)
        return self._last_header

    def read_content(self, size: int) -> bytes:
        """Read some of a member's bytes, at most *size* and at least one."""
        return self._take(min(size, _SKIPPED_CHUNK)) or self._end_early()

    def judge_end(self) -> None:
        """Make sure that nothing but zeros is left, and that gzip's own checks hold."""
        rest = self._last_header
        while rest:
            # tarfile takes a damaged header for the end, so the end has to prove that it is one.
            if rest.strip(b"\0"):
                problem = "a header of its tar is damaged, or there are bytes behind its end"
                raise CorruptArchiveError(self._path, [problem])
            rest = self._take(_SKIPPED_CHUNK)

    def _take(self, size: int) -> bytes:
        """Unpack at most *size* bytes; none come at the end."""
        try:
            content = self._gzip.read1(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            problem = f"it cannot be unpacked: {error}; copy or download it again"
            raise CorruptArchiveError(self._path, [problem]) from error
        self._position += len(content)
        if self._limits.is_bomb(self._position, self._packed.tell()):
            problem = (
                f"its first {self._packed.tell()} bytes unpack to more than {self._position}, "
                f"and max_ratio = {self._limits.max_ratio:g}"
            )
            raise LimitExceededError(self._path, [problem])
        return content

    def _end_early(self) -> bytes:
        raise CorruptArchiveError(
            self._path, ["it is truncated: its last member is not all there; copy it again"]
        )


class _Content(io.RawIOBase):
    """One entry's bytes, read once from the first to the last."""

    def __init__(self, unpacked: _Unpacked, size: int) -> None:
        super().__init__()
        self._unpacked = unpacked
        self._left = size

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill *buffer* as far as the next bytes go and return how many those were.

        Raises:
            CorruptArchiveError: The archive is damaged or truncated.
        """
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._left)
        if not wanted:
            return 0
        content = self._unpacked.read_content(wanted)
        view[: len(content)] = content
        self._left -= len(content)
        return len(content)
