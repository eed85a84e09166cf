"""How many requests a benchmark sends, and how they are counted."""

from dataclasses import dataclass, replace

from ts_sdk.benchmarking.errors import BenchmarkError
from ts_sdk.tuning.load import LoadRun, Window, closed_loop
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.measuring import Effort, Measuring, ServedModel
from ts_sdk.tuning.space import Candidate

REQUESTS = 1000
CONCURRENCY = 10
AT_MOST_S = 600.0
_LEAST_WARM_UP = 10
_NO_TIME_S = 1e-6
"""A window that is over at once, where the number of answers alone ends a load."""


@dataclass(frozen=True)
class Load:
    """What a setting is measured with: clients that wait for their answers, as Apache Bench does.

    Attributes:
        concurrency: How many clients there are.
        requests: How many they send together, at least.
        warm_up: How many are sent before and not counted, beside one a client, which is always;
            None takes two a client, at least 10.
        rate_rps: So many requests arrive a second, on average, at random times, in place of
            clients that wait; latencies then count from when a request was to arrive.
        at_least_s: For how many seconds they are sent, however many more that makes.
        at_most_s: After how many seconds no more are sent.

    Raises:
        BenchmarkError: One of them makes no sense.
    """

    concurrency: int = CONCURRENCY
    requests: int = REQUESTS
    warm_up: int | None = None
    rate_rps: float | None = None
    at_least_s: float = 0.0
    at_most_s: float = AT_MOST_S

    def __post_init__(self) -> None:
        for name in ("concurrency", "requests"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise BenchmarkError(f"{name} must be a whole number of 1 or more, not {value!r}")
        if self.warm_up is not None and self.warm_up < 0:
            raise BenchmarkError(f"warm_up must be 0 or more, not {self.warm_up!r}")
        if self.rate_rps is not None and not 0 < self.rate_rps < float("inf"):
            raise BenchmarkError(f"rate_rps must be above 0 a second, not {self.rate_rps!r}")
        if not 0 < self.at_most_s < float("inf"):
            raise BenchmarkError(f"at_most_s must be above 0 s, not {self.at_most_s!r}")
        if not 0 <= self.at_least_s <= self.at_most_s:
            raise BenchmarkError(
                f"at_least_s must lie between 0 s and at_most_s, {self.at_most_s:g} s, not "
                f"{self.at_least_s!r}"
            )

    @property
    def first(self) -> int:
        """How many requests are not counted."""
        return max(_LEAST_WARM_UP, 2 * self.concurrency) if self.warm_up is None else self.warm_up


class CountedMeasuring(Measuring):
    """Measures with a number of requests, where `Measuring` does with a length of time."""

    def warm_up(self, pool: ServedModel, load: Load) -> None:
        """Send the requests that do not count."""
        if load.first:
            self._send(pool, replace(load, requests=load.first, at_least_s=0.0))

    def counted(self, pool: ServedModel, candidate: Candidate, load: Load) -> Measurement:
        """The measurement of *pool* under *load*.

        There are as many requests as it says, and those that the other clients have on their way
        when the last is done; fewer when the time is over. Before, each client sends one that does
        not count. Of requests that arrive at random there are about as many as it says.
        """
        if load.rate_rps is not None:
            seconds = min(max(load.requests / load.rate_rps, load.at_least_s), load.at_most_s)
            effort = Effort(seconds, rounds=1, warm_up_s=0.0)
            return self.open(pool, candidate, effort, load.rate_rps)

        def run(_window: Window) -> LoadRun:
            return self._send(pool, load)

        return self._measure(pool, candidate, Effort(load.at_most_s, rounds=1), run)

    def _send(self, pool: ServedModel, load: Load) -> LoadRun:
        clients = min(load.concurrency, load.requests)
        seconds = max(load.at_least_s, _NO_TIME_S)
        window = Window(seconds, least=load.requests, stretch=load.at_most_s / seconds)
        return closed_loop(pool, self.inputs, clients, window, self.clock)
