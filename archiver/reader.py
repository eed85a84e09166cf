"""An archive, opened: its manifest, its members and their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from archiver.assumed_manifest import assume_manifest
from archiver.consistency import (
    compare_with_record,
    judge_named_files,
    refuse_other_files,
    refuse_store,
)
from archiver.errors import (
    CorruptArchiveError,
    InvalidArchiveError,
    LimitExceededError,
    UnknownMemberError,
)
from archiver.extraction import extract_members
from archiver.limits import DEFAULT_LIMITS, Limits
from archiver.manifest import Manifest
from archiver.names import MANIFEST_NAME, RECORD_NAME
from archiver.nearest import nearest_name
from archiver.record import parse_record
from archiver.sources.detection import open_source
from archiver.sources.zip import ZipSource
from archiver.verification import Checker, Verification, content_problems

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Sequence

    from archiver.member import Form, Member
    from archiver.record import RecordEntry
    from archiver.sources.source import Source, Stream


class Archive:
    """A ``.mar``, a ``.tar.gz`` or a folder, its structure checked and nothing of it run.

    `Archive.open` makes one. It is a context manager, and several threads may read it at once.

    Attributes:
        path: Where it is.
        form: ``"mar"``, ``"tgz"`` or ``"folder"``.
        manifest: What MANIFEST.json says, or what the files' names suggest where there is none.
        has_manifest: Whether there is a MANIFEST.json.
        members: Its files.
        record: What RECORD says, or None where there is none.
    """

    path: Path
    form: Form
    manifest: Manifest
    has_manifest: bool
    members: tuple[Member, ...]
    record: tuple[RecordEntry, ...] | None

    def __init__(self, path: Path, source: Source, limits: Limits) -> None:
        self.path = path
        self.form = source.form
        self._source = source
        self._limits = limits
        self._digest: str | None = None
        self.members = source.members
        self._by_name = {member.name: member for member in self.members}
        if not self.members:
            raise InvalidArchiveError(path, ["there are no files in it"])
        if self.form == "mar":
            refuse_other_files(path, self._by_name)
        self._read_record()
        self._read_manifest()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Open an archive and check its structure; the members' bytes are checked when read.

        Args:
            path: A ``.mar``, a ``.tar.gz`` or a folder; the content tells which, not the name.
            limits: What it may hold.

        Raises:
            UnsafeArchiveError: A member would be written outside its folder or is no plain file.
            LimitExceededError: It holds more than *limits* allow.
            CorruptArchiveError: Its structure is damaged, or it is not what RECORD says.
            ManifestError: MANIFEST.json is no manifest, or names files that are not there.
            InvalidArchiveError: It cannot be used for another reason: the base of the first three.
        """
        place = Path(path)
        source = open_source(place, limits)
        try:
            return cls(place, source, limits)
        except BaseException:
            source.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Archive {str(self.path)!r}: {self.form}, {len(self.members)} members>"

    @property
    def file_status(self) -> os.stat_result | None:
        """What the system said of the archive's file when it was opened; None of a folder.

        It is of the very file that is read, also when another one is put under its name meanwhile.
        """
        return self._source.status

    def close(self) -> None:
        """Close the archive's file, under all of its open members."""
        self._source.close()

    def member(self, name: str) -> Member:
        """Return the member of this name.

        Raises:
            UnknownMemberError: There is none.
        """
        member = self._by_name.get(name)
        if member is None:
            raise UnknownMemberError(self.path, name, nearest_name(name, self._by_name))
        return member

    def digest(self) -> str:
        """Return the archive's content address, a SHA-256 in hexadecimal.

        Of a file with a RECORD it is that of RECORD, against which every member is compared when
        it is extracted, so that it costs nothing. Of a file without one it is that of the whole
        file, and of a folder that of the RECORD which its files would have: both read everything.
        """
        if self._digest is None:
            self._digest = self._source.digest()
        return self._digest

    def read(self, name: str) -> bytes:
        """Return a member's content, compared with its SHA-256 or CRC-32.

        Raises:
            UnknownMemberError: There is no such member.
            LimitExceededError: It is larger than ``max_read_bytes``; `open_member` streams it.
            CorruptArchiveError: It is not what was packed.
        """
        return self._read(self.member(name), "max_read_bytes")

    def open_member(self, name: str) -> BinaryIO:
        """Open a member for reading; a stored member of a ``.mar`` and a file can seek.

        The checksums are not compared, since nobody knows how much of it will be read.

        Raises:
            UnknownMemberError: There is no such member.
        """
        return self._source.open(self.member(name))

    def map_member(self, name: str) -> memoryview | None:
        """Map a member into memory where it lies in the archive's file, copy on write.

        What is written there stays in this process. The mapping outlives `close`, and the file's
        being renamed or replaced, but not its being written over in place. The checksums are not
        compared.

        Returns:
            The member's bytes; None where they do not lie there in one piece: in a ``.tar.gz`` or
            a folder, and of a deflated or an empty member.

        Raises:
            UnknownMemberError: There is no such member.
        """
        member = self.member(name)
        return self._source.map(member) if isinstance(self._source, ZipSource) else None

    def stream(self, names: Collection[str] | None = None) -> Iterator[tuple[Member, BinaryIO]]:
        """Open members one after the other, in one pass through the archive.

        In a ``.tar.gz`` that is the only quick way. A stream is good until the next one is asked
        for; the checksums are not compared.

        Args:
            names: The members to open; None stands for all.

        Raises:
            UnknownMemberError: There is no member of one of the *names*.
        """
        return self._source.stream(self._chosen(names))

    def verify(self) -> Verification:
        """Read every member and compare it with its CRC-32 and with RECORD.

        Raises:
            CorruptArchiveError: Members are not what was packed; all of them are named.
        """
        members = self._recorded_members()
        problems: list[str] = []
        try:
            with Checker(every_checksum=True) as checker:
                for member, stream in self._source.stream(members):
                    problems.extend(_damage(checker, member, stream))
        except CorruptArchiveError as error:
            # Past this point the container itself cannot be read.
            problems.extend(problem for problem in error.problems if problem not in problems)
        if problems:
            raise CorruptArchiveError(self.path, problems)
        return Verification.of(members)

    def extract(
        self, destination: str | os.PathLike[str], names: Collection[str] | None = None
    ) -> None:
        """Write members into a new folder; they are checked while they are copied.

        They are written into a draft beside the destination that is renamed in the end: on any
        error nothing is left. Empty folders of the archive are not made.

        Args:
            destination: The folder to make; it must not exist, or be empty.
            names: The members to write; None stands for all.

        Raises:
            TargetExistsError: There is something at *destination*.
            UnknownMemberError: There is no member of one of the *names*.
            CorruptArchiveError: A member is not what was packed.
            OSError: The disk is full, or the folder may not be written.
        """
        members = self._chosen(names)
        extract_members(self._source, members, Path(destination).absolute(), archive=self.path)

    def _chosen(self, names: Collection[str] | None) -> Collection[Member]:
        """Return the members of these names, each once."""
        return self.members if names is None else {self.member(name) for name in names}

    def _recorded_members(self) -> tuple[Member, ...]:
        """Return the members with what RECORD says of them."""
        if self.record is None:
            return self.members
        return compare_with_record(self.path, self.members, self.record)

    def _read_record(self) -> None:
        """Read RECORD, which an archive file has to agree with from the beginning.

        A folder is there to be worked in, so that only `verify` holds it to its RECORD.
        """
        self.record = None
        if RECORD_NAME not in self._by_name:
            return
        text = self._read(self._by_name[RECORD_NAME], "max_record_bytes")
        self.record = parse_record(text, path=self.path)
        if self.form != "folder":
            self.members = self._recorded_members()
            self._by_name = {member.name: member for member in self.members}
            self._digest = hashlib.sha256(text).hexdigest()

    def _read_manifest(self) -> None:
        """Read the manifest, or assume one of what is there."""
        self.has_manifest = MANIFEST_NAME in self._by_name
        if self.has_manifest:
            text = self._read(self._by_name[MANIFEST_NAME], "max_manifest_bytes")
            self.manifest = Manifest.from_json(text, path=self.path)
            judge_named_files(self.path, self.manifest, self._by_name)
        else:
            if self.form == "folder":
                refuse_store(self.path, self._by_name)
            self.manifest = assume_manifest(self.path, [*self._by_name])

    def _read(self, member: Member, limit: str) -> bytes:
        """Read a member that may have as many bytes as a field of the limits says."""
        most: int = getattr(self._limits, limit)
        if member.size > most:
            problem = (
                f"the member {member.name!r} has {member.size} bytes, more than {limit} = {most}"
            )
            raise LimitExceededError(self.path, [problem])
        with self._source.open(member) as stream:
            content = stream.read(member.size + 1)
        problems = content_problems(member, content)
        if problems:
            raise CorruptArchiveError(self.path, problems)
        return content


def _damage(checker: Checker, member: Member, stream: Stream) -> Sequence[str]:
    """Say what is wrong with one member, also where it cannot be unpacked at all."""
    try:
        return checker.check(member, stream)
    except CorruptArchiveError as error:
        return error.problems
