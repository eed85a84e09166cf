"""The draft beside the target: written in full, then published under the target's name.

A process that is killed leaves its draft behind. The next one that packs the same target clears
it away: it knows a draft by its name, which holds a checksum of itself, and knows that nobody is
writing to it by taking its lock, which the system releases when a process ends however it ends.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RANDOM_DIGITS = 8
_CHECKSUM_DIGITS = 8
_TAG = re.compile(rf"[0-9a-f]{{{_RANDOM_DIGITS + _CHECKSUM_DIGITS}}}")
_DRAFT = ".mar-draft"
_ASIDE = ".mar-aside"


@contextlib.contextmanager
def draft_beside(target: Path, *, is_folder: bool) -> Iterator[Path]:
    """Make an empty draft for a target, locked, and remove what is left of it at the end.

    Args:
        target: What the draft is going to be; its folder exists.
        is_folder: Whether that is a folder.

    Yields:
        The draft.
    """
    draft, lock = _make(target, is_folder=is_folder)
    try:
        yield draft
    finally:
        if lock is not None:
            os.close(lock)
        _remove(draft)


def clear_litter(target: Path) -> None:
    """Remove the drafts of a target that killed processes left behind.

    A folder that was moved aside to make room for a draft, which then did not come, is put back.
    """
    try:
        neighbours = list(target.parent.iterdir())
    except OSError:
        # Where one may write but not look, there is nothing to be done about litter.
        return
    for path in neighbours:
        if not is_draft_of(target, path):
            continue
        # One that is locked, or gone meanwhile, is not litter.
        with contextlib.suppress(OSError), locked(path):
            if path.name.endswith(_ASIDE) and not os.path.lexists(target):
                path.rename(target)
            else:
                _remove(path)


def is_draft_of(target: Path, path: Path) -> bool:
    """Tell by its name whether a path is a draft of a target, or an old target moved aside."""
    tag, dot, suffix = path.name.removeprefix(f".{target.name}.").partition(".")
    return (
        bool(_TAG.fullmatch(tag))
        and dot + suffix in {_DRAFT, _ASIDE}
        and path == _path_beside(target, tag[:_RANDOM_DIGITS], dot + suffix)
    )


def path_aside(target: Path) -> Path:
    """Return a name under which a target that is being replaced is kept until it is."""
    return _path_beside(target, secrets.token_hex(_RANDOM_DIGITS // 2), _ASIDE)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file or folder, under whatever name it has meanwhile.

    Args:
        path: The file or folder.
        wait: Whether to wait for another process that holds it.

    Raises:
        BlockingIOError: Another process holds it.
        FileNotFoundError: It is no longer there.
        OSError: The system, or the file system, has no such locks.
    """
    lock = _take_lock(path, wait=wait)
    try:
        yield
    finally:
        os.close(lock)


def _path_beside(target: Path, random: str, suffix: str) -> Path:
    """Return a draft's path; its tag vouches for itself, so that none is met by chance."""
    checksum = hashlib.sha256(f"{target.name}/{random}".encode()).hexdigest()
    tag = random + checksum[:_CHECKSUM_DIGITS]
    return target.with_name(f".{target.name}.{tag}{suffix}")


def _make(target: Path, *, is_folder: bool) -> tuple[Path, int | None]:
    """Make a draft and take its lock, where there are locks."""
    while True:
        draft = _path_beside(target, secrets.token_hex(_RANDOM_DIGITS // 2), _DRAFT)
        try:
            if is_folder:
                draft.mkdir()
            else:
                draft.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            return draft, _take_lock(draft)
        except (BlockingIOError, FileNotFoundError):
            # Another process took it for litter before it was locked, and removes it.
            continue
        except OSError:
            return draft, None


def _remove(draft: Path) -> None:
    """Remove a draft; what has been published or removed by others is no longer there."""
    if draft.is_dir() and not draft.is_symlink():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        draft.unlink(missing_ok=True)


if sys.platform == "win32":

    def _take_lock(path: Path, *, wait: bool = False) -> int:  # noqa: ARG001 -- see below
        # Without locks nobody's draft can be told from litter, so none is cleared there.
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(path))

else:
    import fcntl

    def _take_lock(path: Path, *, wait: bool = False) -> int:
        """Lock a file or folder; the descriptor that is returned holds the lock."""
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # Whoever held the lock before may have removed or renamed it.
            if not os.path.samestat(os.fstat(lock), os.lstat(path)):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        except OSError:
            os.close(lock)
            raise
        return lock
