"""What a handler's process prints: passed on, and its end kept for error messages."""

import codecs
import os
import sys
import threading
import time
from contextlib import suppress

_KEPT_BYTES = 16 << 10
_READ_BYTES = 64 << 10
_WAIT_S = 1.0
_PAUSE_S = 0.05


class Output:
    """Passes what a process prints on to ``sys.stderr``, in a thread of its own.

    Args:
        fd: Where the process's output is read; it is closed at its end.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._kept = b""
        self._count = 0
        self._thread = threading.Thread(target=self._run, name="ts_sdk output", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        """How many bytes were printed until now."""
        return self._count

    def since(self, position: int) -> str:
        """What was printed after *position*, or the end of it where that is long."""
        kept, count = self._kept, self._count
        new = min(count - position, len(kept))
        return kept[len(kept) - new :].decode(errors="replace").strip()

    def wait_for(self, words: str, longest_s: float) -> None:
        """Wait until *words* were printed, and what belongs to them, but no longer than that."""
        begin, deadline = self.position, time.monotonic() + longest_s
        while words not in self.since(begin) and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        printed = -1
        while printed != self.position and time.monotonic() < deadline:
            printed = self.position
            time.sleep(_PAUSE_S)

    def wait_for_end(self) -> None:
        """Wait until all was read of a process that has ended.

        What it has forked may keep its output open; then this gives up, and the reading goes on.
        """
        self._thread.join(_WAIT_S)

    def let_go(self) -> None:
        """Close what a forked process has inherited, where no thread is reading."""
        with suppress(OSError):  # it had come to its end
            os.close(self._fd)

    def _run(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while content := os.read(self._fd, _READ_BYTES):
            self._kept = (self._kept + content)[-_KEPT_BYTES:]
            self._count += len(content)
            _pass_on(decoder.decode(content))
        os.close(self._fd)
        _pass_on(decoder.decode(b"", final=True))


def _pass_on(text: str) -> None:
    stream = sys.stderr  # looked up late: a notebook or a test has one of its own
    if text and stream is not None:
        with suppress(OSError, ValueError):  # it is closed
            stream.write(text)
            stream.flush()
