"""What bytes that are no picture are: for telling the sender what arrived in its place."""

import codecs

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "gzip-compressed data"),
    (4, b"ftypheic", "a HEIC picture, which cannot be decoded here: send it as JPEG"),
    (4, b"ftypheix", "a HEIC picture, which cannot be decoded here: send it as JPEG"),
    (4, b"ftypmif1", "a HEIF picture, which cannot be decoded here: send it as JPEG"),
    (4, b"ftyp", "a video (MP4)"),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska)"),
)
"""Offset, the bytes there, and what they mean; the first that fits wins."""

_TEXT_SIGNATURES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("<!doctype html", "<html", "<head", "<body"), "an HTML page"),
    (("<svg",), "an SVG drawing"),
    (("<?xml",), "an XML document"),
    (("{", "["), "JSON text"),
)
_TEXT_SAMPLE_BYTES = 512
_SHOWN_BYTES = 8


def describe(data: bytes) -> str:
    """What *data* are, by name where they are known and by their first bytes where not.

    Args:
        data: A request's body that is no picture which is decoded here.

    Returns:
        A noun with its article, such as ``"an HTML page"``.
    """
    if not data:
        return "nothing: it is empty"
    for offset, signature, kind in _SIGNATURES:
        if data.startswith(signature, offset):
            return kind
    return _text_kind(data[:_TEXT_SAMPLE_BYTES]) or (
        f"{len(data):,} bytes of no known kind, starting with {data[:_SHOWN_BYTES].hex(' ')}"
    )


def _text_kind(sample: bytes) -> str | None:
    try:
        # The sample may end inside of a character, which an incremental decoder does not mind.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(sample)
    except UnicodeDecodeError:
        return None
    if not all(character.isprintable() or character.isspace() for character in text):
        return None
    beginning = text.lstrip().lower()
    for starts, kind in _TEXT_SIGNATURES:
        if beginning.startswith(starts):
            return kind
    return "plain text"
