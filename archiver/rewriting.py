"""Put files into an archive that is there, and leave all others in it as they are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.names import MANIFEST_NAME, RECORD_NAME
from archiver.plan import ArchiveFormat, FileState, PackPlan, PlannedMember
from archiver.planning.timestamp import member_timestamp, source_date_epoch
from archiver.reader import Archive
from archiver.text import HEAD_SIZE, is_text
from archiver.writer import write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archiver.packed import PackResult


def put_into_archive(path: Path, contents: Mapping[str, bytes]) -> PackResult:
    """Write members into an archive, in the place of those of the same names.

    The archive is written anew beside the old one and renamed: on any error it stays as it was.
    All other members keep their content, which is compared with its checksum on the way, and their
    compression. RECORD is written anew too. An archive without one gets one, and one without a
    manifest gets that which was assumed.

    Args:
        path: A ``.mar``, a ``.tar.gz``, or a folder that was packed; a link is followed.
        contents: The members' contents by name.

    Returns:
        What was written.

    Raises:
        InvalidArchiveError: It is no archive, or a damaged one.
        PackError: It cannot be written.
    """
    target = path.resolve()
    with Archive.open(target) as archive, tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "members"
        kept = [each for each in archive.members if each.name not in (RECORD_NAME, *contents)]
        archive.extract(files, [each.name for each in kept])
        methods = {each.name: each.method for each in kept}
        for name, content in contents.items():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            (files / name).write_bytes(content)
        archive_format = _format_of(archive)
        members = [
            _planned(name, files / name, methods.get(name), archive_format)
            for name in sorted({*methods, *contents}, key=_place)
        ]
        return write(
            PackPlan(
                target=target,
                archive_format=archive_format,
                force=True,
                manifest=archive.manifest,
                members=tuple(members),
                timestamp=member_timestamp(source_date_epoch()),
            )
        )


def _format_of(archive: Archive) -> ArchiveFormat:
    """Tell what to write an archive as, so that it stays what it is."""
    if archive.form == "mar":
        deflates = any(member.method == "deflated" for member in archive.members)
        return "default" if deflates else "zip-store"
    return "tgz" if archive.form == "tgz" else "no-archive"


def _place(name: str) -> tuple[bool, str]:
    """Tell where a member comes: the manifest first, as in an archive that was packed."""
    return name != MANIFEST_NAME, name


def _planned(
    name: str, path: Path, method: str | None, archive_format: ArchiveFormat
) -> PlannedMember:
    """Plan a member; one that was in the archive is compressed as it was."""
    with path.open("rb") as file:
        state, head = FileState.of(os.fstat(file.fileno())), file.read(HEAD_SIZE)
    deflates = is_text(head) if method is None else method == "deflated"
    return PlannedMember(name, path, state, archive_format == "default" and deflates)
