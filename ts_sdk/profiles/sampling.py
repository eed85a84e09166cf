"""A thread that looks what other threads are doing, a few hundred times a second."""

import sys
import threading
import time
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Self

from ts_sdk.profiles.stacks import Naming, Stacks

EVERY_S = 0.003
_SWITCH_S = 0.00001
_WAITING_FILES = ("threading.py", "queue.py", "selectors.py")


class StackSampler:
    """Samples the thread that enters its block, and threads that were not there before.

    A look is counted with the time since the look before, and not as one of many alike: code that
    holds the interpreter's lock delays the next look, and would be seen too rarely otherwise.
    Threads that wait for others are left out. Meanwhile threads take turns more often than usual:
    with the usual 5 ms, a look would fall where the interpreter's lock is let go anyway.

    Args:
        naming: Makes frames of code objects.
        before: Threads, by identifier, that are not looked at.
        every_s: How long to wait between two looks.
    """

    def __init__(
        self, naming: Naming, before: frozenset[int] = frozenset(), every_s: float = EVERY_S
    ) -> None:
        self.stacks = Stacks()
        self._naming = naming
        self._before = before
        self._every_s = every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="profile-sampler", daemon=True)

    def __enter__(self) -> Self:
        self._before -= {threading.get_ident()}
        self._usual_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        sys.setswitchinterval(self._usual_s)

    def look(self, frames: Mapping[int, FrameType], elapsed_s: float) -> None:
        """Count in what threads are doing.

        Args:
            frames: Identifier of a thread → its innermost frame.
            elapsed_s: Seconds since the look before.
        """
        for thread, innermost in frames.items():
            if thread in self._before or _is_waiting(innermost):
                continue
            stack = []
            frame: FrameType | None = innermost
            while frame is not None:
                stack.append(self._naming.frame_of(frame.f_code))
                frame = frame.f_back
            self.stacks.add(stack[::-1], elapsed_s)

    def _watch(self) -> None:
        own = threading.get_ident()
        last = time.perf_counter()
        while not self._done.wait(self._every_s):
            frames = sys._current_frames()  # noqa: SLF001 - documented, for such use
            frames.pop(own, None)
            now = time.perf_counter()
            self.look(frames, now - last)
            last = now


def running_threads() -> frozenset[int]:
    """The identifiers of the threads that there are now."""
    return frozenset(thread.ident for thread in threading.enumerate() if thread.ident is not None)


def _is_waiting(frame: FrameType) -> bool:
    return frame.f_code.co_filename.endswith(_WAITING_FILES)
