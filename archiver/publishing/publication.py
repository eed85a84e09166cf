"""Give a finished draft the target's name: at any moment that name has the old or the new."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from archiver.destinations.flushed_file import sync_folder
from archiver.errors import TargetExistsError
from archiver.publishing.draft import locked, path_aside
from archiver.publishing.renaming import exchange, rename_to_new
from archiver.publishing.replacement import foreign_content, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def publish(draft: Path, target: Path, *, is_folder: bool, force: bool) -> None:
    """Give a draft the target's name.

    Args:
        draft: The finished draft, in the target's folder; what it replaces may be under its name
            afterwards.
        target: The name.
        is_folder: Whether the draft is a folder.
        force: Whether an existing target is replaced.

    Raises:
        TargetExistsError: There is something under the name that may not be replaced.
    """
    if is_folder:
        _publish_folder(draft, target, force=force)
    elif force:
        _refuse_unless_replaceable(target, is_folder=False)
        draft.replace(target)
    else:
        _publish_new_file(draft, target)
    sync_folder(target.parent)


def _publish_new_file(draft: Path, target: Path) -> None:
    """Give a file a second name, which fails when there is something under that name."""
    try:
        target.hardlink_to(draft)
    except FileExistsError as error:
        raise TargetExistsError(target) from error
    except OSError:
        # The file system has no links, as FAT has none.
        try:
            rename_to_new(draft, target)
        except FileExistsError as error:
            raise TargetExistsError(target) from error


def _publish_folder(draft: Path, target: Path, *, force: bool) -> None:
    """Put a folder in the place of one that may be replaced, or where there is nothing.

    Other processes may put theirs there, or take it away, between any two steps.
    """
    while True:
        if not force or not os.path.lexists(target):
            try:
                rename_to_new(draft, target)
            except FileExistsError as error:
                if not force:
                    raise TargetExistsError(target) from error
            else:
                return
        try:
            _replace_folder(draft, target)
        except FileNotFoundError:
            if not draft.exists():
                raise
        else:
            return


def _replace_folder(draft: Path, target: Path) -> None:
    """Exchange a folder for the one that is there, which has the draft's name afterwards."""
    with _locked_where_possible(target):
        _refuse_unless_replaceable(target, is_folder=True)
        if not exchange(draft, target):
            _replace_in_two_steps(draft, target)
        elif (reason := foreign_content(draft)) is not None:
            # Somebody put another folder there since it was looked at.
            exchange(draft, target)
            raise TargetExistsError(target, reason)


def _refuse_unless_replaceable(target: Path, *, is_folder: bool) -> None:
    """Raise TargetExistsError for what --force does not replace."""
    reason = refusal(target, is_folder=is_folder, force=True)
    if reason is not None:
        raise TargetExistsError(target, reason)


def _replace_in_two_steps(draft: Path, target: Path) -> None:
    """Move the old folder aside, then put the new one in its place.

    Between the two there is none; a process killed there leaves the old one aside, from where
    the next one takes it back.
    """
    aside = path_aside(target)
    target.rename(aside)
    try:
        rename_to_new(draft, target)
    except BaseException:
        aside.rename(target)
        raise
    aside.rename(draft)


@contextlib.contextmanager
def _locked_where_possible(target: Path) -> Iterator[None]:
    """Keep the old folder from being cleared as litter once it has the draft's name.

    Where there are no locks, no process clears any.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(target, wait=True))
        except FileNotFoundError:
            raise
        except OSError:
            pass
        yield
