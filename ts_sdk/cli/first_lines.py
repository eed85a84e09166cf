"""What a handler prints while it is tested: the first lines, which are enough to know it by."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

MOST_LINES = 20


@contextmanager
def first_lines_of_output() -> Iterator[None]:
    """Send the first lines that are printed to standard error, and say when there are more."""
    with redirect_stdout(_FirstLines(sys.stderr)):
        yield


class _FirstLines(io.StringIO):
    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines_left = MOST_LINES

    def write(self, text: str) -> int:
        if self._lines_left > 0:
            self._stream.write("".join(text.splitlines(keepends=True)[: self._lines_left]))
            self._lines_left -= text.count("\n")
            if self._lines_left <= 0:
                self._stream.write("mar: the handler prints more, which is not shown\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()
