"""A ``.mar``: a zip of stored and deflated members."""

from __future__ import annotations

import hashlib
import io
import stat
from typing import TYPE_CHECKING

from archiver.member import Form, Member
from archiver.sources.findings import Findings, without_dot_parts
from archiver.sources.streams import Inflated, SharedFile, Window
from archiver.sources.zip_directory import STORED, Entry, read_entries

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from archiver.limits import Limits
    from archiver.sources.source import Stream

_NO_PLAIN_FILES = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}
_BUFFER_BYTES = 1 << 16


class ZipSource:
    """The members of a zip whose structure has been checked.

    Args:
        path: The archive.
        limits: What it may hold.

    Raises:
        InvalidArchiveError: It cannot be used; the subclass tells whether it is unsafe, too large
            or damaged.
    """

    form: Form = "mar"

    def __init__(self, path: Path, limits: Limits) -> None:
        self._file = SharedFile(path)
        try:
            findings = Findings(path)
            entries = read_entries(self._file.file, path, limits, findings)
            files = {without_dot_parts(entry.name): entry for entry in entries if entry.is_file}
            _judge(entries, limits, findings)
            findings.raise_any()
        except BaseException:
            self.close()
            raise
        self._offsets = {name: entry.offset for name, entry in files.items()}
        self.members = tuple(_member(name, entry) for name, entry in files.items())

    @property
    def status(self) -> os.stat_result:
        """What the system said of the file when it was opened."""
        return self._file.status

    def open(self, member: Member) -> Stream:
        """Open one member; a stored one can seek."""
        offset = self._offsets[member.name]
        window = Window(self._file, member.name, offset, member.compressed_size)
        if member.method == "stored":
            return io.BufferedReader(window, _BUFFER_BYTES)
        inflated = Inflated(window, self._file.path, member.name, member.size)
        return io.BufferedReader(inflated, _BUFFER_BYTES)

    def map(self, member: Member) -> memoryview | None:
        """Map a member into memory, copy on write; None when it is deflated or empty."""
        if member.method != "stored" or not member.size:
            return None
        return self._file.map(self._offsets[member.name], member.size)

    def stream(self, members: Collection[Member]) -> Iterator[tuple[Member, Stream]]:
        """Open members one after the other, in the order in which they lie in the archive."""
        for member in sorted(members, key=lambda member: self._offsets[member.name]):
            yield member, self.open(member)

    def digest(self) -> str:
        """Return the SHA-256 of the whole file."""
        whole = Window(self._file, "the archive", 0, self._file.size)
        return hashlib.file_digest(io.BufferedReader(whole), "sha256").hexdigest()

    def close(self) -> None:
        """Close the file, under all of its open members."""
        self._file.close()


def _judge(entries: tuple[Entry, ...], limits: Limits, findings: Findings) -> None:
    """Note every entry that may not be unpacked."""
    files = [without_dot_parts(entry.name) for entry in entries if entry.is_file]
    folders = [without_dot_parts(entry.name) for entry in entries if not entry.is_file]
    findings.judge_names(files, folders, limits)
    findings.judge_total(sum(entry.size for entry in entries), limits)
    for entry in entries:
        kind = _NO_PLAIN_FILES.get(stat.S_IFMT(entry.mode))
        if kind is not None:
            findings.unsafe(f"the member {entry.name!r} is {kind}; pack the file itself")
        if not entry.is_file and entry.size:
            findings.damaged(f"the folder {entry.name!r} has content of its own")
        if limits.is_bomb(entry.size, entry.compressed_size):
            findings.too_large(
                f"the member {entry.name!r} unpacks from {entry.compressed_size} to {entry.size} "
                f"bytes, more than max_ratio = {limits.max_ratio:g} allows"
            )


def _member(name: str, entry: Entry) -> Member:
    """Describe a file of the archive."""
    stored = entry.method == STORED
    return Member(
        name=name,
        size=entry.size,
        compressed_size=entry.compressed_size,
        method="stored" if stored else "deflated",
        crc=entry.crc,
        offset=entry.offset if stored else None,
    )
