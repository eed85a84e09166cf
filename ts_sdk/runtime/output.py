"""What a handler's process writes: what it prints is passed on, where it crashed is kept."""

import codecs
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ts_sdk.runtime.endings import STACK

_KEPT_BYTES = 16 << 10
_READ_BYTES = 64 << 10
_WAIT_S = 1.0
_PAUSE_S = 0.05


class Output:
    """Passes what a process prints on to ``sys.stderr``, and keeps the end of it for errors.

    What `faulthandler` reports comes on a way of its own and is not passed on: the error tells it.

    Args:
        printed: Descriptor where the process's output is read; it is closed at its end.
        reported: The same for what `faulthandler` writes.
    """

    def __init__(self, printed: int, reported: int) -> None:
        self._printed = _Reader(printed, _pass_on)
        self._reported = _Reader(reported, _keep_only)

    @property
    def position(self) -> int:
        """How many bytes were printed until now."""
        return self._printed.count

    def since(self, position: int) -> str:
        """What was printed after *position*, or the end of it where that is long."""
        return self._printed.since(position)

    @property
    def report(self) -> str:
        """Where its threads were when the process crashed or was asked; empty if it did not say."""
        return self._reported.since(0)

    def wait_for_report(self, longest_s: float) -> None:
        """Wait until the process has said where its threads are, but no longer than that."""
        deadline = time.monotonic() + longest_s
        while STACK not in self.report and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        seen = -1
        while seen != self._reported.count and time.monotonic() < deadline:
            seen = self._reported.count
            time.sleep(_PAUSE_S)

    def wait_for_end(self) -> None:
        """Wait until all was read of a process that has ended.

        What it has forked may keep its output open; then this gives up, and the reading goes on.
        """
        self._printed.wait_for_end()
        self._reported.wait_for_end()

    def let_go(self) -> None:
        """Close what a forked process has inherited, where no thread is reading."""
        self._printed.let_go()
        self._reported.let_go()


class _Reader:
    """Reads a pipe to its end, in a thread of its own."""

    def __init__(self, fd: int, pass_on: Callable[[str], None]) -> None:
        self.count = 0
        self._fd = fd
        self._pass_on = pass_on
        self._kept = b""
        self._thread = threading.Thread(target=self._run, name="ts_sdk output", daemon=True)
        self._thread.start()

    def since(self, position: int) -> str:
        kept, count = self._kept, self.count
        new = min(count - position, len(kept))
        return kept[len(kept) - new :].decode(errors="replace").strip()

    def wait_for_end(self) -> None:
        self._thread.join(_WAIT_S)

    def let_go(self) -> None:
        with suppress(OSError):  # it had come to its end
            os.close(self._fd)

    def _run(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while content := os.read(self._fd, _READ_BYTES):
            self._kept = (self._kept + content)[-_KEPT_BYTES:]
            self.count += len(content)
            self._pass_on(decoder.decode(content))
        os.close(self._fd)
        self._pass_on(decoder.decode(b"", final=True))


def _pass_on(text: str) -> None:
    stream = sys.stderr  # looked up late: a notebook or a test has one of its own
    if text and stream is not None:
        with suppress(OSError, ValueError):  # it is closed
            stream.write(text)
            stream.flush()


def _keep_only(_: str) -> None:
    """Show nothing."""
