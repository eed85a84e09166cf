"""`Recording`: the metrics of one archive, what they recorded, and the sinks that take it."""

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ts_sdk.metrics.caching_metric import CachingMetric
from ts_sdk.metrics.errors import MetricKeyError, MetricTypeError
from ts_sdk.metrics.sample import MetricTypes, Sample
from ts_sdk.metrics.sinks import LogLines, Sink
from ts_sdk.metrics.units import spelled
from ts_sdk.metrics.views import MetricView

if TYPE_CHECKING:
    from ts_sdk.metrics.declarations import Declaration

_logger = logging.getLogger(__name__)

_ALWAYS_DECLARED = ("HandlerTime", "PredictionTime")


class Recording(Mapping[str, MetricView]):
    """Metric name → what it recorded; safe with threads.

    A name that was declared with two types leads to the type that it had first; `get_metric` finds
    each of them.

    Args:
        sinks: What takes each sample; log lines when None.

    Attributes:
        cache: Type → name → metric.
    """

    def __init__(self, *, sinks: Iterable[Sink] | None = None) -> None:
        self.cache: dict[MetricTypes, dict[str, CachingMetric]] = {}
        self._first_types: dict[str, MetricTypes] = {}
        self._lock = threading.Lock()
        self._sinks = (LogLines(),) if sinks is None else tuple(sinks)
        self._failed_sinks: set[int] = set()
        for name in _ALWAYS_DECLARED:
            self.add_metric_to_cache(name, "ms", ["ModelName", "Level"], MetricTypes.GAUGE)

    def add_metric_to_cache(
        self,
        metric_name: str,
        unit: str,
        dimension_names: Sequence[str] | None = (),
        metric_type: MetricTypes = MetricTypes.COUNTER,
    ) -> CachingMetric:
        """Declare a metric, or declare it anew; what it recorded in the same unit stays.

        Returns:
            The metric.

        Raises:
            MetricTypeError: An argument is of the wrong kind.
        """
        _check_declaration(metric_name, unit, dimension_names, metric_type)
        with self._lock:
            named = self.cache.setdefault(metric_type, {})
            before = named.get(metric_name)
            same_unit = before is not None and before.unit == spelled(unit)
            metric = named[metric_name] = CachingMetric(
                metric_name,
                unit,
                dimension_names,
                metric_type,
                record=self.record,
                recorded=before.recorded if before is not None and same_unit else None,
            )
            self._first_types.setdefault(metric_name, metric_type)
        if before is not None and not same_unit:
            _logger.warning(
                "metric %s was in %s and is in %s now: it starts again from nothing",
                metric_name,
                before.unit,
                metric.unit,
            )
        return metric

    def get_metric(
        self, metric_name: str, metric_type: MetricTypes = MetricTypes.COUNTER
    ) -> CachingMetric:
        """The metric of this name and type.

        Raises:
            MetricKeyError: There is none.
            MetricTypeError: An argument is of the wrong kind.
        """
        _check_name(metric_name)
        _check_type(metric_type)
        try:
            return self.cache[metric_type][metric_name]
        except KeyError as error:
            raise MetricKeyError(
                f"there is no {metric_type.value} {metric_name!r}; declare it with "
                "add_metric_to_cache(), or name its type as the second argument"
            ) from error

    def cache_keys(self) -> list[str]:
        """Type and name of each metric, as ``"gauge:HandlerTime"``."""
        return [f"{kind.value}:{name}" for kind, named in self.cache.items() for name in named]

    def declare(self, path: str | os.PathLike[str]) -> None:
        """Declare what a `metrics.yaml` lists under ``model_metrics``.

        Raises:
            MetricFileError: The file cannot be read.
            MetricYamlError: It is no YAML.
            MetricError: It lacks a key or has a wrong value; all problems are named, and nothing
                is declared.
        """
        from ts_sdk.metrics.declarations import declarations_in, read

        self._declare(declarations_in(read(path), os.fspath(path)))

    def add_sink(self, sink: Sink) -> None:
        """Let *sink* take every sample from now on, after those that are there."""
        with self._lock:
            self._sinks = (*self._sinks, sink)

    def record(self, sample: Sample) -> None:
        """Take a sample, such as one that a worker process sent; an unknown metric is declared."""
        try:
            metric = self.cache[sample.type][sample.name]
        except KeyError:
            names = [name for name, _ in sample.dimensions]
            metric = self.add_metric_to_cache(sample.name, sample.unit, names, sample.type)
        sample = metric.fitted(sample)
        metric.recorded.add(sample)
        for sink in self._sinks:
            try:
                sink.emit(sample)
            except Exception as error:  # noqa: BLE001 - its trouble must not cost a request its answer
                self._tell_of_failure(sink, error)

    def __getitem__(self, name: str) -> MetricView:
        return self.cache[self._first_types[name]][name].view()

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._first_types))

    def __len__(self) -> int:
        return len(self._first_types)

    def _declare(self, declarations: "Iterable[Declaration]") -> None:
        for each in declarations:
            self.add_metric_to_cache(each.name, each.unit, each.dimensions, each.type)

    def _tell_of_failure(self, sink: Sink, error: Exception) -> None:
        if id(sink) not in self._failed_sinks:
            self._failed_sinks.add(id(sink))
            _logger.error(
                "the metrics sink %r failed; later failures are not told", sink, exc_info=error
            )


def _check_declaration(
    metric_name: object, unit: object, dimension_names: object, metric_type: object
) -> None:
    _check_name(metric_name)
    if not isinstance(unit, str):
        raise MetricTypeError(f"metric {metric_name}: its unit must be a str, not {unit!r}")
    if dimension_names and not isinstance(dimension_names, list | tuple):
        raise MetricTypeError(
            f"metric {metric_name}: its dimension names must be a list, not {dimension_names!r}"
        )
    _check_type(metric_type)


def _check_name(metric_name: object) -> None:
    if not isinstance(metric_name, str):
        raise MetricTypeError(f"a metric's name must be a str, not {metric_name!r}")


def _check_type(metric_type: object) -> None:
    if not isinstance(metric_type, MetricTypes):
        raise MetricTypeError(
            f"a metric's type must be one of MetricTypes, such as MetricTypes.GAUGE, "
            f"not {metric_type!r}"
        )
