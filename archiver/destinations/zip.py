"""A ``.mar``: a zip with text deflated, and all else stored where it can be mapped into memory."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from archiver.destinations.flushed_file import FlushedFile
from archiver.destinations.zip_format import (
    DEFLATED,
    STORED,
    ZIP64_LIMIT,
    ZipEntry,
    end_records,
)
from archiver.member import ALIGNMENT

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.destinations.source_reader import SourceReader
    from archiver.plan import PlannedMember

_LEVEL = 6
_RAW_DEFLATE = -15


class ZipDestination:
    """Writes a ``.mar``.

    Args:
        path: The file.
        reader: Reads the sources.
        timestamp: The time of every member, in seconds since 1970.
        deflate_texts: Whether the archive's own metadata is compressed.
        zip64_limit: Sizes and offsets from here on are written in their longer form.
    """

    def __init__(
        self,
        path: Path,
        reader: SourceReader,
        timestamp: int,
        *,
        deflate_texts: bool,
        zip64_limit: int = ZIP64_LIMIT,
    ) -> None:
        self._file = FlushedFile(path)
        self._reader = reader
        self._timestamp = timestamp
        self._deflate_texts = deflate_texts
        self._zip64_limit = zip64_limit
        self._entries: list[ZipEntry] = []

    def add(self, member: PlannedMember) -> str:
        """Put a file in; return its SHA-256."""
        content = self._begin(member.name, member.size, deflate=member.deflate)
        sha256 = self._reader.read(member, content.write)
        self._end(content)
        return sha256

    def add_text(self, name: str, text: str) -> None:
        """Put a text in."""
        data = memoryview(text.encode())
        content = self._begin(name, len(data), deflate=self._deflate_texts)
        content.write(data)
        self._end(content)

    def finish(self) -> None:
        """Write the directory and wait until the archive is on the disk."""
        offset = self._file.position
        for entry in self._entries:
            self._file.write(entry.central_header(self._zip64_limit))
        size = self._file.position - offset
        self._file.write(end_records(len(self._entries), size, offset, self._zip64_limit))
        self._file.finish()

    def close(self) -> None:
        """Release the file, finished or not."""
        self._file.close()

    def _begin(self, name: str, size: int, *, deflate: bool) -> _Content:
        """Write a header that holds the place of the final one."""
        # What cannot be compressed grows, by less than this.
        largest = size + size // 1000 + 64 if deflate else size
        entry = ZipEntry(
            name,
            DEFLATED if deflate else STORED,
            self._timestamp,
            offset=self._file.position,
            is_large=largest >= self._zip64_limit,
        )
        if not deflate and size >= ALIGNMENT:
            entry.align(ALIGNMENT)
        self._file.write(entry.local_header(ALIGNMENT))
        return _Content(entry, self._file)

    def _end(self, content: _Content) -> None:
        """Complete the content, and the header with what is known now."""
        entry = content.finish()
        self._file.overwrite(entry.offset, entry.local_header(ALIGNMENT))
        self._entries.append(entry)


class _Content:
    """The bytes of one member on their way into the file, counted and compressed."""

    def __init__(self, entry: ZipEntry, file: FlushedFile) -> None:
        self._entry = entry
        self._file = file
        self._start = file.position
        deflates = entry.method == DEFLATED
        self._deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE) if deflates else None

    def write(self, chunk: memoryview) -> None:
        self._entry.crc = zlib.crc32(chunk, self._entry.crc)
        self._entry.size += len(chunk)
        self._file.write(chunk if self._deflater is None else self._deflater.compress(chunk))

    def finish(self) -> ZipEntry:
        if self._deflater is not None:
            self._file.write(self._deflater.flush())
        self._entry.compressed_size = self._file.position - self._start
        return self._entry
