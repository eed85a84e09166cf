"""The metrics that handlers record, and where they go.

`Metrics` is what handlers reach through `context.metrics`, and what `Model.metrics` reads.
"""

from ts_sdk.metrics.caching_metric import CachingMetric
from ts_sdk.metrics.dimension import Dimension
from ts_sdk.metrics.errors import (
    MetricError,
    MetricFileError,
    MetricKeyError,
    MetricTypeError,
    MetricValueError,
)
from ts_sdk.metrics.registry import Metrics
from ts_sdk.metrics.sample import MetricTypes, Sample
from ts_sdk.metrics.sinks import LogLines, Sink, log_line
from ts_sdk.metrics.views import MetricView, Totals

__all__ = [
    "CachingMetric",
    "Dimension",
    "LogLines",
    "MetricError",
    "MetricFileError",
    "MetricKeyError",
    "MetricTypeError",
    "MetricTypes",
    "MetricValueError",
    "MetricView",
    "Metrics",
    "Sample",
    "Sink",
    "Totals",
    "log_line",
]
