"""The time that loads are measured in."""

import time
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> float:
        """Seconds since some moment."""

    def take(self, inbox: "SimpleQueue[_T]", until: float) -> _T | None:
        """What comes into *inbox* first; None when nothing has come until then."""


class WallClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.perf_counter()

    def take(self, inbox: "SimpleQueue[_T]", until: float) -> _T | None:
        """What comes into *inbox* first; None when nothing has come until then."""
        try:
            return inbox.get(timeout=max(0.0, until - self.now()))
        except Empty:
            return None


class Budget:
    """The time that tuning may take.

    Args:
        seconds: How long.
        clock: Tells the time.
        started: When it began to run; None for now.
    """

    def __init__(self, seconds: float, clock: Clock, started: float | None = None) -> None:
        self.seconds = seconds
        self.started = clock.now() if started is None else started
        self._clock = clock

    @property
    def used_s(self) -> float:
        """Seconds since the start."""
        return self._clock.now() - self.started

    def left_s(self, share: float = 1.0) -> float:
        """Seconds until *share* of the budget is used up; never below 0."""
        return max(0.0, self.seconds * share - self.used_s)
