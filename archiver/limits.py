"""How much an archive may hold before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
TIB = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the reader accepts; `dataclasses.replace` adjusts one value.

    The defaults let pass every real model, one of hundreds of gigabytes included: what they stop
    is a small file that becomes a large one.

    Attributes:
        max_members: Files and folders in the archive.
        max_total_bytes: All members together, unpacked.
        max_ratio: Unpacked size over packed size, of a member and of a whole ``.tar.gz``.
        ratio_free_bytes: Up to this unpacked size any ratio is accepted, because a small table of
            zeros is no bomb.
        max_name_length: Bytes of a member's name, its folders included.
        max_manifest_bytes: MANIFEST.json.
        max_record_bytes: RECORD.
        max_read_bytes: A member that `Archive.read` returns as one `bytes`.
    """

    max_members: int = 100_000
    max_total_bytes: int = 4 * TIB
    max_ratio: float = 200.0
    ratio_free_bytes: int = 64 * MIB
    max_name_length: int = 1024
    max_manifest_bytes: int = 1 * MIB
    max_record_bytes: int = 64 * MIB
    max_read_bytes: int = 256 * MIB

    def is_bomb(self, size: int, compressed_size: int) -> bool:
        """Tell whether *size* bytes out of *compressed_size* are more than data packs to."""
        return size > self.ratio_free_bytes and size > self.max_ratio * compressed_size


DEFAULT_LIMITS = Limits()
