"""The metrics that handlers record, and where they go.

`Metrics` is what handlers reach through `context.metrics`, and what `Model.metrics` reads.
"""

from ts_sdk.metrics.background import Background
from ts_sdk.metrics.caching_metric import CachingMetric
from ts_sdk.metrics.dimension import Dimension
from ts_sdk.metrics.errors import (
    MetricDependencyError,
    MetricError,
    MetricFileError,
    MetricKeyError,
    MetricTypeError,
    MetricValueError,
)
from ts_sdk.metrics.instruments import Counter, Gauge, Histogram
from ts_sdk.metrics.opentelemetry import OpenTelemetry
from ts_sdk.metrics.registry import Metrics
from ts_sdk.metrics.sample import MetricTypes, Sample
from ts_sdk.metrics.sinks import LogLines, Sink, log_line
from ts_sdk.metrics.sources import Source
from ts_sdk.metrics.stopwatch import Stopwatch, timed
from ts_sdk.metrics.system import SystemMetrics, system_metrics
from ts_sdk.metrics.views import MetricView, Totals

__all__ = [
    "Background",
    "CachingMetric",
    "Counter",
    "Dimension",
    "Gauge",
    "Histogram",
    "LogLines",
    "MetricDependencyError",
    "MetricError",
    "MetricFileError",
    "MetricKeyError",
    "MetricTypeError",
    "MetricTypes",
    "MetricValueError",
    "MetricView",
    "Metrics",
    "OpenTelemetry",
    "Sample",
    "Sink",
    "Source",
    "Stopwatch",
    "SystemMetrics",
    "Totals",
    "log_line",
    "system_metrics",
    "timed",
]
