"""The protocol of everything that members can be put into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from archiver.plan import PlannedMember


class Destination(Protocol):
    """A new archive, one of its members after the other."""

    def add(self, member: PlannedMember) -> str:
        """Put a file in; return its SHA-256.

        Raises:
            SourceChangedError: It is not as it was planned, or changes meanwhile.
        """

    def add_text(self, name: str, text: str) -> None:
        """Put a text in."""

    def finish(self) -> None:
        """Complete the archive and wait until it is on the disk."""

    def close(self) -> None:
        """Release it, finished or not."""
