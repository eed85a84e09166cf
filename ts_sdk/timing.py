"""How long each phase of loading and predicting took."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class PhaseTime:
    """The time spent in one phase.

    Attributes:
        count: How often the phase ran.
        total_ms: All its runs together, in milliseconds.
        last_ms: Its latest run, in milliseconds.
    """

    count: int
    total_ms: float
    last_ms: float

    @property
    def mean_ms(self) -> float:
        """The mean of its runs, in milliseconds."""
        return self.total_ms / self.count


class PhaseTimes(Mapping[str, PhaseTime]):
    """Phase name → `PhaseTime`, in the order in which the phases first ran; safe with threads."""

    def __init__(self) -> None:
        self._times: dict[str, PhaseTime] = {}
        self._lock = threading.Lock()

    def add(self, phase: str, elapsed_ms: float) -> None:
        """Count one run of *phase* that took *elapsed_ms* milliseconds."""
        with self._lock:
            before = self._times.get(phase)
            if before is None:
                self._times[phase] = PhaseTime(1, elapsed_ms, elapsed_ms)
            else:
                self._times[phase] = PhaseTime(
                    before.count + 1, before.total_ms + elapsed_ms, elapsed_ms
                )

    @contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        """Count the time that the ``with`` block takes, also when it raises."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(phase, (time.perf_counter() - started) * 1e3)

    def __getitem__(self, phase: str) -> PhaseTime:
        return self._times[phase]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._times))

    def __len__(self) -> int:
        return len(self._times)
