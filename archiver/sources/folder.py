"""A plain folder: what ``no-archive`` writes, or the sources that somebody is working on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.errors import CorruptArchiveError
from archiver.member import Form, Member
from archiver.names import RECORD_NAME
from archiver.record import RecordEntry, render_record
from archiver.sources.findings import Findings, too_many_members

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from archiver.limits import Limits
    from archiver.sources.source import Stream

# What running and unpacking leave behind. A ``.pyc`` beside them may be a module without a source.
_LITTER_FOLDERS = frozenset({"__pycache__", "__MACOSX"})
_KEEP_DATA_ELSEWHERE = (
    "if it is the right folder, keep what is no part of the model outside of it or in a hidden "
    "folder, or open it with higher limits (--max-members)"
)
_ENVIRONMENT_MARK = "pyvenv.cfg"


class FolderSource:
    """The files of a folder, none of which is read to open it.

    Hidden files (version control among them), caches and virtual environments are no members. Where
    a RECORD shows that the folder was packed, only caches are passed over. Names that differ only
    in case are accepted, since this file system keeps them apart.

    Args:
        path: The folder.
        limits: What it may hold.

    Raises:
        InvalidArchiveError: It cannot be used; the subclass tells whether it is unsafe, too large
            or damaged.
    """

    form: Form = "folder"
    status = None

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._is_packed = (path / RECORD_NAME).is_file()
        self._findings = Findings(path)
        files = dict(sorted(self._walk()))
        self._findings.judge_total(sum(files.values()), limits)
        self._findings.judge_each_name(files, limits)
        self._findings.raise_any()
        self.members = tuple(Member(name, size, size, "stored") for name, size in files.items())

    def open(self, member: Member) -> Stream:
        """Open one member."""
        try:
            return (self._path / member.name).open("rb")
        except OSError as error:
            problem = f"the member {member.name!r} cannot be read: {error.strerror}"
            raise CorruptArchiveError(self._path, [problem]) from error

    def stream(self, members: Collection[Member]) -> Iterator[tuple[Member, Stream]]:
        """Open members one after the other."""
        for member in members:
            with self.open(member) as stream:
                yield member, stream

    def digest(self) -> str:
        """Return the SHA-256 of the RECORD that these files would have; it reads all of them."""
        entries = []
        for member in sorted(self.members, key=lambda member: member.name):
            if member.name != RECORD_NAME:
                with self.open(member) as stream:
                    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                entries.append(RecordEntry(member.name, member.size, sha256))
        return hashlib.sha256(render_record(entries).encode()).hexdigest()

    def close(self) -> None:
        """Do nothing, because no file is held open."""

    def _walk(self) -> Iterator[tuple[str, int]]:
        """Find the files with their sizes, and note what else is there."""
        root = os.path.realpath(self._path)
        folders: list[tuple[str, tuple[str, ...]]] = [("", (root,))]
        count = 0
        while folders:
            prefix, above = folders.pop()
            for entry in self._scan(prefix, above[-1]):
                name = prefix + entry.name
                real_path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                if not self._is_good(entry, name, real_path, root=root):
                    continue
                count += 1
                if count > self._limits.max_members:
                    raise too_many_members(self._path, count, self._limits, _KEEP_DATA_ELSEWHERE)
                if entry.is_file():
                    yield name, entry.stat().st_size
                # A link to a folder that it lies in would lead round and round.
                elif real_path not in above:
                    folders.append((f"{name}/", (*above, real_path)))

    def _scan(self, prefix: str, real_path: str) -> list[os.DirEntry[str]]:
        """List what may be a member in one folder."""
        try:
            with os.scandir(real_path) as found:
                entries = list(found)
        except OSError as error:
            self._findings.unusable(f"the folder {prefix!r} cannot be read: {error.strerror}")
            return []
        is_environment = any(entry.name == _ENVIRONMENT_MARK for entry in entries)
        if prefix and is_environment and not self._is_packed:
            return []
        return [entry for entry in entries if not self._is_passed_over(entry)]

    def _is_good(self, entry: os.DirEntry[str], name: str, real_path: str, *, root: str) -> bool:
        """Tell whether something may be a member, or note what it is.

        Who works in a folder of sources may link to weights elsewhere; what was packed may not.
        """
        leaves = entry.is_symlink() and not Path(real_path).is_relative_to(root)
        if leaves and (self._is_packed or entry.is_dir()):
            self._findings.unsafe(
                f"{name!r} is a symbolic link to {real_path}, outside the folder; "
                "copy what it points to into the folder, or take the link out"
            )
        elif entry.is_file() or entry.is_dir():
            return True
        elif entry.is_symlink():
            self._findings.damaged(f"{name!r} is a symbolic link to nothing")
        else:
            self._findings.unsafe(f"{name!r} is a device, a named pipe or a socket")
        return False

    def _is_passed_over(self, entry: os.DirEntry[str]) -> bool:
        """Tell whether something is no part of the model."""
        if entry.name in _LITTER_FOLDERS and entry.is_dir():
            return True
        return entry.name.startswith(".") and not self._is_packed
