"""Whether the parts of an archive agree: its members, its RECORD and its manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.errors import CorruptArchiveError, InvalidArchiveError, ManifestError
from archiver.names import MANIFEST_NAME, RECORD_NAME
from archiver.nearest import nearest_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from archiver.manifest import Manifest
    from archiver.member import Member
    from archiver.record import RecordEntry

# What tells PyTorch's own zips, in the one folder that they have.
_PYTORCH_FILES = ("data.pkl", "archive_format")


def refuse_other_files(path: Path, names: Collection[str]) -> None:
    """Refuse a file that holds something else than a model archive.

    Raises:
        InvalidArchiveError: It is a PyTorch file, or holds the archive in a folder.
    """
    folders = {name.partition("/")[0] for name in names}
    if MANIFEST_NAME in names or len(folders) != 1:
        return
    folder = folders.pop()
    for file in _PYTORCH_FILES:
        if f"{folder}/{file}" in names:
            problem = (
                f"it is a PyTorch file (it holds '{folder}/{file}') and no archive yet: pack it "
                f"with mar-pack --serialized-file {path.name} and its handler"
            )
            raise InvalidArchiveError(path, [problem])
    if f"{folder}/{MANIFEST_NAME}" in names:
        problem = f"its manifest is in {folder!r}: pack what is in that folder, not the folder"
        raise InvalidArchiveError(path, [problem])


def compare_with_record(
    path: Path, members: Sequence[Member], record: Sequence[RecordEntry]
) -> tuple[Member, ...]:
    """Return the members with their SHA-256.

    Raises:
        CorruptArchiveError: RECORD lists other members or other sizes; all of them are named.
    """
    expected = {entry.name: entry for entry in record}
    present = {member.name: member for member in members}
    problems = [
        f"RECORD lists {name!r}, which is not there" for name in expected if name not in present
    ]
    if RECORD_NAME in expected:
        problems.append("RECORD lists itself, which it cannot know the SHA-256 of")
    for name, member in present.items():
        if name == RECORD_NAME:
            continue
        if name not in expected:
            problems.append(f"the member {name!r} is not in RECORD: it was added after packing")
        elif member.size != expected[name].size:
            size = expected[name].size
            problems.append(f"the member {name!r} has {member.size} bytes; RECORD says {size}")
    if problems:
        raise CorruptArchiveError(path, problems)
    return tuple(
        replace(member, sha256=expected[member.name].sha256) if member.name in expected else member
        for member in members
    )


def judge_named_files(path: Path, manifest: Manifest, names: Collection[str]) -> None:
    """Make sure that the files which the manifest names are there.

    The handler is not among them: it may be built in.

    Raises:
        ManifestError: Some are not; all of them are named.
    """
    model = manifest.model
    named = {
        "serializedFile": model.serialized_file,
        "modelFile": model.model_file,
        "configFile": model.config_file,
        "requirementsFile": model.requirements_file,
    }
    problems = []
    for key, name in named.items():
        if name is not None and name not in names:
            nearest = nearest_name(name, names)
            meant = "" if nearest is None else f"; did you mean {nearest!r}?"
            problems.append(f"'model.{key}' names {name!r}, which is not in the archive{meant}")
    if problems:
        raise ManifestError(path, problems)


def refuse_store(path: Path, names: Collection[str]) -> None:
    """Refuse a folder of archives, which is none itself.

    Args:
        path: The folder, which has no manifest.
        names: Its files.

    Raises:
        InvalidArchiveError: There are archives in it, and no sources.
    """
    root = sorted(name for name in names if "/" not in name)
    archives = [name for name in root if name.endswith((".mar", ".tar.gz"))]
    if archives and not any(name.endswith(".py") for name in root):
        count = f"{len(archives)} archives" if len(archives) > 1 else "an archive"
        problem = f"it is a folder that holds {count}: name one, such as {path / archives[0]}"
        raise InvalidArchiveError(path, [problem])
