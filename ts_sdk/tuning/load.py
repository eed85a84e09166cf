"""Load on a pool: clients that wait for their answers, or arrivals that wait for nobody.

The closed loop sends a client's next request when its last one is answered. What it measures is a
throughput; a pool that stalls is also asked less, so its latencies look better than they are to
somebody who comes at any time (coordinated omission). The open loop sends at times that were drawn
beforehand, and counts latency from those times: a stall is seen by all who came during it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from ts_sdk.errors import RequestError
from ts_sdk.tuning.clock import Clock

if TYPE_CHECKING:
    from concurrent.futures import Future

_HOPELESS = 50
"""Failures without an answer, after which a load ends."""
_REFUSED = 503


class Target(Protocol):
    """What takes requests; a `ts_sdk` pool is one."""

    def submit(self, request: object, /) -> "Future[Any]":
        """A future of the answer; it may also raise `RequestError`."""


@dataclass(frozen=True)
class Window:
    """When to measure.

    Attributes:
        seconds: How long requests that count are sent.
        warm_up_s: How long requests are sent before, which do not count.
        least: How many answers there must be; until there are, it goes on up to *stretch* times
            as long.
        stretch: As told.
        patience_s: How long the last answers are waited for.
    """

    seconds: float
    warm_up_s: float = 0.0
    least: int = 0
    stretch: float = 4.0
    patience_s: float = 60.0


@dataclass
class LoadRun:
    """What became of the requests that count.

    Attributes:
        seconds: How long they were sent.
        latencies_ms: Of those that were answered, in milliseconds.
        completed: Answers that came meanwhile, also to requests of the warm-up.
        failed: How many were answered by an error.
        refused: How many of these were not even taken (status 503).
        unanswered: How many were given up.
        answers: Position of an input → the last answer to it.
        error: What the first failure said.
    """

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    completed: int = 0
    failed: int = 0
    refused: int = 0
    unanswered: int = 0
    answers: dict[int, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def throughput_rps(self) -> float:
        """Answers a second."""
        return self.completed / self.seconds if self.seconds > 0 else 0.0


def closed_loop(
    target: Target, inputs: Sequence[object], clients: int, window: Window, clock: Clock
) -> LoadRun:
    """Let *clients* send one request after another, each when its last one is answered.

    Args:
        target: What is measured.
        inputs: The requests, taken in turn.
        clients: How many requests there are at a time.
        window: When to measure.
        clock: Tells the time.
    """
    flight = _Flight(target, inputs, clock)
    starts = clock.now()
    for _ in range(clients):
        flight.send(clock.now())
    warm_up = Window(window.warm_up_s, least=clients, patience_s=window.patience_s)
    if _keep_busy(flight, warm_up, starts, clock):
        # The one whose answer has ended the warm-up goes on, too.
        starts = clock.now()
        flight.send(starts)
        _keep_busy(flight, window, starts, clock)
    return flight.landed(starts, clock.now(), window.patience_s)


def _keep_busy(flight: "_Flight", window: Window, starts: float, clock: Clock) -> bool:
    """Send a request for each that is done, for as long as *window* says.

    One that was sent since *starts* is waited for, however long the window is. It ends with an
    answer in whose place nothing is sent yet; False when there was none.
    """
    latest = starts + window.seconds * window.stretch
    answered = 0
    while not flight.is_hopeless:
        sent = flight.take(max(latest, starts + window.patience_s))
        if sent is None:
            return False
        now = clock.now()
        answered += sent.due >= starts
        if answered >= window.least and now >= starts + window.seconds:
            return True
        if answered and now >= latest:
            return True
        flight.send(now)
    return False


def open_loop(
    target: Target,
    inputs: Sequence[object],
    *,
    rate_rps: float,
    window: Window,
    clock: Clock,
    seed: int = 0,
) -> LoadRun:
    """Send requests at the times of a Poisson process, whether others are answered or not.

    Args:
        target: What is measured.
        inputs: The requests, taken in turn.
        rate_rps: Arrivals a second, on average.
        window: When to measure.
        clock: Tells the time.
        seed: Makes the same arrivals each time.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    flight = _Flight(target, inputs, clock)
    arrives = clock.now()
    starts = arrives + window.warm_up_s
    ends = starts + window.seconds
    while (arrives := arrives + chance.expovariate(rate_rps)) < ends:
        while clock.now() < arrives:
            flight.take(arrives)
        if flight.is_hopeless:
            break
        flight.send(arrives)
    while clock.now() < ends and not flight.is_hopeless:
        flight.take(ends)
    return flight.landed(starts, clock.now(), window.patience_s)


@dataclass
class _Sent:
    position: int
    due: float
    ended: float | None = None
    outcome: Any = None


class _Flight:
    """Requests on their way."""

    def __init__(self, target: Target, inputs: Sequence[object], clock: Clock) -> None:
        self._target = target
        self._inputs = inputs
        self._clock = clock
        self._sent: list[_Sent] = []
        self._inbox: SimpleQueue[_Sent] = SimpleQueue()
        self.in_the_air = 0
        self.answered = 0
        self._failed = 0

    @property
    def is_hopeless(self) -> bool:
        return self._failed >= _HOPELESS and not self.answered

    def send(self, due: float) -> None:
        """Send the next input, which was to be sent at *due*."""
        sent = _Sent(len(self._sent) % len(self._inputs), due)
        self._sent.append(sent)
        self.in_the_air += 1
        try:
            future = self._target.submit(self._inputs[sent.position])
        except RequestError as error:
            self._note(sent, error)
        else:
            future.add_done_callback(lambda done: self._note(sent, _outcome_of(done)))

    def take(self, until: float) -> _Sent | None:
        """The next request that is done; None when there is none until then."""
        sent = self._clock.take(self._inbox, until)
        if sent is not None:
            self.in_the_air -= 1
            if isinstance(sent.outcome, BaseException):
                self._failed += 1
            else:
                self.answered += 1
        return sent

    def landed(self, starts: float, ends: float, patience_s: float) -> LoadRun:
        """What became of the requests due from *starts* on, once all are done or given up."""
        gives_up = self._clock.now() + patience_s
        while self.in_the_air and self.take(gives_up) is not None:
            pass
        run = LoadRun(seconds=ends - starts)
        for sent in self._sent:
            if sent.ended is not None and starts < sent.ended <= ends:
                run.completed += not isinstance(sent.outcome, BaseException)
            if sent.due >= starts:
                _count(run, sent)
        return run

    def _note(self, sent: _Sent, outcome: object) -> None:
        # In whatever thread the answer comes: the time is taken before anybody is woken.
        sent.outcome, sent.ended = outcome, self._clock.now()
        self._inbox.put(sent)


def _count(run: LoadRun, sent: _Sent) -> None:
    if sent.ended is None:
        run.unanswered += 1
    elif isinstance(sent.outcome, BaseException):
        run.failed += 1
        run.refused += getattr(sent.outcome, "status", None) == _REFUSED
        run.error = run.error or str(sent.outcome)
    else:
        run.latencies_ms.append((sent.ended - sent.due) * 1e3)
        run.answers[sent.position] = sent.outcome


def _outcome_of(done: "Future[Any]") -> object:
    """The answer or the error, whether that was raised or given in the answer's place."""
    if done.cancelled():
        return RequestError("the request was cancelled", status=_REFUSED)
    return done.exception() or done.result()
