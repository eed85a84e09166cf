"""Keeping what libraries print and log by themselves away from whoever ran a command."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

_DESCRIPTORS = (1, 2)


@contextmanager
def libraries_quiet() -> Iterator[None]:
    """Let nothing arrive that is printed in the block.

    By Python, that is, by native code, or by another program such as a compiler: the latter two
    know the descriptors alone, as do loggers that were set up earlier.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with ExitStack() as undoing:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        undoing.callback(os.close, nowhere)
        for number in _DESCRIPTORS:
            try:
                before = os.dup(number)
            except OSError:  # a program that has no such stream: nothing would arrive
                continue
            undoing.callback(os.close, before)
            undoing.callback(os.dup2, before, number)
            os.dup2(nowhere, number)
        undoing.enter_context(redirect_stdout(_Nowhere()))
        undoing.enter_context(redirect_stderr(_Nowhere()))
        yield


class _Nowhere(io.TextIOBase):
    """Takes text and forgets it; a logger that keeps it may go on writing."""

    def write(self, text: str) -> int:
        return len(text)
