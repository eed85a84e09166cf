"""Bytes that can be read at any position."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_KEPT_IN_MEMORY_BYTES = 32 << 20
_CHUNK_BYTES = 1 << 20


@contextmanager
def seekable(stream: IO[bytes], *, copy: bool = False) -> Iterator[IO[bytes]]:
    """*stream* itself where it can seek, else its content in memory or, when large, on disk.

    Args:
        stream: Bytes, at their beginning.
        copy: Whether one that can seek is copied too: going back in a zip's entry is slow.
    """
    if stream.seekable() and not copy:
        yield stream
        return
    with tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY_BYTES) as kept:
        while chunk := stream.read(_CHUNK_BYTES):
            kept.write(chunk)
        kept.seek(0)
        yield kept
