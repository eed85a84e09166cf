"""Why a picture cannot be decoded, found in its own bytes rather than in a decoder's message."""

import zlib
from collections.abc import Iterator

_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNK_FRAME_BYTES = 12  # length, type and checksum, around each chunk's data
_PNG_ANCILLARY_BIT = 0x20
_TAIL_BYTES = 64

MOST_PIXELS_PER_BYTE = {"JPEG": 512, "PNG": 8 * 1032}
"""How many pixels a byte of a file can hold at the very most: a larger claim is a lie, and decoding
would only fill memory with grey. A JPEG spends at least a bit of Huffman code on each block of 64
pixels (those with arithmetic codes, which no browser shows, could do with less); a PNG at least a
bit on a pixel, which deflate shrinks by 1032 to 1 at best."""


def damage_in(kind: str, data: bytes) -> str:
    """Why *data* cannot be decoded although they start like a picture.

    Args:
        kind: The picture's format by Pillow's name, such as ``"PNG"``.
        data: The whole file.

    Returns:
        The end of a sentence that begins with "it cannot be decoded:".
    """
    if kind == "PNG" and (chunk := wrong_png_checksum(data)):
        return f"the checksum of its {chunk} chunk is wrong, so its data are damaged"
    if _is_cut_off(kind, data):
        return f"its data end too early, after {len(data):,} bytes (was the transfer cut off?)"
    return "its data are damaged or incomplete"


def wrong_png_checksum(data: bytes) -> str | None:
    """The type of the first critical chunk of a PNG whose checksum is wrong, None when all fit.

    Pillow does not look at the checksums of the pixels' own chunks and would answer with noise.
    (The layout of a chunk and of its checksum: PNG specification, third edition, section 5.)
    """
    for kind, contents, checksum in _png_chunks(data):
        is_critical = not kind[0] & _PNG_ANCILLARY_BIT
        if is_critical and zlib.crc32(contents, zlib.crc32(kind)) != checksum:
            return kind.decode("ascii", errors="replace")
    return None


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Type, contents and stored checksum of each whole chunk."""
    view = memoryview(data)
    start = _PNG_SIGNATURE_BYTES
    while start + _PNG_CHUNK_FRAME_BYTES <= len(data):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        if end + 4 > len(data):
            return
        kind = bytes(view[start + 4 : start + 8])
        yield kind, view[start + 8 : end], int.from_bytes(view[end : end + 4], "big")
        if kind == b"IEND":
            return
        start = end + 4


def _is_cut_off(kind: str, data: bytes) -> bool:
    """Whether the mark that ends a file of this kind is missing."""
    tail = data[-_TAIL_BYTES:]
    if kind in ("JPEG", "MPO"):
        return b"\xff\xd9" not in tail
    if kind == "PNG":
        return b"IEND" not in tail
    if kind == "GIF":
        return not tail.rstrip(b"\0").endswith(b";")
    if kind == "WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if kind == "BMP":
        return len(data) < int.from_bytes(data[2:6], "little")
    return False
