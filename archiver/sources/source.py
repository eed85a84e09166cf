"""What the reader asks of a container, be it a zip, a tar or a folder."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator

    from archiver.member import Form, Member

Stream = io.BufferedReader | io.BytesIO
"""A member's bytes, read-only."""


class Source(Protocol):
    """A container whose structure has been checked: its members are safe to write by their names.

    The bytes themselves are only checked for what the container needs to find them; CRC and
    SHA-256 are the reader's.
    """

    @property
    def form(self) -> Form:
        """Which container it is."""

    @property
    def members(self) -> tuple[Member, ...]:
        """Its files, in its own order."""

    @property
    def status(self) -> os.stat_result | None:
        """What the system said of the container's file when it was opened; None of a folder."""

    def open(self, member: Member) -> Stream:
        """Open one member.

        Raises:
            CorruptArchiveError: Here or while reading, when the container is damaged.
        """

    def stream(self, members: Collection[Member]) -> Iterator[tuple[Member, Stream]]:
        """Open many members one after the other, in the container's own order.

        A stream is good until the next one is asked for.
        """

    def digest(self) -> str:
        """Return a SHA-256 that tells this content from all others."""

    def close(self) -> None:
        """Let go of the container's file."""
