"""A ``.tar.gz``: the members under a folder that is named after the model."""

from __future__ import annotations

import tarfile
import zlib
from typing import TYPE_CHECKING

from archiver.destinations.flushed_file import FlushedFile

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.destinations.source_reader import SourceReader
    from archiver.plan import PlannedMember

# zlib's default. Weights shrink by 7 % at any level, and no level is faster than this one.
_LEVEL = 6
_GZIP_WINDOW = 31
_MODE = 0o644


class TarGzDestination:
    """Writes a ``.tar.gz``.

    Args:
        path: The file.
        reader: Reads the sources.
        timestamp: The time of every member, in seconds since 1970.
        folder: The folder in which the members are.
    """

    def __init__(self, path: Path, reader: SourceReader, timestamp: int, *, folder: str) -> None:
        self._file = FlushedFile(path)
        self._reader = reader
        self._timestamp = timestamp
        self._folder = folder
        # Unlike the gzip module, zlib writes neither a time nor a file name.
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        self._size = 0

    def add(self, member: PlannedMember) -> str:
        """Put a file in; return its SHA-256."""
        self._write(self._header(member.name, member.size))
        sha256 = self._reader.read(member, self._write)
        self._fill_block(tarfile.BLOCKSIZE)
        return sha256

    def add_text(self, name: str, text: str) -> None:
        """Put a text in."""
        data = text.encode()
        self._write(self._header(name, len(data)))
        self._write(data)
        self._fill_block(tarfile.BLOCKSIZE)

    def finish(self) -> None:
        """Write the end and wait until the archive is on the disk."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._fill_block(tarfile.RECORDSIZE)
        self._file.write(self._compressor.flush())
        self._file.finish()

    def close(self) -> None:
        """Release the file, finished or not."""
        self._file.close()

    def _header(self, name: str, size: int) -> bytes:
        info = tarfile.TarInfo(f"{self._folder}/{name}")
        info.size = size
        info.mtime = self._timestamp
        info.mode = _MODE
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")

    def _write(self, data: bytes | memoryview) -> None:
        self._size += len(data)
        self._file.write(self._compressor.compress(data))

    def _fill_block(self, size: int) -> None:
        """Fill up to a multiple of *size*."""
        self._write(bytes(-self._size % size))
