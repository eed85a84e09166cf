"""Read the sources chunk by chunk, hashed on the way, in a few megabytes of memory."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from archiver.errors import SourceChangedError
from archiver.plan import FileState

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from types import TracebackType

    from archiver.plan import PlannedMember

# Large enough that handing a chunk to the other thread costs nothing beside hashing it.
_CHUNK_SIZE = 1 << 20
# While one chunk is read and written, others wait to be hashed.
_CHUNKS = 4


class SourceReader:
    """Reads files one after the other, while a second thread hashes what has been read.

    A context manager; its memory is reused from file to file.
    """

    def __init__(self) -> None:
        self._buffers = [memoryview(bytearray(_CHUNK_SIZE)) for _ in range(_CHUNKS)]
        self._hashing = ThreadPoolExecutor(1, "hashing")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hashing.shutdown(cancel_futures=True)

    def read(self, member: PlannedMember, consume: Callable[[memoryview], None]) -> str:
        """Read a file once.

        Args:
            member: The file, and the state in which it was planned.
            consume: Called with each chunk, which it must be done with when it returns.

        Returns:
            The SHA-256 of what was consumed, in hexadecimal.

        Raises:
            SourceChangedError: It is not as it was planned, or changes meanwhile.
        """
        try:
            opened = member.source.open("rb", buffering=0)
        except FileNotFoundError as error:
            raise SourceChangedError(member.source) from error
        with opened as source:
            if _state(source) != member.state:
                raise SourceChangedError(member.source)
            sha256 = hashlib.sha256()
            count = self._read(source, member.size, sha256.update, consume)
            if count != member.size or _state(source) != member.state:
                raise SourceChangedError(member.source)
        return sha256.hexdigest()

    def _read(
        self,
        source: FileIO,
        expected: int,
        hash_update: Callable[[memoryview], None],
        consume: Callable[[memoryview], None],
    ) -> int:
        """Read to the end, or to where it should have been; return the number of bytes."""
        hashed: list[Future[None] | None] = [None] * _CHUNKS
        total = turn = 0
        while total <= expected:
            pending = hashed[turn]
            if pending is not None:
                pending.result()
            count = source.readinto(self._buffers[turn])
            if not count:
                break
            chunk = self._buffers[turn][:count]
            hashed[turn] = self._hashing.submit(hash_update, chunk)
            consume(chunk)
            total += count
            turn = (turn + 1) % _CHUNKS
        for pending in hashed:
            if pending is not None:
                pending.result()
        return total


def _state(file: FileIO) -> FileState:
    return FileState.of(os.fstat(file.fileno()))
