"""What may be replaced by a new archive, and what may not."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from archiver.errors import ArchiveError
from archiver.manifest import Manifest
from archiver.names import MANIFEST_NAME, RECORD_NAME
from archiver.record import RecordEntry, parse_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ASK_FOR_FORCE = "give --force (force=True) to replace it"
# Python leaves these in a folder whose code is run; they are nobody's work.
_BYTECODE_FOLDER = "__pycache__"


def refusal(target: Path, *, is_folder: bool, force: bool) -> str | None:
    """Say why what is under the target's name may not be replaced.

    Args:
        target: Where the archive is going to be.
        is_folder: Whether it is going to be a folder.
        force: Whether replacing was asked for.

    Returns:
        The reason; None when there is nothing, or when it may be replaced.
    """
    while True:
        try:
            status = target.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        reason = _reason(target, status.st_mode, is_folder=is_folder) if force else _ASK_FOR_FORCE
        # Another process may replace it while it is being looked at.
        if reason is None or _is_still(target, status):
            return reason


def _reason(target: Path, mode: int, *, is_folder: bool) -> str | None:
    """Say why something that is there may not be replaced even though that was asked for."""
    if is_folder and stat.S_ISDIR(mode):
        return foreign_content(target)
    if not is_folder and (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        # A link is replaced itself; what it leads to stays.
        return None
    return f"it is no {'folder' if is_folder else 'file'}, and --force replaces nothing else"


def _is_still(path: Path, status: os.stat_result) -> bool:
    """Tell whether a name still belongs to the file or folder that it did."""
    try:
        return os.path.samestat(path.lstat(), status)
    except OSError:
        return False


def foreign_content(folder: Path) -> str | None:
    """Say what makes a folder more than what this program wrote there, or None.

    Replacing a folder deletes all that is in it, so all of it has to be in its RECORD.
    """
    try:
        Manifest.from_json((folder / MANIFEST_NAME).read_bytes())
        entries = parse_record((folder / RECORD_NAME).read_bytes())
        written = (folder / RECORD_NAME).stat().st_mtime_ns
        recorded = {entry.name: entry for entry in entries}
        for path in _content(folder):
            name = path.relative_to(folder).as_posix()
            if name != RECORD_NAME and not _is_as_recorded(path, recorded.get(name), written):
                return (
                    f"{name!r} in it was added or changed since mar-pack wrote it; "
                    "move it away, or remove the folder yourself"
                )
    except (OSError, ArchiveError):
        return "it is a folder that mar-pack did not make; move it away or remove it yourself"
    return None


def _content(folder: Path) -> Iterator[Path]:
    """Yield everything in a folder but the folders in it."""
    for entry in folder.iterdir():
        if entry.is_symlink() or not entry.is_dir():
            yield entry
        elif entry.name != _BYTECODE_FOLDER:
            yield from _content(entry)


def _is_as_recorded(path: Path, entry: RecordEntry | None, written: int) -> bool:
    """Tell whether a file is still what RECORD, written last at that time, says of it."""
    status = path.lstat()
    if entry is None or not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
        return False
    if status.st_mtime_ns <= written:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
