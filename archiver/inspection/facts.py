"""What an inspection finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.inspection.serialized_file import SerializedFile
    from archiver.manifest import Manifest
    from archiver.member import Form, Member
    from archiver.tuned_profiles import TunedProfile

MemberKind = Literal[
    "manifest",
    "record",
    "metadata",
    "sample",
    "profile",
    "handler",
    "model file",
    "weights",
    "config",
    "requirements",
    "labels",
    "source",
    "extra",
]
RecordState = Literal["absent", "agrees", "differs"]


@dataclass(frozen=True, slots=True)
class InspectedMember:
    """A member and what it is for.

    Attributes:
        member: Its name, sizes and place.
        kind: What it is for.
    """

    member: Member
    kind: MemberKind

    def to_dict(self) -> dict[str, object]:
        """Return it in JSON's types."""
        return {**asdict(self.member), "aligned": self.member.is_aligned, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class InspectedHandler:
    """What the manifest says of the handler, and what is there.

    Attributes:
        declared: What the manifest says; None when it says nothing.
        member: The file in the archive; None when the handler is none of its files.
        is_built_in: Whether it comes with whatever runs the archive.
        entry_points: What starts the file: one name if all is well.
    """

    declared: str | None
    member: str | None
    is_built_in: bool
    entry_points: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is inside an archive.

    Attributes:
        path: The archive.
        form: ``"mar"``, ``"tgz"`` or ``"folder"``.
        size_bytes: The size of the file, or of all members of a folder.
        manifest: What MANIFEST.json says, or what the files' names suggest where there is none.
        has_manifest: Whether there is a MANIFEST.json.
        record: Whether there is a RECORD, and whether its names and sizes are those of the members.
        members: The members.
        handler: How the model is started.
        model_classes: The ``nn.Module`` classes of the model file, as far as their bases tell.
        serialized: The members that hold tensors or pickles.
        labels: How many classes have a name in index_to_name.json; None without one.
        config_keys: The keys of the config file's first level.
        requirements: The packages and options that the requirements file lists.
        profiles: What `mar tune` found on which machines.
        warnings: What to know before the archive is used, as sentences.
    """

    path: Path
    form: Form
    size_bytes: int
    manifest: Manifest
    has_manifest: bool
    record: RecordState
    members: tuple[InspectedMember, ...]
    handler: InspectedHandler
    model_classes: tuple[str, ...]
    serialized: tuple[SerializedFile, ...]
    labels: int | None
    config_keys: tuple[str, ...]
    requirements: tuple[str, ...]
    profiles: tuple[TunedProfile, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return it in JSON's types."""
        return {
            **asdict(self),
            "path": str(self.path),
            "manifest": self.manifest.to_dict(),
            "members": [member.to_dict() for member in self.members],
            "profiles": [profile.to_dict() for profile in self.profiles],
        }
