"""`Served`: what a model counts of its requests, under the names of TorchServe's frontend.

TorchServe's worker did not log these, so they are no samples: they are added up here and read when
somebody looks.
"""

import math
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ts_sdk.metrics.buckets import buckets_for
from ts_sdk.metrics.sample import Dimensions, MetricTypes
from ts_sdk.metrics.views import MetricView, Totals, together

if TYPE_CHECKING:
    from ts_sdk.errors import RequestError
    from ts_sdk.outcomes import Reply
    from ts_sdk.timing import PhaseTimes

PHASES = {
    "preprocess": "PreprocessTime",
    "inference": "InferenceTime",
    "postprocess": "PostprocessTime",
}
"""Phase of `ts_sdk.timing.PhaseTimes` → the metric's name."""

METRICS = {
    **{f"Requests{kind}XX": (MetricTypes.COUNTER, "Count") for kind in (2, 4, 5)},
    "ts_inference_requests_total": (MetricTypes.COUNTER, "Count"),
    "ts_inference_latency_microseconds": (MetricTypes.COUNTER, "Microseconds"),
    "ts_queue_latency_microseconds": (MetricTypes.COUNTER, "Microseconds"),
    "QueueTime": (MetricTypes.GAUGE, "Milliseconds"),
    "BatchSize": (MetricTypes.HISTOGRAM, "Count"),
    "Exceptions": (MetricTypes.COUNTER, "Count"),
    **dict.fromkeys(PHASES.values(), (MetricTypes.GAUGE, "Milliseconds")),
}
"""Name → type and unit, spelled out, of all that there may be."""

_HOST: Dimensions = (("Level", "Host"),)
_STATUS_CLASSES = (2, 4, 5)
_FIRST_ERROR_STATUS = 400


class Served:
    """The requests of one model: how many, how they ended, how long they took and waited.

    Args:
        model_name: The model's name.
        model_version: Its version, None when it has none.
        times: The times of its phases.
    """

    metrics = METRICS

    def __init__(self, model_name: str, model_version: str | None, times: "PhaseTimes") -> None:
        self._model: Dimensions = (("ModelName", model_name), ("Level", "Model"))
        self._server: Dimensions = (
            ("model_name", model_name),
            ("model_version", model_version or "default"),
            ("hostname", socket.gethostname()),
        )
        self._times = times
        self._lock = threading.Lock()
        self._batches: Counter[int] = Counter()
        self._last_size: int | None = None
        self._latency_s = 0.0
        self._failures: Counter[int] = Counter()
        self._exceptions: Counter[str] = Counter()
        self._waits = Totals(type=MetricTypes.GAUGE, count=0, sum=0, last=None)

    def count(self, replies: "Sequence[Reply]", elapsed_s: float) -> None:
        """Count a batch in.

        Args:
            replies: What became of its requests.
            elapsed_s: How long it took, in seconds; that is the latency of each request.
        """
        failed = [reply for reply in replies if reply.status >= _FIRST_ERROR_STATUS]
        size = len(replies)
        with self._lock:
            self._batches[size] += 1
            self._last_size = size
            self._latency_s += elapsed_s * size
            for reply in failed:
                self._failures[reply.status // 100] += 1
                if not reply.is_answered:
                    self._exceptions[_exception_of(reply)] += 1

    def waited(self, elapsed_s: float) -> None:
        """Count in how long a request has waited in a queue, in seconds."""
        elapsed_ms = elapsed_s * 1e3
        with self._lock:
            before = self._waits
            self._waits = Totals(
                type=before.type,
                count=before.count + 1,
                sum=before.sum + elapsed_ms,
                last=elapsed_ms,
            )

    def views(self) -> Iterator[MetricView]:
        """Each metric that has something to show; those of requests always."""
        with self._lock:
            batches, last_size = Counter(self._batches), self._last_size
            failures, exceptions = Counter(self._failures), Counter(self._exceptions)
            latency_s, waits = self._latency_s, self._waits
        requests = sum(size * count for size, count in batches.items())
        failures[2] = requests - failures[4] - failures[5]
        for kind in _STATUS_CLASSES:
            yield _counter(f"Requests{kind}XX", {_HOST: failures[kind]})
        yield _counter("ts_inference_requests_total", {self._server: requests})
        latency = _counted(latency_s * 1e6, requests)
        yield _view("ts_inference_latency_microseconds", {self._server: latency})
        if waits.count:
            yield _view("QueueTime", {_HOST: waits})
            queued = _counted(waits.sum * 1e3, waits.count)
            yield _view("ts_queue_latency_microseconds", {self._server: queued})
        if batches:
            yield _view("BatchSize", {self._model: _sizes(batches, last_size)})
        if exceptions:
            named: dict[Dimensions, int] = {
                (("Exception", name), ("ModelName", self._model[0][1]), ("Level", "Error")): count
                for name, count in exceptions.items()
            }
            yield _counter("Exceptions", named)
        yield from self._phases()

    def _phases(self) -> Iterator[MetricView]:
        for phase, name in PHASES.items():
            time = self._times.get(phase)
            if time is not None:
                totals = Totals(
                    type=MetricTypes.GAUGE, count=time.count, sum=time.total_ms, last=time.last_ms
                )
                yield _view(name, {self._model: totals})


def _exception_of(reply: "Reply") -> str:
    """The name of what was raised: the handler's exception, or ours."""
    error: RequestError = reply.outcome
    return error.raised or type(error).__name__


def _sizes(batches: Counter[int], last: int | None) -> Totals:
    bounds = (*buckets_for("Count"), math.inf)
    return Totals(
        type=MetricTypes.HISTOGRAM,
        count=batches.total(),
        sum=sum(size * count for size, count in batches.items()),
        last=last,
        buckets={
            bound: sum(count for size, count in batches.items() if size <= bound)
            for bound in bounds
        },
    )


def _counted(value: float, count: int) -> Totals:
    return Totals(type=MetricTypes.COUNTER, count=count, sum=value, last=None)


def _counter(name: str, counts: dict[Dimensions, int]) -> MetricView:
    series = {dimensions: _counted(count, count) for dimensions, count in counts.items()}
    return _view(name, series)


def _view(name: str, series: dict[Dimensions, Totals]) -> MetricView:
    metric_type, unit = METRICS[name]
    latest = next(reversed(series.values())).last
    whole = together(metric_type, series.values(), latest)
    return MetricView(name=name, unit=unit, **vars(whole), series=series, samples=())
