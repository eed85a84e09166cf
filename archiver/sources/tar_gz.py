"""A ``.tar.gz``: one compressed stream, usually of one folder with the model's name."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

from archiver.errors import CorruptArchiveError
from archiver.member import Form, Member
from archiver.names import METADATA_FOLDER
from archiver.sources.findings import Findings, too_many_members, without_dot_parts
from archiver.sources.streams import SharedFile, Window
from archiver.sources.tar_stream import TarStream

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from archiver.limits import Limits
    from archiver.sources.source import Stream

_NO_PLAIN_FILES = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
}
# Going back for a member costs unpacking everything in front of it, so small ones are kept.
_MOST_KEPT_EACH = 256 << 10
_MOST_KEPT = 16 << 20


class TarGzSource:
    """The members of a ``.tar.gz``, found by unpacking it once in memory.

    Args:
        path: The archive.
        limits: What it may hold.

    Raises:
        InvalidArchiveError: It cannot be used; the subclass tells whether it is unsafe, too large
            or damaged.
    """

    form: Form = "tgz"

    def __init__(self, path: Path, limits: Limits) -> None:
        self._file = SharedFile(path)
        self._limits = limits
        self._kept: dict[str, bytes] = {}
        try:
            sizes = self._look_through()
        except BaseException:
            self.close()
            raise
        # What the archive calls a member and what it is called below the archive's one folder.
        self._prefix = _common_folder([*sizes])
        self.members = tuple(
            Member(name.removeprefix(self._prefix), size, size, "deflated")
            for name, size in sizes.items()
        )

    @property
    def status(self) -> os.stat_result:
        """What the system said of the file when it was opened."""
        return self._file.status

    def open(self, member: Member) -> Stream:
        """Open one member; unless it is small, that unpacks everything in front of it."""
        content = self._kept.get(self._prefix + member.name)
        if content is not None:
            return io.BytesIO(content)
        return next(self.stream([member]))[1]

    def stream(self, members: Collection[Member]) -> Iterator[tuple[Member, Stream]]:
        """Open members one after the other, in the archive's order, in one pass.

        The pass goes on to the end, where gzip's own checksum is.
        """
        wanted = {self._prefix + member.name: member for member in members}
        tar = TarStream(self._file, self._limits)
        for entry in tar:
            member = wanted.pop(without_dot_parts(entry.name), None)
            if member is not None:
                yield member, tar.content(entry)
        if wanted:
            raise CorruptArchiveError(
                self._file.path, ["it was changed while it was being read; read it again"]
            )

    def digest(self) -> str:
        """Return the SHA-256 of the whole file."""
        whole = Window(self._file, "the archive", 0, self._file.size)
        return hashlib.file_digest(io.BufferedReader(whole), "sha256").hexdigest()

    def close(self) -> None:
        """Close the file, under all of its open members."""
        self._file.close()

    def _look_through(self) -> dict[str, int]:
        """Judge every entry and return the files' sizes by name, as the archive spells them."""
        findings = Findings(self._file.path)
        files: list[tuple[str, int]] = []
        folders: list[str] = []
        tar = TarStream(self._file, self._limits)
        total = kept = 0
        for entry in tar:
            name = without_dot_parts(entry.name)
            if entry.isdir():
                # Without its slash, which tarfile takes away, the archive's own folder is a dot.
                folders.append(without_dot_parts(f"{entry.name}/"))
            else:
                files.append((name, entry.size))
            if len(files) + len(folders) > self._limits.max_members:
                raise too_many_members(self._file.path, len(files) + len(folders), self._limits)
            _judge_kind(entry, findings)
            total += entry.size
            if total > self._limits.max_total_bytes:
                break
            if _is_plain(entry) and entry.size <= min(_MOST_KEPT_EACH, _MOST_KEPT - kept):
                self._kept[name] = tar.content(entry).read()
                kept += entry.size
        findings.judge_total(total, self._limits)
        findings.judge_names([name for name, _ in files], folders, self._limits)
        findings.raise_any()
        return dict(files)


def _is_plain(entry: tarfile.TarInfo) -> bool:
    """Tell whether an entry is a file whose content lies in the archive as it is."""
    return entry.isreg() and not entry.issparse()


def _judge_kind(entry: tarfile.TarInfo, findings: Findings) -> None:
    """Note what is neither a plain file nor a folder."""
    if entry.issparse():
        findings.unusable(f"the member {entry.name!r} is a sparse file; pack it without --sparse")
    elif entry.type in _NO_PLAIN_FILES:
        target = f" to {entry.linkname!r}" if entry.linkname else ""
        kind = _NO_PLAIN_FILES[entry.type]
        findings.unsafe(f"the member {entry.name!r} is {kind}{target}; pack the file itself")
    elif not _is_plain(entry) and not entry.isdir():
        findings.unsafe(f"the member {entry.name!r} is of an unknown kind, {entry.type!r}")


def _common_folder(names: Sequence[str]) -> str:
    """Return the one folder that everything lies in, ``/`` included, or nothing."""
    tops = {name.partition("/")[0] for name in names}
    in_folders = all("/" in name for name in names)
    if len(tops) != 1 or not in_folders or tops == {METADATA_FOLDER}:
        return ""
    return f"{tops.pop()}/"
