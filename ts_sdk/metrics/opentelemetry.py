"""Metrics to OpenTelemetry, through its API: `metrics.add_sink(OpenTelemetry(metrics))`."""

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from ts_sdk.metrics.buckets import buckets_for
from ts_sdk.metrics.errors import MetricDependencyError
from ts_sdk.metrics.sample import MetricTypes, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

    from ts_sdk.metrics.caching_metric import CachingMetric
    from ts_sdk.metrics.recording import Recording
    from ts_sdk.metrics.sources import Source
    from ts_sdk.metrics.views import MetricView

_UNITS = {
    "Microseconds": "us",
    "Milliseconds": "ms",
    "Seconds": "s",
    "Percent": "%",
    "Count": "1",
    "Bytes": "By",
    "Kilobytes": "KiBy",
    "Megabytes": "MiBy",
    "Gigabytes": "GiBy",
    "unit": "1",
}
"""Spelled-out unit → UCUM's, which OpenTelemetry asks for."""


class OpenTelemetry:
    """A sink that hands metrics to OpenTelemetry; the dimensions are its attributes.

    Counters and gauges are observed whenever OpenTelemetry collects, so that they cost a request
    nothing; the values of histograms are handed on one by one.

    Args:
        metrics: Whose metrics they are.
        meter: The meter; None takes that of the global provider, named ``ts_sdk``.

    Raises:
        MetricDependencyError: opentelemetry-api is not installed.
    """

    sample_types = frozenset({MetricTypes.HISTOGRAM})

    def __init__(self, metrics: "Recording", meter: "Meter | None" = None) -> None:
        self._api = _api()
        self._meter = self._api.get_meter("ts_sdk") if meter is None else meter
        self._histograms: dict[tuple[str, str], Histogram] = {}
        self._lock = threading.Lock()
        metrics.watch(self._declared)
        for source in metrics.sources:
            for name, (metric_type, unit) in source.metrics.items():
                self._observe(name, metric_type, unit, partial(_of_source, source, name))

    def emit(self, sample: Sample) -> None:
        """Hand *sample* on if it is a histogram's."""
        if sample.type is MetricTypes.HISTOGRAM:
            self._histogram(sample).record(sample.value, dict(sample.dimensions))

    def _histogram(self, sample: Sample) -> "Histogram":
        key = (sample.name, sample.unit)
        with self._lock:
            if key not in self._histograms:
                bounds = sample.buckets or buckets_for(sample.unit)
                self._histograms[key] = self._meter.create_histogram(
                    sample.name,
                    unit=_ucum(sample.unit),
                    explicit_bucket_boundaries_advisory=list(bounds),
                )
            return self._histograms[key]

    def _declared(self, metric: "CachingMetric") -> None:
        if metric.metric_type is not MetricTypes.HISTOGRAM:
            read = partial(_of_metric, metric)
            self._observe(metric.metric_name, metric.metric_type, metric.unit, read)

    def _observe(
        self,
        name: str,
        metric_type: MetricTypes,
        unit: str,
        read: "Callable[[], MetricView | None]",
    ) -> None:
        """Let *read* be asked for *name*; of a histogram, the latest value is told."""
        observation = self._api.Observation

        def observed(_: "CallbackOptions") -> "Iterable[Observation]":
            view = read()
            for dimensions, totals in view.series.items() if view is not None else ():
                if totals.value is not None:
                    yield observation(totals.value, dict(dimensions))

        counts = metric_type is MetricTypes.COUNTER
        create = (
            self._meter.create_observable_counter if counts else self._meter.create_observable_gauge
        )
        create(name, callbacks=[observed], unit=_ucum(unit))


def _of_metric(metric: "CachingMetric") -> "MetricView":
    return metric.view(samples=False)


def _of_source(source: "Source", name: str) -> "MetricView | None":
    return next((view for view in source.views() if view.name == name), None)


def _ucum(unit: str) -> str:
    return _UNITS.get(unit, f"{{{unit}}}")


def _api() -> Any:  # noqa: ANN401 - the module
    try:
        from opentelemetry import metrics
    except ImportError as error:
        raise MetricDependencyError(
            "OpenTelemetry needs opentelemetry-api: pip install 'ts-sdk[otel]'"
        ) from error
    return metrics
