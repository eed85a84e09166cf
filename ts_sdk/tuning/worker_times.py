"""What a request's time in a pool consists of, as the metrics of its model tell.

A request waits until a worker has it (`QueueTime`), the worker has its batch for some time, and for
most of that the handler has it (`PredictionTime`). What the worker takes beside the handler is the
rest: it gives the requests to the handler and takes the answers, from another process where the
handler has one.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from ts_sdk.metrics.sample import MetricTypes
from ts_sdk.tuning.measurement import quantiles_of

if TYPE_CHECKING:
    from ts_sdk.metrics import Metrics
    from ts_sdk.metrics.sample import Sample

_METRIC = "PredictionTime"
_PERCENTS = (50, 90, 99)


@dataclass
class BatchTimes:
    """A sink of metrics that keeps how long the handler took for batches.

    Attributes:
        batches: How long each took, in milliseconds, and how many requests were in it.
    """

    sample_types = frozenset({MetricTypes.GAUGE})
    batches: list[tuple[float, int]] = field(default_factory=list)

    def emit(self, sample: "Sample") -> None:
        """Keep *sample* if it is the time of a batch, which has the ids of its requests."""
        if sample.name == _METRIC:
            size = (sample.request_id or "").count(",") + 1
            self.batches.append((sample.value, size))  # at once, since workers share the sink

    @property
    def requests(self) -> int:
        """How many requests were in the batches."""
        return sum(size for _, size in self.batches)

    @property
    def requests_ms(self) -> float:
        """The sum over these requests, each with the time of its batch."""
        return math.fsum(ms * size for ms, size in self.batches)

    def model_ms(self) -> dict[str, float]:
        """The mean and percentiles over the batches; empty without any."""
        if not self.batches:
            return {}
        batches_ms = [ms for ms, _ in self.batches]
        quantiles_ms = quantiles_of(batches_ms)
        percentiles = {f"p{percent}": quantiles_ms[percent] for percent in _PERCENTS}
        return {"mean": fmean(batches_ms), **percentiles}


@dataclass(frozen=True)
class Counted:
    """What a model has counted of all its requests so far.

    Attributes:
        requests: How many there were.
        in_all_ms: From when they came until they were answered, together.
        waiting_ms: Until a worker had them, together.
    """

    requests: int
    in_all_ms: float
    waiting_ms: float

    @classmethod
    def of(cls, metrics: "Metrics") -> "Counted":
        """The counts as they stand."""
        latency = metrics.get("ts_inference_latency_microseconds")
        waits = metrics.get("QueueTime")
        if latency is None:
            return cls(0, 0.0, 0.0)
        return cls(latency.count, latency.sum / 1e3, 0.0 if waits is None else waits.sum)


@dataclass
class WorkerTimes:
    """The times of the requests of a block of `watching`; there are none before its end.

    Attributes:
        model_ms: Of the handler's time for a batch the ``mean`` and ``p50``, ``p90`` and ``p99``.
        waiting_ms: How long a request waited for a worker, on average.
        worker_ms: What the worker took beside the handler, for the batch of a request, on average;
            None where a request has no time of the handler's, since its batch failed.
    """

    model_ms: dict[str, float] = field(default_factory=dict)
    waiting_ms: float | None = None
    worker_ms: float | None = None


@contextmanager
def watching(metrics: "Metrics") -> Iterator[WorkerTimes]:
    """Watch the requests of a model in the block; there must be none on their way at its ends."""
    sinks, before = metrics.sinks, Counted.of(metrics)
    batches, times = BatchTimes(), WorkerTimes()
    metrics.add_sink(batches)
    try:
        yield times
    finally:
        metrics.flush()
        metrics.sinks = sinks
        _fill(times, batches, before, Counted.of(metrics))


def _fill(times: WorkerTimes, batches: BatchTimes, before: Counted, after: Counted) -> None:
    times.model_ms = batches.model_ms()
    requests = after.requests - before.requests
    if requests == 0:
        return
    waiting_ms = after.waiting_ms - before.waiting_ms
    times.waiting_ms = waiting_ms / requests
    if batches.requests == requests:
        beside_ms = after.in_all_ms - before.in_all_ms - waiting_ms - batches.requests_ms
        times.worker_ms = max(0.0, beside_ms / requests)
