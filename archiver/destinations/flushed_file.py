"""A new file whose bytes travel to the disk while more of them are written."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Without this the disk would idle during the copy and the copy wait for the disk at its end:
# packing 1 GB took 1.6 times as long as `cp` and `fsync`, with it 1.3 times.
_FLUSH_EVERY = 16 << 20


class FlushedFile:
    """A file that is written once, from its beginning to its end, and then is on the disk.

    Attributes:
        position: The number of bytes written so far.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._flushing = ThreadPoolExecutor(1, "flushing")
        self._flush: Future[None] | None = None
        self._flushed_to = 0
        self.position = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""
        self._write_all(data)
        self.position += len(data)
        if self.position - self._flushed_to >= _FLUSH_EVERY and self._is_idle():
            self._flushed_to = self.position
            self._flush = self._flushing.submit(_flush_data, self._file.fileno())

    def overwrite(self, position: int, data: bytes) -> None:
        """Replace bytes that were written before."""
        self._file.seek(position)
        self._write_all(data)
        self._file.seek(self.position)

    def finish(self) -> None:
        """Wait until all of it is on the disk."""
        self._is_idle(wait=True)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Release it, finished or not."""
        self._flushing.shutdown()
        self._file.close()

    def _write_all(self, data: bytes | memoryview) -> None:
        """Write, in several goes when the system takes less at once."""
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def _is_idle(self, *, wait: bool = False) -> bool:
        """Tell whether no flush is under way; the error of the last one is raised here."""
        if self._flush is None:
            return True
        if not wait and not self._flush.done():
            return False
        self._flush.result()
        self._flush = None
        return True


def sync_folder(folder: Path) -> None:
    """Wait until a folder's new names are on the disk, where the system can do that."""
    # Windows opens no folders, and some network file systems do not flush them. Without it, a
    # power failure can bring back the old name, but never half a file.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush_data(descriptor: int) -> None:
    """Send what has been written to the disk."""
    flush = getattr(os, "fdatasync", os.fsync)
    flush(descriptor)
