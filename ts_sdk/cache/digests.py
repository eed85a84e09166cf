"""Digests that were computed before, so that an unchanged archive is not read whole again.

An archive with a RECORD tells its digest at once. One without, as the original archiver writes
them, has to be hashed; the result is kept under what the file system says of the file. A change of
its content changes its inode, size, modification time or change time. Only a change within the
clock's own resolution could keep all of them, so a file that was changed a moment ago is hashed
again (as git does with its index). In the same way it is kept which members were compared with
their SHA-256 where they lie.
"""

import os
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archiver import Archive
    from archiver.member import Member

_SETTLED_NS = 2 * 10**9
_MOST_KEPT = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")


class DigestMemory:
    """Digests by file.

    Args:
        folder: Where they are kept, one small file each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def digest_of(self, archive: "Archive") -> str:
        """The digest of *archive*, remembered when its file has not changed since."""
        status = archive.file_status
        if archive.record is not None or status is None:
            return archive.digest()
        note = self.folder / _name_of(status)
        known = _read(note)
        if known is not None:
            return known
        digest = archive.digest()
        if _is_settled(status):
            self._keep(note, digest)
        return digest

    def has_compared(self, archive: "Archive", member: "Member") -> bool:
        """Whether *member* was compared with its SHA-256 since the archive's file has changed."""
        status = archive.file_status
        return status is not None and _read(self._note_of(status, member)) == member.sha256

    def note_compared(self, archive: "Archive", member: "Member") -> None:
        """Remember that *member* has its SHA-256."""
        status = archive.file_status
        if status is not None and member.sha256 is not None and _is_settled(status):
            self._keep(self._note_of(status, member), member.sha256)

    def _note_of(self, status: os.stat_result, member: "Member") -> Path:
        return self.folder / f"{_name_of(status)}-at-{member.offset}"

    def _keep(self, note: Path, digest: str) -> None:
        notes = sorted(self.folder.iterdir(), key=_age)
        for old in notes[: max(0, len(notes) - _MOST_KEPT)]:
            old.unlink(missing_ok=True)
        draft = note.with_name(f"{note.name}.{secrets.token_hex(4)}")
        draft.write_text(digest)
        draft.replace(note)


def _is_settled(status: os.stat_result) -> bool:
    return time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS


def _name_of(status: os.stat_result) -> str:
    facts = (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
    return "-".join(map(str, facts))


def _read(note: Path) -> str | None:
    try:
        digest = note.read_text()
    except FileNotFoundError:
        return None
    # The machine may have gone down while it was written.
    return digest if _DIGEST.fullmatch(digest) else None


def _age(note: Path) -> int:
    try:
        return note.stat().st_mtime_ns
    except FileNotFoundError:  # another process was faster
        return 0
