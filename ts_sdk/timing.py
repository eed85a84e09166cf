"""How long each phase of loading and predicting took."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

_Handler = TypeVar("_Handler")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


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

    def measure(self, phase: str) -> AbstractContextManager[None]:
        """Count the time that the ``with`` block takes, also when it raises."""
        return _Measurement(self, phase)

    def __getitem__(self, phase: str) -> PhaseTime:
        return self._times[phase]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._times))

    def __len__(self) -> int:
        return len(self._times)


class _Measurement(AbstractContextManager[None]):
    """One run of a phase. A class, since a generator would cost a batch twice as much."""

    __slots__ = ("_phase", "_started", "_times")

    def __init__(self, times: PhaseTimes, phase: str) -> None:
        self._times = times
        self._phase = phase
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._times.add(self._phase, (time.perf_counter() - self._started) * 1e3)


def timed(
    method: Callable[Concatenate[_Handler, _Arguments], _Result],
) -> Callable[Concatenate[_Handler, _Arguments], _Result]:
    """Measure a handler's method where the archive asks for it.

    With ``handler: {profile: true}`` in `model-config.yaml`, each call adds its milliseconds to the
    gauge ``ts_handler_`` and the method's name; on CUDA, what it has queued is waited for.
    """

    @wraps(method)
    def measured(self: _Handler, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        context = getattr(self, "context", None)
        if context is None or not _asks_for_profile(context):
            return method(self, *args, **kwargs)
        started = time.perf_counter()
        result = method(self, *args, **kwargs)
        _wait_for_cuda()
        elapsed_ms = (time.perf_counter() - started) * 1e3
        context.metrics.add_time(f"ts_handler_{method.__name__}", elapsed_ms)
        return result

    return measured


def _asks_for_profile(context: Any) -> bool:  # noqa: ANN401 - ours, or that of another server
    section = (context.model_yaml_config or {}).get("handler")
    return isinstance(section, Mapping) and bool(section.get("profile"))


def _wait_for_cuda() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
