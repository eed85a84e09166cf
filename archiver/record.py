"""MAR-INF/RECORD: the size and SHA-256 of every member.

One CSV line a member, in the manner of a wheel's RECORD::

    model.pt,sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,4

The digest is in hexadecimal, as ``sha256sum`` prints it. RECORD does not list itself.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.errors import CorruptArchiveError
from archiver.names import RECORD_NAME

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_HASH_PREFIX = "sha256="
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """What RECORD says of one member.

    Attributes:
        name: The member's name.
        size: Its size in bytes, unpacked.
        sha256: The SHA-256 of its content, 64 lower-case hexadecimal digits.
    """

    name: str
    size: int
    sha256: str


def render_record(entries: Iterable[RecordEntry]) -> str:
    """Return the text of MAR-INF/RECORD, in the order of the entries."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for entry in entries:
        lines.writerow((entry.name, f"{_HASH_PREFIX}{entry.sha256}", entry.size))
    return text.getvalue()


def parse_record(
    data: bytes | str, *, path: str | os.PathLike[str] = RECORD_NAME
) -> tuple[RecordEntry, ...]:
    """Read MAR-INF/RECORD.

    Args:
        data: Its content.
        path: The archive that it comes from, for the error message.

    Returns:
        Its entries in their order, each name once.

    Raises:
        CorruptArchiveError: A line is no entry, or a name is there twice.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptArchiveError(path, [f"{RECORD_NAME} is not UTF-8 text: {error}"]) from error

    entries: dict[str, RecordEntry] = {}
    problems: list[str] = []
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in lines:
            if not row:
                continue
            entry = _entry(row)
            if entry is None:
                problems.append(
                    f"{RECORD_NAME} line {lines.line_num} is not 'name,sha256=<64 hexadecimal "
                    f"digits>,size': {','.join(row)!r}"
                )
            elif entry.name in entries:
                problems.append(f"{RECORD_NAME} lists {entry.name!r} twice")
            else:
                entries[entry.name] = entry
    except csv.Error as error:
        raise CorruptArchiveError(
            path, [*problems, f"{RECORD_NAME} line {lines.line_num} is not CSV: {error}"]
        ) from error
    if problems:
        raise CorruptArchiveError(path, problems)
    return tuple(entries.values())


def _entry(row: list[str]) -> RecordEntry | None:
    """Make an entry of one line's fields, or None when they are none."""
    match row:
        case [name, digest, size] if name and _SIZE.fullmatch(size):
            sha256 = digest.removeprefix(_HASH_PREFIX)
            if sha256 != digest and _SHA256.fullmatch(sha256):
                return RecordEntry(name, int(size), sha256)
    return None
