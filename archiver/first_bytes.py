"""What a file is, told by its first bytes."""

from __future__ import annotations

from archiver.text import is_text

_ANYWHERE = (
    (0, b"PK\3\4", "a zip"),
    (0, b"\x1f\x8b", "a gzip file"),
    (257, b"ustar", "an uncompressed tar"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"GGUF", "a GGUF model"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"\x7fELF", "a shared library or program"),
    (0, b"MZ", "a Windows library or program"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\xfd7zXZ\0", "an xz file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with 'git lfs pull'"),
)
_PICKLE_PROTOCOLS = range(2, 6)
_NEWEST_ONNX_IR = 0x20


def first_bytes_tell(head: bytes) -> str | None:
    """Name the kind of file that begins with *head*, or return None when nothing tells.

    Args:
        head: The first `archiver.text.HEAD_SIZE` bytes, or all of a shorter file.
    """
    if not head:
        return "an empty file"
    for offset, mark, kind in _ANYWHERE:
        if head.startswith(mark, offset):
            return kind
    if is_safetensors(head):
        return "a safetensors file"
    if is_pickle(head):
        return "a pickle, as torch.save wrote it before PyTorch 1.6"
    if is_onnx(head):
        return "an ONNX model"
    return _text_tells(head) if is_text(head) else None


def is_safetensors(head: bytes) -> bool:
    """Tell whether a file begins with a safetensors header: its length, then JSON."""
    return head[8:9] == b"{" and head[5:8] == b"\0\0\0"


def is_pickle(head: bytes) -> bool:
    """Tell whether a file begins as pickles of protocol 2 and later do."""
    return len(head) > 1 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS  # noqa: PLR2004


def is_onnx(head: bytes) -> bool:
    """Tell whether a file begins as an ONNX model: its IR version, then its producer or graph."""
    version = int.from_bytes(head[1:2])
    return head[:1] == b"\x08" and 0 < version < _NEWEST_ONNX_IR and head[2:3] in {b"\x12", b":"}


def _text_tells(head: bytes) -> str:
    """Name the kind of text."""
    start = head.decode("utf-8", errors="ignore").lstrip("\ufeff \t\r\n")
    if start.lower().startswith(("<!doctype html", "<html")):
        return "a web page, so its download went wrong"
    if start.startswith(("{", "[")):
        return "JSON text"
    return f"text that begins with {start[:30]!r}"
