"""The writing of an archive's members into a folder: all of them, checked, or none."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.errors import CorruptArchiveError, TargetExistsError
from archiver.publishing.draft import clear_litter, draft_beside
from archiver.publishing.renaming import rename_to_new
from archiver.verification import Checker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import BinaryIO

    from archiver.member import Member
    from archiver.sources.source import Source

# An archive's own modes mean nothing: its members are data, whoever packed them.
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def extract_members(
    source: Source, members: Collection[Member], destination: Path, *, archive: Path
) -> None:
    """Write members into a draft beside the destination, and rename it when all are good.

    Args:
        source: Where the members are read.
        members: What to write.
        destination: The absolute path of the folder to make; it must not exist, or be empty.
        archive: The archive's path, for the error message.

    Raises:
        TargetExistsError: There is something at *destination*.
        CorruptArchiveError: A member is not what was packed.
        OSError: The disk is full, or the folder may not be written.
    """
    _judge_destination(destination)
    with _parents(destination):
        clear_litter(destination)
        with draft_beside(destination, is_folder=True) as draft:
            draft.chmod(stat.S_IMODE(draft.stat().st_mode) & _FOLDER_MODE)
            _write(source, members, draft, archive)
            _publish(draft, destination)


def _judge_destination(destination: Path) -> None:
    """Make sure that nothing is at the destination, or an empty folder that can be replaced."""
    if not os.path.lexists(destination):
        return
    reason = None
    if destination.is_symlink() or not destination.is_dir() or [*destination.iterdir()]:
        reason = "it is not an empty folder; name one that does not exist"
    elif destination.samefile(Path.cwd()):
        reason = "it is the folder that you are in; name one that does not exist"
    if reason is not None:
        raise TargetExistsError(destination, reason)


@contextlib.contextmanager
def _parents(destination: Path) -> Iterator[None]:
    """Make the folders above the destination; an error takes them away again."""
    made = []
    try:
        for parent in reversed(destination.parents):
            if not parent.is_dir():
                parent.mkdir(exist_ok=True)
                made.append(parent)
        yield
    except BaseException:
        for parent in reversed(made):
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _write(source: Source, members: Collection[Member], draft: Path, archive: Path) -> None:
    """Write members, each of them checked when its last byte is written."""
    with Checker() as checker:
        for member, stream in source.stream(members):
            with _create(draft, member.name) as file:
                problems = checker.copy(member, stream, file.write)
            if problems:
                raise CorruptArchiveError(archive, problems)


def _create(draft: Path, name: str) -> BinaryIO:
    """Create a member's file, and the folders that it lies in."""
    path = draft / name
    path.parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, _CREATE, _FILE_MODE), "wb")


def _publish(draft: Path, destination: Path) -> None:
    """Give the draft its name, unless something else has got it meanwhile."""
    try:
        with contextlib.suppress(FileNotFoundError):
            destination.rmdir()
        rename_to_new(draft, destination)
    except OSError as error:
        if os.path.lexists(destination):
            raise TargetExistsError(
                destination, "it appeared while the archive was being unpacked"
            ) from error
        raise
