"""`Alarm`: calls a function at a time that can be changed."""

import threading
import time
from collections.abc import Callable
from math import inf


class Alarm:
    """A thread that rings when it is time, and sleeps otherwise; it starts when it is first set.

    Args:
        ring: What to call.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._changed = threading.Condition()
        self._at = inf
        self._ended = False
        self._thread: threading.Thread | None = None

    def set(self, at: float) -> None:
        """Ring at *at*, as `time.monotonic` tells it; what was set before counts no longer."""
        with self._changed:
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, name="ts_sdk alarm", daemon=True)
                self._thread.start()
            self._at = at
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._wait():
            self._ring()

    def _wait(self) -> bool:
        """Wait until it is time; False when it never will be."""
        with self._changed:
            while not self._ended:
                left_s = self._at - time.monotonic()
                if left_s <= 0:
                    self._at = inf
                    return True
                self._changed.wait(None if self._at == inf else min(left_s, threading.TIMEOUT_MAX))
            return False
