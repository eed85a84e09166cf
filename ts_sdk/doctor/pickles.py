"""Every pickle in an archive, and what it imports; none of them is unpickled.

Members are read where they lie. What cannot be read at any position, such as a member of a
``.tar.gz``, goes through a temporary file.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from archiver.first_bytes import is_pickle
from archiver.sizes import format_size
from ts_sdk.doctor.pickle_globals import Global, NotScannedError, globals_of
from ts_sdk.doctor.spooling import seekable

if TYPE_CHECKING:
    from archiver import Archive, Inspection, Limits

PICKLE_SUFFIXES = (".bin", ".ckpt", ".joblib", ".p", ".pickle", ".pkl", ".pt", ".pth")
_HOLDING = {
    "torch zip",
    "torchscript",
    "pickle",
    "exported program",
    "aotinductor package",
    "zip",
}
_ZIP = b"PK\3\4"
_HEAD_BYTES = 64
_MOST_NESTED = 4
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,  # a password is asked for
    ValueError,
)


@dataclass(frozen=True, slots=True)
class ScannedPickle:
    """One pickle.

    Attributes:
        member: The member that it is in.
        inside: Its name inside of the member, "" when it is the member.
        globals: What it imports.
        problem: Why it was not read to its end, None when it was.
    """

    member: str
    inside: str
    globals: tuple[Global, ...] = ()
    problem: str | None = None

    @property
    def place(self) -> str:
        """The member, and where in it, as a path."""
        return f"{self.member}/{self.inside}" if self.inside else self.member


def scan_pickles(
    archive: "Archive", inspection: "Inspection", limits: "Limits"
) -> Iterator[ScannedPickle]:
    """Yield every pickle of an archive, those in nested zips included, in one pass.

    Args:
        archive: The archive.
        inspection: What is inside, which tells where pickles may be.
        limits: What may be unpacked.
    """
    forms = {each.name: each.form for each in inspection.serialized}
    wanted = [
        member.name
        for member in archive.members
        if forms.get(member.name) in _HOLDING
        or (member.name not in forms and member.name.endswith(PICKLE_SUFFIXES))
    ]
    for member, stream in archive.stream(wanted):
        with seekable(stream) as file:
            yield from _Scanner(member.name, limits).scan(file, "", member.size)


def names_in_zips(archive: "Archive", members: Sequence[str]) -> Iterator[str]:
    """Yield the parts of the names that the zips among *members* hold, without suffixes."""
    for _, stream in archive.stream(members):
        with seekable(stream) as file:
            try:
                with zipfile.ZipFile(file) as zipped:
                    names = zipped.namelist()
            except _UNREADABLE:
                continue
        yield from {part.partition(".")[0] for name in names for part in name.split("/")}


class _Scanner:
    """Scans one member, and what is nested in it."""

    def __init__(self, member: str, limits: "Limits") -> None:
        self._member = member
        self._limits = limits
        self._left_bytes = limits.max_total_bytes
        self._left_entries = limits.max_members

    def scan(
        self, file: IO[bytes], inside: str, size: int, depth: int = 0
    ) -> Iterator[ScannedPickle]:
        """Yield the pickles in *file*, which is *size* bytes long and *depth* zips deep."""
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        if head.startswith(_ZIP):
            yield from self._scan_zip(file, inside, depth)
            return
        try:
            found, problem = globals_of(file, size, self._limits.max_read_bytes)
        except NotScannedError as error:
            if is_pickle(head):
                yield self._unread(inside, str(error))
            return
        if found or is_pickle(head):
            # What only a suffix takes for a pickle may well be something else.
            problem = problem if is_pickle(head) else None
            yield ScannedPickle(self._member, inside, found, problem)

    def _scan_zip(self, file: IO[bytes], inside: str, depth: int) -> Iterator[ScannedPickle]:
        from picklescan.relaxed_zipfile import RelaxedZipFile

        if depth == _MOST_NESTED:
            yield self._unread(inside, f"it lies in {depth} zips, one in the other")
            return
        try:
            with RelaxedZipFile(file) as archive:
                entries = archive.infolist()
                names = {entry.filename for entry in entries}
                for entry in entries:
                    if not _is_harmless(entry.filename, names):
                        yield from self._scan_entry(archive, entry, inside, depth)
        except _UNREADABLE as error:
            yield self._unread(inside, f"it cannot be read as a zip: {error}")

    def _scan_entry(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, inside: str, depth: int
    ) -> Iterator[ScannedPickle]:
        name = f"{inside}/{entry.filename}" if inside else entry.filename
        self._left_entries -= 1
        try:
            with archive.open(entry) as stream:
                head = stream.read(_HEAD_BYTES)
            is_wanted = head.startswith(_ZIP) or is_pickle(head)
            if not is_wanted and not name.endswith(PICKLE_SUFFIXES):
                return
            refusal = self._refusal_of(entry)
            if refusal is not None:
                yield self._unread(name, refusal)
                return
            with archive.open(entry) as stream, seekable(stream, copy=True) as copy:
                yield from self.scan(copy, name, entry.file_size, depth + 1)
        except _UNREADABLE as error:
            yield self._unread(name, f"it cannot be read: {error}")

    def _refusal_of(self, entry: zipfile.ZipInfo) -> str | None:
        """Why *entry* is not unpacked, None when it is."""
        size, packed = entry.file_size, entry.compress_size
        self._left_bytes -= size
        if self._limits.is_bomb(size, packed):
            return f"it unpacks from {format_size(packed)} to {format_size(size)}, as no model does"
        if self._left_bytes < 0 or self._left_entries < 0:
            return "there is more in it than the limits allow"
        return None

    def _unread(self, inside: str, problem: str) -> ScannedPickle:
        return ScannedPickle(self._member, inside, problem=problem)


def _is_harmless(name: str, names: set[str]) -> bool:
    """Whether nobody unpickles an entry: it is a tensor's raw numbers, or part of TorchScript.

    TorchScript is read by an unpickler of its own, which knows tensors only.
    """
    path = PurePosixPath(name)
    folder = path.parts[0] if len(path.parts) > 1 else "."
    if f"{folder}/data.pkl" not in names:
        return False
    is_numbers = path.parent.name == "data" and path.name.isdecimal()
    return is_numbers or f"{folder}/constants.pkl" in names
