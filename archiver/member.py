"""One file of an archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["mar", "tgz", "folder"]
Method = Literal["stored", "deflated"]

# A member that starts at a multiple of this can be mapped into memory straight from the archive.
ALIGNMENT = 4096


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive, as the archive describes it.

    Attributes:
        name: Its path below the archive's root, with ``/`` between the parts.
        size: Its size in bytes, unpacked.
        compressed_size: The bytes it takes in the archive; in a ``.tar.gz``, where members are
            compressed together, its size before compression.
        method: How a ``.mar`` keeps it, ``"deflated"`` for all of a ``.tar.gz`` and ``"stored"``
            for all of a folder.
        crc: The CRC-32 of its content, where the archive has one.
        offset: Where its content begins in the archive file, for a stored member of a ``.mar``.
        sha256: The SHA-256 of its content, where RECORD has one.
    """

    name: str
    size: int
    compressed_size: int
    method: Method
    crc: int | None = None
    offset: int | None = None
    sha256: str | None = None

    @property
    def is_aligned(self) -> bool:
        """Whether its content can be mapped into memory straight from the archive."""
        return self.offset is not None and self.offset % ALIGNMENT == 0
