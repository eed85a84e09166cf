"""`QueueMetrics`: what a pool counts of a model's requests, beside `ts_sdk.metrics.served`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ts_sdk.metrics.sample import Dimensions, MetricTypes
from ts_sdk.metrics.views import MetricView, Totals
from ts_sdk.runtime.pool.stats import PoolStats

_FIELDS = {
    "RequestsQueued": ("queued", MetricTypes.GAUGE),
    "RequestsRefused": ("refused", MetricTypes.COUNTER),
    "RequestsExpired": ("expired", MetricTypes.COUNTER),
    "RequestsCancelled": ("cancelled", MetricTypes.COUNTER),
    "Workers": ("workers", MetricTypes.GAUGE),
    "WorkerRestarts": ("restarts", MetricTypes.COUNTER),
}
"""The metric's name → the field of `PoolStats`, and its type."""


@dataclass(frozen=True)
class QueueMetrics:
    """Shows a queue's counts as metrics, as they stand when somebody looks.

    Attributes:
        model_name: The model's name.
        stats: Reads the counts.
    """

    model_name: str
    stats: Callable[[], PoolStats]

    metrics = {name: (kind, "Count") for name, (_, kind) in _FIELDS.items()}  # noqa: RUF012 - no field of the dataclass

    def views(self) -> Iterator[MetricView]:
        """Each of the counts."""
        stats = self.stats()
        dimensions: Dimensions = (("ModelName", self.model_name), ("Level", "Model"))
        for name, (field, kind) in _FIELDS.items():
            value = getattr(stats, field)
            count = 1 if kind is MetricTypes.GAUGE else value
            last = value if kind is MetricTypes.GAUGE else None
            totals = Totals(type=kind, count=count, sum=value, last=last)
            series = {dimensions: totals}
            yield MetricView(name=name, unit="Count", **vars(totals), series=series, samples=())
