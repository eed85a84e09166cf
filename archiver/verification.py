"""The check of a member's bytes against what the archive says of them."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future

    from archiver.member import Member
    from archiver.sources.source import Stream

# Two buffers of this size are all the memory that copying takes, whatever the member's size.
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and found good.

    Attributes:
        members: How many members were read.
        total_bytes: How many bytes they are, unpacked.
        sha256_covered: How many of them were compared with a SHA-256 in RECORD.
        crc_covered: How many of them were compared with a CRC-32.
    """

    members: int
    total_bytes: int
    sha256_covered: int
    crc_covered: int

    @classmethod
    def of(cls, members: Collection[Member]) -> Self:
        """Say what a check of these members covers."""
        return cls(
            members=len(members),
            total_bytes=sum(member.size for member in members),
            sha256_covered=sum(member.sha256 is not None for member in members),
            crc_covered=sum(member.crc is not None for member in members),
        )


class Checker:
    """Copies members, and checks in a second thread what is copied.

    A context manager: leaving it ends the thread.

    Args:
        every_checksum: Compare the CRC-32 too where the SHA-256 is known. That finds no more
            damage in the content, but tells whether other readers will accept the archive.
    """

    def __init__(self, *, every_checksum: bool = False) -> None:
        self._every_checksum = every_checksum
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive-check")
        self._buffers = [memoryview(bytearray(_CHUNK_BYTES)) for _ in range(2)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def copy(
        self, member: Member, stream: Stream, write: Callable[[memoryview], object]
    ) -> list[str]:
        """Copy one member and say what is wrong with it.

        Args:
            member: What the archive says of it.
            stream: Its bytes.
            write: Gets them, piece by piece.

        Returns:
            The problems as sentences; none when the bytes are those that were packed.

        Raises:
            CorruptArchiveError: The bytes cannot be unpacked at all.
        """
        sums = _Sums(member, every=self._every_checksum)
        checks: deque[Future[None]] = deque()
        for buffer in itertools.cycle(self._buffers):
            # A buffer may be filled again when what was in it has been checked.
            if len(checks) == len(self._buffers):
                checks.popleft().result()
            count = stream.readinto(buffer)
            if not count or sums.size > member.size:
                break
            checks.append(self._thread.submit(sums.update, buffer[:count]))
            write(buffer[:count])
        for check in checks:
            check.result()
        return sums.problems()

    def check(self, member: Member, stream: Stream) -> list[str]:
        """Read one member and say what is wrong with it, as `copy` does."""
        return self.copy(member, stream, len)


def content_problems(member: Member, content: bytes) -> list[str]:
    """Say what is wrong with a member that was read as a whole."""
    sums = _Sums(member, every=False)
    sums.update(memoryview(content))
    return sums.problems()


class _Sums:
    """The size and checksums of what was read of one member."""

    def __init__(self, member: Member, *, every: bool) -> None:
        self._member = member
        self._sha256 = None if member.sha256 is None else hashlib.sha256()
        self._needs_crc = member.crc is not None and (every or member.sha256 is None)
        self._crc = 0
        self.size = 0

    def update(self, chunk: memoryview) -> None:
        """Add the next bytes."""
        self.size += len(chunk)
        if self._sha256 is not None:
            self._sha256.update(chunk)
        if self._needs_crc:
            self._crc = zlib.crc32(chunk, self._crc)

    def problems(self) -> list[str]:
        """Say how what was read differs from what the archive says."""
        member = self._member
        if self.size != member.size:
            return [f"the member {member.name!r} has {self.size} bytes instead of {member.size}"]
        problems = []
        if self._sha256 is not None and self._sha256.hexdigest() != member.sha256:
            problems.append(f"the member {member.name!r} has another SHA-256 than RECORD says")
        if self._needs_crc and self._crc != member.crc:
            problems.append(f"the member {member.name!r} has another CRC-32 than the archive says")
        return problems
