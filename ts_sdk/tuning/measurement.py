"""What was measured of a candidate under a load."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

PHASES = ("queue", "preprocess", "inference", "postprocess")
"""Where the time of a request goes, in order; the queue has all that is in no other."""
_QUANTILES = 100
_DIGITS = 4


@dataclass(frozen=True)
class Measurement:
    """What one candidate did under one load.

    Attributes:
        load: ``closed``: so many clients, each waiting for its answer; ``open``: arrivals of a
            Poisson process, whose latency counts from the time when they were to come.
        rate_rps: Arrivals a second of an open loop; None of a closed one.
        seconds: How long requests that count were sent, in all rounds.
        rounds: How many rounds there were.
        answered: Requests that were answered and count.
        failed: Requests that were answered by an error.
        refused: Those of *failed* that were not taken, as the queue was full.
        unanswered: Requests that were given up.
        throughput_rps: Answers a second, the median over the rounds.
        noise: Half the distance between the best and the worst round, as a share of the median.
        mean_ms: The mean latency, in milliseconds.
        quantiles_ms: The latency that 0, 1, ... 100 percent of the requests stay below.
        phases_ms: Phase → milliseconds of a request, on average.
        model_ms: Of the handler's time for a batch the ``mean`` and ``p50``, ``p90`` and ``p99``;
            empty where it was not seen. So are the next two None.
        waiting_ms: How long a request waited until a worker had it, on average.
        worker_ms: What the worker took beside the handler, for the batch of a request, on average.
        batch_fill: How full batches were on average, 0 to 1; None when it is not known.
        resources: ``memory_mb`` (the most that this process and its children took),
            ``cpu_percent``, ``memory_percent``, ``gpu_percent``, ``gpu_memory_percent``,
            ``gpu_memory_mb``: means over the load, where they could be seen.
        error: What the first failure said, None when there was none.
    """

    load: str
    rate_rps: float | None
    seconds: float
    rounds: int
    answered: int
    failed: int
    refused: int
    unanswered: int
    throughput_rps: float
    noise: float
    mean_ms: float
    quantiles_ms: tuple[float, ...]
    phases_ms: Mapping[str, float] = field(default_factory=dict)
    model_ms: Mapping[str, float] = field(default_factory=dict)
    waiting_ms: float | None = None
    worker_ms: float | None = None
    batch_fill: float | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None

    @property
    def p50_ms(self) -> float:
        """The median latency."""
        return self.quantile_ms(50)

    @property
    def p99_ms(self) -> float:
        """The latency that 99 of 100 requests stay below."""
        return self.quantile_ms(99)

    @property
    def requests(self) -> int:
        """All that count."""
        return self.answered + self.failed + self.unanswered

    @property
    def error_rate(self) -> float:
        """The share of requests that were not answered, 0 to 1."""
        return 1 - self.answered / self.requests if self.requests else 1.0

    def quantile_ms(self, percent: int) -> float:
        """The latency that *percent* of the requests stay below; infinite without answers."""
        return self.quantiles_ms[percent] if self.quantiles_ms else math.inf

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {**asdict(self), "quantiles_ms": list(self.quantiles_ms)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Measurement":
        """The measurement that `to_dict` has written."""
        known = {each.name for each in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        return cls(**{**given, "quantiles_ms": tuple(values["quantiles_ms"])})


def quantiles_of(latencies_ms: Sequence[float]) -> tuple[float, ...]:
    """The latencies that 0, 1, ... 100 percent stay below: of those measured, the next higher."""
    if not latencies_ms:
        return ()
    ordered = sorted(round(each, _DIGITS) for each in latencies_ms)
    last = len(ordered) - 1
    return tuple(
        ordered[min(last, max(0, math.ceil(percent / 100 * len(ordered)) - 1))]
        for percent in range(_QUANTILES + 1)
    )
