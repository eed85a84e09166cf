"""The structure of a zip, read strictly.

`zipfile` forgives what a reader of strangers' archives should not: bytes in front of the archive,
more entries than were announced, members that share their bytes, local headers that tell another
story than the central directory. Each of these lets one archive look different to two readers.

Format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3. Only what a single-file archive of stored
and deflated members needs is accepted.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from archiver.errors import CorruptArchiveError, LimitExceededError
from archiver.sources.findings import too_many_members
from archiver.sources.zip_end import find_directory

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.limits import Limits
    from archiver.sources.findings import Findings
    from archiver.sources.zip_end import Directory

STORED = 0
DEFLATED = 8

_CENTRAL = struct.Struct("<4s2B5H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_IN_EXTRA_32 = 0xFFFFFFFF
_EXTRA_64 = 0x0001

# The directory is held in memory: a hundred thousand members with long names need less.
_MOST_DIRECTORY_BYTES = 256 << 20

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_SIZES_FOLLOW = 0x0008


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the central directory, its content located.

    Attributes:
        name: Its name, as written; a folder's ends with ``/``.
        method: The number of its compression method.
        crc: The CRC-32 of its content.
        compressed_size: Its bytes in the archive.
        size: Its bytes, unpacked.
        mode: Its Unix mode, 0 where the packer kept none.
        header_offset: Where its local header begins.
        offset: Where its content begins.
    """

    name: str
    method: int
    crc: int
    compressed_size: int
    size: int
    mode: int
    header_offset: int
    offset: int

    @property
    def is_file(self) -> bool:
        """Whether it is a file, and not a folder."""
        return not self.name.endswith("/")

    @property
    def end(self) -> int:
        """Where its content ends."""
        return self.offset + self.compressed_size


@dataclass(frozen=True, slots=True)
class _Header:
    """One entry of the central directory, its raw bytes decoded."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    mode: int
    disk: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Local:
    """The header in front of a member, and where that header ends."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    end: int


def read_entries(
    file: BinaryIO, path: Path, limits: Limits, findings: Findings
) -> tuple[Entry, ...]:
    """Read the directory of a zip and compare it with the headers in front of the members.

    Args:
        file: The whole archive.
        path: Its path, for the error message.
        limits: How many entries it may have.
        findings: Gets what is wrong with single entries; those are left out.

    Raises:
        CorruptArchiveError: The directory cannot be read at all.
        LimitExceededError: It has more entries, or longer ones, than are allowed.
    """
    directory = find_directory(file, path)
    if directory.count > limits.max_members:
        raise too_many_members(path, directory.count, limits)
    if directory.end - directory.start > _MOST_DIRECTORY_BYTES:
        problem = f"its directory takes more than {_MOST_DIRECTORY_BYTES} bytes"
        raise LimitExceededError(path, [problem])
    headers = _read_headers(file, path, directory)
    entries = [_locate(file, header, directory, findings) for header in headers]
    located = tuple(entry for entry in entries if entry is not None)
    _judge_overlaps(located, findings)
    return located


def _read_headers(file: BinaryIO, path: Path, directory: Directory) -> list[_Header]:
    """Read the central directory, which must hold as many entries as announced and no more."""
    file.seek(directory.start)
    headers = []
    for number in range(1, directory.count + 1):
        header = _read_header(file)
        if header is None:
            raise CorruptArchiveError(
                path, [f"entry {number} of {directory.count} in its directory is damaged"]
            )
        headers.append(header)
    if file.tell() != directory.end:
        raise CorruptArchiveError(
            path, [f"its directory does not end after the {directory.count} entries it announces"]
        )
    return headers


def _read_header(file: BinaryIO) -> _Header | None:
    """Read one entry of the central directory, or return None where there is none."""
    fixed = file.read(_CENTRAL.size)
    if len(fixed) < _CENTRAL.size:
        return None
    fields = _CENTRAL.unpack(fixed)
    (signature, _, system, _, flags, method, _, _, crc, compressed_size, size) = fields[:11]
    (name_length, extra_length, comment_length, disk, _, attributes, offset) = fields[11:]
    raw_name = file.read(name_length)
    extra = file.read(extra_length)
    comment = file.read(comment_length)
    if signature != b"PK\1\2" or len(comment) < comment_length:
        return None
    wide = _wide_values(extra, (size, compressed_size, offset))
    # Unix and macOS keep the mode in the upper half; others fill it with what they like.
    mode = attributes >> 16 if system in {3, 19} else 0
    return _Header(raw_name, flags, method, crc, wide[1], wide[0], mode, disk, wide[2])


