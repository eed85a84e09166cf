"""`Recording`: the metrics of one archive, what they recorded, and the sinks that take it."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ts_sdk.metrics.background import Background
from ts_sdk.metrics.caching_metric import CachingMetric
from ts_sdk.metrics.delivery import Delivery
from ts_sdk.metrics.errors import MetricKeyError, MetricTypeError
from ts_sdk.metrics.sample import MetricTypes, Sample
from ts_sdk.metrics.sinks import LogLines, Sink, as_sink
from ts_sdk.metrics.sources import Source
from ts_sdk.metrics.units import spelled
from ts_sdk.metrics.views import MetricView, Recorded

if TYPE_CHECKING:
    from ts_sdk.metrics.declarations import Declaration

_logger = logging.getLogger(__name__)

_ALWAYS_DECLARED = ("HandlerTime", "PredictionTime")


class Recording(Mapping[str, MetricView]):
    """Metric name → what it recorded; safe with threads.

    A name that was declared with two types leads to the type that it had first; `get_metric` finds
    each of them.

    Args:
        sinks: What takes each sample; log lines when None. Each is a `Sink`, or a function that
            takes a sample.

    Attributes:
        cache: Type → name → metric.
        delivery: How samples get to the sinks.
        sources: What counts beside it; see `add_source`.
    """

    def __init__(
        self, *, sinks: "Iterable[Sink | Callable[[Sample], object]] | None" = None
    ) -> None:
        self.cache: dict[MetricTypes, dict[str, CachingMetric]] = {}
        self._first_types: dict[str, MetricTypes] = {}
        self._lock = threading.Lock()
        self.delivery = Delivery((LogLines(),) if sinks is None else map(as_sink, sinks))
        self.sources: tuple[Source, ...] = ()
        self._watchers: tuple[Callable[[CachingMetric], None], ...] = ()
        for name in _ALWAYS_DECLARED:
            self.add_metric_to_cache(name, "ms", ["ModelName", "Level"], MetricTypes.GAUGE)

    def add_metric_to_cache(
        self,
        metric_name: str,
        unit: str,
        dimension_names: Sequence[str] | None = (),
        metric_type: MetricTypes = MetricTypes.COUNTER,
        *,
        buckets: tuple[float, ...] | None = None,
    ) -> CachingMetric:
        """Declare a metric, or declare it anew; what it recorded in the same unit stays.

        Args:
            metric_name: Its name.
            unit: Its unit.
            dimension_names: Names of its dimensions, in the order in which they are shown.
            metric_type: Its type.
            buckets: Upper bounds of a histogram's buckets; None takes those that it has, or those
                of its unit. Other ones than it has start it again from nothing.

        Returns:
            The metric.

        Raises:
            MetricTypeError: An argument is of the wrong kind.
        """
        _check_declaration(metric_name, unit, dimension_names, metric_type)
        with self._lock:
            named = self.cache.setdefault(metric_type, {})
            before = named.get(metric_name)
            recorded = _still_good(before, spelled(unit), buckets)
            metric = named[metric_name] = CachingMetric(
                metric_name,
                unit,
                dimension_names,
                metric_type,
                record=self.record,
                recorded=recorded or (buckets and Recorded(buckets)) or None,
                wants_samples=self._wants_samples,
            )
            self._first_types.setdefault(metric_name, metric_type)
            watchers = self._watchers
        for watch in watchers if recorded is None else ():
            watch(metric)
        if before is not None and recorded is None:
            _warn_of_change(before, metric)
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

    def add_sink(self, sink: "Sink | Callable[[Sample], object]") -> None:
        """Let *sink* take every sample from now on, after those that are there.

        Args:
            sink: An object with the method `emit`, or a function; each takes a `Sample`.
        """
        taking = as_sink(sink)
        with self._lock:
            self.delivery = Delivery((*self.delivery.sinks, taking))

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """What takes each sample; assign others to replace them from now on."""
        return self.delivery.sinks

    @sinks.setter
    def sinks(self, sinks: "Iterable[Sink | Callable[[Sample], object]]") -> None:
        delivery = Delivery(map(as_sink, sinks))
        with self._lock:
            self.delivery = delivery

    def flush(self) -> None:
        """Wait until sinks that work in the background have taken all that was recorded."""
        for sink in self.sinks:
            if isinstance(sink, Background):
                sink.flush()

    def watch(self, watcher: Callable[[CachingMetric], None]) -> None:
        """Call *watcher* with each metric, also with those that are declared from now on."""
        with self._lock:
            self._watchers = (*self._watchers, watcher)
            known = [metric for named in self.cache.values() for metric in named.values()]
        for metric in known:
            watcher(metric)

    def add_source(self, source: Source) -> None:
        """Show what *source* counts beside what is recorded, under names that are not taken."""
        with self._lock:
            self.sources = (*self.sources, source)

    def views(self) -> list[MetricView]:
        """Each metric as it stands now, without samples; of one name, its first type first."""
        with self._lock:
            metrics = [self.cache[kind][name] for name, kind in self._first_types.items()]
            metrics += [
                metric
                for kind, named in self.cache.items()
                for name, metric in named.items()
                if kind is not self._first_types[name]
            ]
        return [metric.view(samples=False) for metric in metrics] + [*self._counted().values()]

    def record(self, sample: Sample) -> None:
        """Take a sample, such as one that a worker process sent; an unknown metric is declared."""
        try:
            metric = self.cache[sample.type][sample.name]
        except KeyError:
            names = [name for name, _ in sample.dimensions]
            metric = self.add_metric_to_cache(
                sample.name, sample.unit, names, sample.type, buckets=sample.buckets
            )
        sample = metric.fitted(sample)
        metric.recorded.add(sample)
        self.delivery.hand_on(sample)

    def __getitem__(self, name: str) -> MetricView:
        if name in self._first_types:
            return self.cache[self._first_types[name]][name].view()
        return self._counted()[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._first_types, *self._counted()))

    def __len__(self) -> int:
        return len(self._first_types) + len(self._counted())

    def _wants_samples(self, metric: CachingMetric) -> bool:
        return (
            self.delivery.wants(metric.metric_type)
            or self.cache[metric.metric_type][metric.metric_name] is not metric
        )

    def _counted(self) -> dict[str, MetricView]:
        """What the sources count, under names that nothing was recorded under."""
        return {
            view.name: view
            for source in self.sources
            for view in source.views()
            if view.name not in self._first_types
        }

    def _declare(self, declarations: "Iterable[Declaration]") -> None:
        for each in declarations:
            self.add_metric_to_cache(
                each.name, each.unit, each.dimensions, each.type, buckets=each.buckets
            )


def _still_good(
    before: CachingMetric | None, unit: str, buckets: tuple[float, ...] | None
) -> Recorded | None:
    """What *before* has recorded, if it can go on in this unit and these buckets."""
    if before is None or before.unit != unit:
        return None
    return before.recorded if buckets in (None, before.recorded.bounds) else None


def _warn_of_change(before: CachingMetric, metric: CachingMetric) -> None:
    old, new = before.unit, metric.unit
    if old == new:
        if before.recorded.is_empty:
            return
        old, new = (f"the buckets {each.recorded.bounds}" for each in (before, metric))
    _logger.warning(
        "metric %s was in %s and is in %s now: it starts again from nothing",
        metric.metric_name,
        old,
        new,
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
