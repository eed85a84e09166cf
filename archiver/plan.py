"""What was asked to be packed, and what is going to be packed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from archiver.names import MANIFEST_NAME
from archiver.sizes import format_size

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from archiver.manifest import Manifest, Runtime

ArchiveFormat = Literal["default", "zip-store", "tgz", "no-archive"]
ARCHIVE_FORMATS: tuple[ArchiveFormat, ...] = get_args(ArchiveFormat)
SUFFIXES: dict[ArchiveFormat, str] = {
    "default": ".mar",
    "zip-store": ".mar",
    "tgz": ".tar.gz",
    "no-archive": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRequest:
    """What was asked for; the fields are the arguments of `archiver.pack`."""

    model_name: str
    version: str
    handler: str
    serialized_file: Path | None
    model_file: Path | None
    extra_files: tuple[str | os.PathLike[str], ...]
    requirements_file: Path | None
    config_file: Path | None
    runtime: Runtime
    export_path: Path
    archive_format: ArchiveFormat
    force: bool
    keep_paths: bool
    samples: tuple[Path, ...]
    profiles: tuple[Path, ...]

    @property
    def target(self) -> Path:
        """What the archive is going to be called."""
        return self.export_path / f"{self.model_name}{SUFFIXES.get(self.archive_format, '')}"

    @property
    def makes_folder(self) -> bool:
        """Whether the archive is going to be a folder."""
        return self.archive_format == "no-archive"


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file is still the one that was looked at.

    Attributes:
        device: The file system that it is on.
        inode: Its number there.
        size: Its size in bytes.
        modified_ns: When it was last written to, in nanoseconds since 1970.
    """

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileState:
        """Take from a file's status what matters."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class PlannedMember:
    """A file that is going to be a member.

    Attributes:
        name: The member's name.
        source: The file.
        state: The file as it was when the plan was made.
        deflate: Whether a ``.mar`` compresses it, as it does with text.
    """

    name: str
    source: Path
    state: FileState
    deflate: bool

    @property
    def size(self) -> int:
        """Its size in bytes, unpacked."""
        return self.state.size


@dataclass(frozen=True, slots=True, kw_only=True)
class PackPlan:
    """What is going to be packed; every check has passed.

    Attributes:
        target: The archive.
        archive_format: One of ``default``, ``zip-store``, ``tgz`` and ``no-archive``.
        force: Whether an existing target is replaced.
        manifest: The content of MANIFEST.json.
        members: The files, sorted by member name, without RECORD. A MANIFEST.json among them is
            written as it is, in the place of one made of *manifest*.
        timestamp: The time that every member gets, in seconds since 1970.
        notes: What whoever packs this should know, though it is no obstacle.
    """

    target: Path
    archive_format: ArchiveFormat
    force: bool
    manifest: Manifest
    members: tuple[PlannedMember, ...]
    timestamp: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        width = max((len(member.name) for member in self.members), default=0)
        total = format_size(sum(member.size for member in self.members))
        lines = [
            f"  {member.name:{width}}  {format_size(member.size):>8}  "
            f"{'deflated' if member.deflate else 'stored':8}  {member.source}"
            for member in self.members
        ]
        title = f"would pack {self.target}: {len(self.members)} files, {total}"
        return "\n".join([title, *lines])

    @property
    def makes_folder(self) -> bool:
        """Whether the archive is going to be a folder."""
        return self.archive_format == "no-archive"

    @property
    def has_manifest_file(self) -> bool:
        """Whether MANIFEST.json is one of the files."""
        return any(member.name == MANIFEST_NAME for member in self.members)

    def to_dict(self) -> dict[str, object]:
        """Return it in JSON's types."""
        return {
            "path": str(self.target),
            "archive_format": self.archive_format,
            "manifest": self.manifest.to_dict(),
            "members": [
                {
                    "name": member.name,
                    "source": str(member.source),
                    "size": member.size,
                    "method": "deflated" if member.deflate else "stored",
                }
                for member in self.members
            ],
            "notes": list(self.notes),
        }
