"""The records of a zip file, as bytes.

The standard library's ``zipfile`` cannot pad a local header alone, and what it writes differs
between versions of Python. Facts from PKWARE's APPNOTE.TXT, 6.3.10, sections 4.3 and 4.5.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

STORED = 0
DEFLATED = 8
ZIP64_LIMIT = 0xFFFFFFFF
"""Sizes and offsets from here on do not fit into the plain records."""

_COUNT_LIMIT = 0xFFFF
_VERSION = 20
_VERSION_ZIP64 = 45
_MADE_ON_UNIX = 3 << 8
_REGULAR_FILE_MODE = 0o100644 << 16
_UTF8_FLAG = 1 << 11
_ZIP64_FIELD = 0x0001
# The field in which Android's zipalign notes the alignment; other readers pass over it.
_ALIGNMENT_FIELD = 0xD935
_ALIGNMENT_FIELD_SIZE = 6


@dataclass(slots=True)
class ZipEntry:
    """What the records say of one member.

    Attributes:
        name: Its name.
        method: `STORED` or `DEFLATED`.
        timestamp: Its time, in seconds since 1970.
        offset: Where its local header is.
        is_large: Whether its local header has room for sizes past the limit.
        crc: The CRC-32 of its content.
        size: The size of its content.
        compressed_size: The number of bytes that follow its local header.
        padding: The size of the field that aligns these bytes.
    """

    name: str
    method: int
    timestamp: int
    offset: int
    is_large: bool
    crc: int = 0
    size: int = 0
    compressed_size: int = 0
    padding: int = 0

    def align(self, alignment: int) -> None:
        """Pad the local header so that the content begins at a multiple of *alignment*."""
        self.padding = 0
        gap = -(self.offset + len(self.local_header(alignment))) % alignment
        if 0 < gap < _ALIGNMENT_FIELD_SIZE:
            gap += alignment
        self.padding = gap

    def local_header(self, alignment: int = 1) -> bytes:
        """Return the record before the content, which repeats the sizes and the CRC.

        They are there, and not in a data descriptor behind the content, because readers that
        stream an archive, as TorchServe's Java does, cannot find the end of a stored member else.
        """
        name = self.name.encode()
        extra = b""
        size, compressed_size = self.size, self.compressed_size
        if self.is_large:
            extra = struct.pack("<HHQQ", _ZIP64_FIELD, 16, size, compressed_size)
            size = compressed_size = ZIP64_LIMIT
        if self.padding:
            field = struct.pack("<HHH", _ALIGNMENT_FIELD, self.padding - 4, alignment)
            extra += field.ljust(self.padding, b"\0")
        fixed = self._shared_fields(size, compressed_size, len(name), len(extra))
        return b"PK\x03\x04" + fixed + name + extra

    def central_header(self, limit: int) -> bytes:
        """Return the record in the directory at the archive's end."""
        name = self.name.encode()
        large = [
            value for value in (self.size, self.compressed_size, self.offset) if value >= limit
        ]
        extra = b""
        if large:
            extra = struct.pack(f"<HH{len(large)}Q", _ZIP64_FIELD, 8 * len(large), *large)
        size, compressed_size, offset = (
            ZIP64_LIMIT if value >= limit else value
            for value in (self.size, self.compressed_size, self.offset)
        )
        made_by = struct.pack("<H", _MADE_ON_UNIX | self._version(large=bool(large)))
        fixed = self._shared_fields(size, compressed_size, len(name), len(extra), large=bool(large))
        tail = struct.pack("<HHHLL", 0, 0, 0, _REGULAR_FILE_MODE, offset)
        return b"PK\x01\x02" + made_by + fixed + tail + name + extra

    def _version(self, *, large: bool = False) -> int:
        return _VERSION_ZIP64 if self.is_large or large else _VERSION

    def _shared_fields(
        self,
        size: int,
        compressed_size: int,
        name_size: int,
        extra_size: int,
        *,
        large: bool = False,
    ) -> bytes:
        """Return the fields that both headers have, in their order."""
        date, clock = _dos_time(self.timestamp)
        return struct.pack(
            "<HHHHHLLLHH",
            self._version(large=large),
            0 if self.name.isascii() else _UTF8_FLAG,
            self.method,
            clock,
            date,
            self.crc,
            compressed_size,
            size,
            name_size,
            extra_size,
        )


def end_records(count: int, size: int, offset: int, limit: int) -> bytes:
    """Return what ends a zip.

    Args:
        count: The number of members.
        size: The size of the directory.
        offset: Where the directory is.
        limit: Values from here on need the larger records.
    """
    large = b""
    if count >= _COUNT_LIMIT or size >= limit or offset >= limit:
        large = struct.pack(
            "<4sQHHLLQQQQ4sLQL",
            *(b"PK\x06\x06", 44, _MADE_ON_UNIX | _VERSION_ZIP64, _VERSION_ZIP64, 0, 0),
            *(count, count, size, offset),
            *(b"PK\x06\x07", 0, offset + size, 1),
        )
        count, size, offset = _COUNT_LIMIT, ZIP64_LIMIT, ZIP64_LIMIT
    return large + struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def _dos_time(timestamp: int) -> tuple[int, int]:
    """Return the date and the time of day, in steps of two seconds, as zips have them."""
    moment = time.gmtime(timestamp)
    date = (moment.tm_year - 1980) << 9 | moment.tm_mon << 5 | moment.tm_mday
    return date, moment.tm_hour << 11 | moment.tm_min << 5 | moment.tm_sec // 2
