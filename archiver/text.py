"""Is a file text? Its content tells, whatever its name says."""

from __future__ import annotations

import codecs

HEAD_SIZE = 8192
"""How many bytes of a file are looked at."""

_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\f\r\x1b")


def is_text(head: bytes) -> bool:
    """Tell whether a file that begins like this is UTF-8 text.

    Control characters count as binary: the head of an ONNX file is UTF-8 more often than not.

    Args:
        head: The first `HEAD_SIZE` bytes, or all of a shorter file.
    """
    if not head or len(head.translate(None, _CONTROLS)) != len(head):
        return False
    # The head may end within a character, unless it is the whole file.
    whole_file = len(head) < HEAD_SIZE
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole_file)
    except UnicodeDecodeError:
        return False
    return True
