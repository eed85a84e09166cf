"""What was packed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.sizes import format_size

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.manifest import Manifest
    from archiver.plan import ArchiveFormat


@dataclass(frozen=True, slots=True)
class PackedMember:
    """A member of an archive that was written.

    Attributes:
        name: Its name.
        source: The file that it was made from; None for the archive's own metadata.
        size: Its size in bytes, unpacked.
        sha256: The SHA-256 of its content, in hexadecimal.
    """

    name: str
    source: Path | None
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackResult:
    """An archive that was written.

    Attributes:
        path: Where it is.
        archive_format: What it was written as.
        manifest: What its MANIFEST.json says.
        members: All of its members, in their order.
        size_bytes: Its own size; of a folder, the size of all files in it.
        notes: What whoever packed it should know.
    """

    path: Path
    archive_format: ArchiveFormat
    manifest: Manifest
    members: tuple[PackedMember, ...]
    size_bytes: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        size = format_size(self.size_bytes)
        return f"packed {self.path}: {len(self.members)} members, {size}"

    @property
    def digest(self) -> str:
        """The SHA-256 of RECORD, which stands for the content of all other members."""
        return self.members[-1].sha256

    def to_dict(self) -> dict[str, object]:
        """Return it in JSON's types."""
        return {
            "path": str(self.path),
            "archive_format": self.archive_format,
            "size_bytes": self.size_bytes,
            "digest": self.digest,
            "manifest": self.manifest.to_dict(),
            "members": [
                {
                    "name": member.name,
                    "source": None if member.source is None else str(member.source),
                    "size": member.size,
                    "sha256": member.sha256,
                }
                for member in self.members
            ],
            "notes": list(self.notes),
        }