def _wide_values(extra: bytes, narrow: tuple[int, ...]) -> tuple[int, ...]:
    """Replace the values that did not fit into 32 bits by those of the zip64 extra field."""
    content = _extra_field(extra, _EXTRA_64)
    values = []
    for value in narrow:
        if value == _IN_EXTRA_32 and len(content) >= 8:  # noqa: PLR2004 - the bytes of a 64-bit value
            values.append(int.from_bytes(content[:8], "little"))
            content = content[8:]
        else:
            values.append(value)
    return tuple(values)


def _extra_field(extra: bytes, wanted: int) -> bytes:
    """Return the content of one extra field, empty when it is not there."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == wanted:
            return extra[position + 4 : position + 4 + length]
        position += 4 + length
    return b""


def _locate(
    file: BinaryIO, header: _Header, directory: Directory, findings: Findings
) -> Entry | None:
    """Find an entry's content behind its local header, or note why that cannot be trusted."""
    name = _decoded(header.raw_name)
    unreadable = _unreadable(header)
    if unreadable is not None:
        findings.unusable(f"the member {name!r} {unreadable}")
        return None
    local = _read_local(file, header, directory)
    contradiction = _contradiction(local, header, directory)
    if local is None or contradiction is not None:
        findings.damaged(f"the member {name!r} {contradiction}")
        return None
    return Entry(
        name=name,
        method=header.method,
        crc=header.crc,
        compressed_size=header.compressed_size,
        size=header.size,
        mode=header.mode,
        header_offset=header.offset,
        offset=local.end,
    )


def _unreadable(header: _Header) -> str | None:
    """Say why an entry cannot be read, sound as it may be."""
    if header.flags & _ENCRYPTED:
        return "is encrypted; pack the archive again without a password"
    if header.method not in {STORED, DEFLATED}:
        return (
            f"is compressed with method {header.method}; only stored (0) and deflated (8) members "
            "can be read, by the old server too: pack the archive again"
        )
    return None


def _read_local(file: BinaryIO, header: _Header, directory: Directory) -> _Local | None:
    """Read the header in front of a member, or return None where there is none."""
    if header.offset + _LOCAL.size > directory.start:
        return None
    file.seek(header.offset)
    fields = _LOCAL.unpack(file.read(_LOCAL.size))
    (signature, _, flags, method, _, _, crc, compressed_size, size) = fields[:9]
    (name_length, extra_length) = fields[9:]
    if signature != b"PK\3\4":
        return None
    raw_name = file.read(name_length)
    size, compressed_size = _wide_values(file.read(extra_length), (size, compressed_size))
    end = header.offset + _LOCAL.size + name_length + extra_length
    return _Local(raw_name, flags, method, crc, compressed_size, size, end)


def _contradiction(local: _Local | None, header: _Header, directory: Directory) -> str | None:
    """Say how an entry of the directory and the member itself tell different stories."""
    if local is None or header.disk or local.end + header.compressed_size > directory.start:
        return "does not lie where the directory says"
    if local.raw_name != header.raw_name:
        return f"is called {_decoded(local.raw_name)!r} by its own header"
    if local.flags & _ENCRYPTED or local.method != header.method:
        return "is compressed or encrypted in another way by its own header"
    told = (local.crc, local.compressed_size, local.size)
    # A packer that writes to a pipe learns these late, and keeps them behind the content.
    late = local.flags & _SIZES_FOLLOW
    if not late and told != (header.crc, header.compressed_size, header.size):
        return "has another size or CRC in its own header"
    if header.method == STORED and header.size != header.compressed_size:
        return f"is stored, but its sizes differ: {header.compressed_size} and {header.size} bytes"
    return None


def _judge_overlaps(entries: tuple[Entry, ...], findings: Findings) -> None:
    """Note members that share bytes, by which a small zip unpacks to petabytes."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    for first, second in itertools.pairwise(ordered):
        if first.end > second.header_offset:
            findings.unsafe(f"the members {first.name!r} and {second.name!r} share the same bytes")


def _decoded(raw_name: bytes) -> str:
    """Decode a name as the old server does, as UTF-8 whatever its flag says, or as DOS did."""
    try:
        return raw_name.decode("utf-8")
    except UnicodeDecodeError:
        return raw_name.decode("cp437")
