"""A pool in a time of its own: what a load does to it can be foretold to the microsecond."""

import heapq
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ts_sdk.metrics import Metrics
from ts_sdk.metrics.served import Served
from ts_sdk.outcomes import Reply
from ts_sdk.timing import PhaseTimes


class VirtualClock:
    """A clock that goes from event to event."""

    def __init__(self) -> None:
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._numbers), event))

    def spend(self, seconds: float) -> None:
        """Let time pass in which whoever called can do nothing."""
        until = self._now + seconds
        while self._events and self._events[0][0] <= until:
            self._step()
        self._now = until

    def take(self, inbox: Any, until: float) -> Any:
        while inbox.empty():
            if not self._events or self._events[0][0] > until:
                self._now = max(self._now, until)
                return None
            self._step()
        return inbox.get()

    def _step(self) -> None:
        self._now, _, event = heapq.heappop(self._events)
        event()


@dataclass
class SimulatedPool:
    """Answers each request by itself, in batches that take as long as *service_s* says.

    Attributes:
        clock: Its time.
        service_s: Requests in a batch → seconds.
        stalls: Moment → how long the pool takes no batch from then on.
        beside_s: What a worker takes for a batch beside the handler.
    """

    clock: VirtualClock
    service_s: Callable[[int], float]
    workers: int = 1
    batch_size: int = 1
    delay_s: float = 0.0
    stalls: Mapping[float, float] = field(default_factory=dict)
    answer: Callable[[object], object] = lambda request: request
    beside_s: float = 0.0

    def __post_init__(self) -> None:
        self._waiting: list[tuple[float, object, Future[object]]] = []
        self._idle = self.workers
        self._answered = self._batches = 0
        self._times = PhaseTimes()
        self._metrics = Metrics("simulated")
        self._served = Served("simulated", None, self._times)
        self._metrics.add_source(self._served)

    @property
    def models(self) -> tuple[Any, ...]:
        return (SimpleNamespace(timings=self._times, metrics=self._metrics),)

    def submit(self, request: object) -> "Future[object]":
        future: Future[object] = Future()
        self._waiting.append((self.clock.now(), request, future))
        if self.delay_s:
            self.clock.after(self.delay_s, self._start)
        self._start()
        return future

    def stats(self) -> Any:
        return SimpleNamespace(answered=self._answered, failed=0, batches=self._batches)

    def close(self, **_: object) -> None:
        """There is nothing to end."""

    def _start(self) -> None:
        now = self.clock.now()
        for begins, lasts in self.stalls.items():
            if begins <= now < begins + lasts:
                self.clock.after(begins + lasts - now, self._start)
                return
        while self._idle and self._waiting:
            full = len(self._waiting) >= self.batch_size
            if not full and now < self._waiting[0][0] + self.delay_s - 1e-9:
                return
            batch = self._waiting[: self.batch_size]
            del self._waiting[: self.batch_size]
            self._idle -= 1
            waits_s = [now - arrived for arrived, _, _ in batch]
            seconds = self.service_s(len(batch))
            self.clock.after(
                seconds + self.beside_s,
                lambda batch=batch, seconds=seconds, waits_s=waits_s: self._end(
                    batch, seconds, waits_s
                ),
            )

    def _end(self, batch: list[Any], seconds: float, waits_s: list[float]) -> None:
        self._idle += 1
        self._batches += 1
        self._answered += len(batch)
        for phase, share in (("preprocess", 0.25), ("inference", 0.7), ("postprocess", 0.05)):
            self._times.add(phase, seconds * share * 1e3)
        self._measure(seconds, waits_s)
        for _, request, future in batch:
            future.set_result(self.answer(request))
        self._start()

    def _measure(self, seconds: float, waits_s: list[float]) -> None:
        size = len(waits_s)
        self._metrics.set_request_ids({index: str(index) for index in range(size)})
        self._metrics.add_time("PredictionTime", seconds * 1e3)
        for wait_s in waits_s:
            self._served.waited(wait_s)
        replies = [Reply("answer")] * size
        self._served.count(replies, seconds + self.beside_s + sum(waits_s) / size)
