"""The end of a zip: where its directory lies.

Format: PKWARE APPNOTE 6.3.10, sections 4.3.14 to 4.3.16.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from archiver.errors import CorruptArchiveError

if TYPE_CHECKING:
    from pathlib import Path

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_LONGEST_COMMENT = 0xFFFF
# A value that does not fit is written as this, and in full in the zip64 record.
_IN_64_16 = 0xFFFF
_IN_64_32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory lies and how many entries it has."""

    start: int
    end: int
    count: int


def find_directory(file: BinaryIO, path: Path) -> Directory:
    """Find the central directory by the record at the archive's end.

    Args:
        file: The whole archive.
        path: Its path, for the error message.

    Raises:
        CorruptArchiveError: There is no such record, or it does not add up with the file.
    """
    size = file.seek(0, io.SEEK_END)
    tail_start = max(0, size - _END.size - _LONGEST_COMMENT)
    file.seek(tail_start)
    tail = file.read(size - tail_start)
    position = tail.rfind(b"PK\5\6")
    while position >= 0:
        if len(tail) - position >= _END.size:
            fields = _END.unpack_from(tail, position)
            if position + _END.size + fields[7] == len(tail):
                return _checked_directory(file, path, tail_start + position, fields)
        position = tail.rfind(b"PK\5\6", 0, position)
    problem = (
        "it begins as a zip but has no directory at its end: it is truncated, or something was "
        "appended to it; copy or download it again"
    )
    raise CorruptArchiveError(path, [problem])


def _checked_directory(
    file: BinaryIO, path: Path, end_offset: int, fields: tuple[int, ...]
) -> Directory:
    """Make sure that directory, end record and file add up, with nothing in front or between."""
    _, disk, directory_disk, count_here, count, size, start, _ = fields
    directory_end = end_offset
    announced_64 = _read_end_64(file, end_offset)
    if announced_64 is not None:
        record_offset, (_, length, _, _, disk, directory_disk, *rest) = announced_64
        narrow = (count_here, count, size, start)
        count_here, count, size, start = rest
        wide_enough = zip(narrow, rest, (_IN_64_16,) * 2 + (_IN_64_32,) * 2, strict=True)
        contradicts = any(short not in (wide, marker) for short, wide, marker in wide_enough)
        if contradicts or record_offset + 12 + length != end_offset - _LOCATOR_64.size:
            raise CorruptArchiveError(path, ["its two end records contradict each other"])
        directory_end = record_offset
    if disk or directory_disk or count_here != count:
        raise CorruptArchiveError(
            path, ["it is one part of a zip that was split into several; join the parts first"]
        )
    if start + size != directory_end:
        problem = (
            f"its directory should end at byte {start + size} but ends at {directory_end}: "
            "bytes are missing from the archive or were added to it"
        )
        raise CorruptArchiveError(path, [problem])
    return Directory(start, directory_end, count)


def _read_end_64(file: BinaryIO, end_offset: int) -> tuple[int, tuple[int, ...]] | None:
    """Read the zip64 end record and its offset, or None when the archive has none."""
    locator_offset = end_offset - _LOCATOR_64.size
    if locator_offset < _END_64.size:
        return None
    file.seek(locator_offset)
    signature, _, record_offset, _ = _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))
    if signature != b"PK\6\7" or record_offset > locator_offset - _END_64.size:
        return None
    file.seek(record_offset)
    fields = _END_64.unpack(file.read(_END_64.size))
    return (record_offset, fields) if fields[0] == b"PK\6\6" else None
