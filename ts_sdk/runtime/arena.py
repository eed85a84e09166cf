"""Memory that two processes share: what carries large bodies from one to the other.

An arena is a file without a name: it is there as long as a process holds it open, so that nothing
is left of it, however its processes end. One side writes and the other reads; they take turns.
"""

import mmap
import os
import tempfile
from collections.abc import Iterable

from ts_sdk.runtime.pickling import Chunk

_STEP_BYTES = 1 << 20
_KEPT_BYTES = 32 << 20
"""Pages that were used once are quick to use again; a larger message gives them back."""


class Arena:
    """One direction of a channel.

    Args:
        fd: The file; the arena closes it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._map: mmap.mmap | None = None

    @classmethod
    def make(cls) -> "Arena":
        """A new one, still empty."""
        if hasattr(os, "memfd_create"):
            return cls(os.memfd_create("ts_sdk"))
        with tempfile.TemporaryFile() as file:
            return cls(os.dup(file.fileno()))

    @property
    def fd(self) -> int:
        """The file's descriptor, to hand to the other process."""
        return self._fd

    def twin(self) -> "Arena":
        """The same memory, for the other side."""
        return Arena(os.dup(self._fd))

    def write(self, chunks: Iterable[Chunk], size_bytes: int) -> None:
        """Put *chunks* into it, from the beginning; what was there is overwritten."""
        with memoryview(self._mapped(size_bytes, grow=True)) as memory:
            position = 0
            for chunk in chunks:
                end = position + len(chunk)
                memory[position:end] = chunk
                position = end

    def read(self, size_bytes: int) -> memoryview:
        """What the other side wrote; to be released before `done`."""
        return memoryview(self._mapped(size_bytes))[:size_bytes]

    def done(self, size_bytes: int) -> None:
        """Say that a message of *size_bytes* was read."""
        if size_bytes > _KEPT_BYTES:
            whole = os.fstat(self._fd).st_size
            os.truncate(self._fd, 0)  # which gives the pages back; both mappings stay good
            os.truncate(self._fd, whole)

    def close(self) -> None:
        """Let go of the memory."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _mapped(self, size_bytes: int, *, grow: bool = False) -> mmap.mmap:
        if self._map is not None and len(self._map) >= size_bytes:
            return self._map
        if grow and os.fstat(self._fd).st_size < size_bytes:
            os.truncate(self._fd, -(-size_bytes // _STEP_BYTES) * _STEP_BYTES)
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self._fd, 0)
        return self._map
