"""`Measuring`: counters, gauges, histograms and durations by name, checked where they are used."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ts_sdk.batch import current_batch
from ts_sdk.context import Context
from ts_sdk.metrics.buckets import checked_buckets
from ts_sdk.metrics.caching_metric import CachingMetric
from ts_sdk.metrics.errors import MetricTypeError, MetricValueError
from ts_sdk.metrics.instruments import Counter, Gauge, Histogram, Instrument
from ts_sdk.metrics.recording import Recording
from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample
from ts_sdk.metrics.sinks import Sink
from ts_sdk.metrics.stopwatch import Stopwatch
from ts_sdk.metrics.units import SPELLINGS, TIME_UNITS, known_unit, spelled
from ts_sdk.metrics.views import MOST_SERIES

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Labels = Mapping[str, object]
"""Dimension name → value, shown as text."""

_Kind = TypeVar("_Kind", bound=Instrument)

_ALWAYS_THERE = frozenset({"ModelName", "Level"})
_UNITS = ", ".join(unit for unit in SPELLINGS if unit)


class Measuring(Recording):
    """The metrics of one archive, under the names of its handler.

    A metric keeps the type, the unit and the names of dimensions that it was declared or first used
    with. ``ModelName`` and ``Level`` are among its dimensions unless a declaration leaves them out.

    Args:
        model_name: Value of the dimension ``ModelName``.
        sinks: What takes each sample; log lines when None.
    """

    def __init__(
        self,
        model_name: str | None = None,
        *,
        sinks: Iterable[Sink | Callable[[Sample], object]] | None = None,
    ) -> None:
        super().__init__(sinks=sinks)
        self.model_name = model_name
        self._request_ids: object = None
        self._instruments: dict[tuple[object, ...], Instrument] = {}

    @property
    def request_ids(self) -> Any:  # noqa: ANN401 - a dict, a text or what else the caller set
        """The ids of the running batch (index → id); outside of one, what was set here."""
        batch = current_batch()
        if batch is not None:
            ids = getattr(batch.context, "request_ids", None)
            if ids is not None:
                return ids
        return self._request_ids

    @request_ids.setter
    def request_ids(self, request_ids: object) -> None:
        self._request_ids = request_ids

    def ids_of_batch(self) -> object:
        """The same as `request_ids`; a dict is one that stays as it is."""
        batch = current_batch()
        context = batch.context if batch is not None else None
        if type(context) is Context:
            # What `context.request_ids` comes to, at a fifth of its cost.
            return context._own["request_ids"]  # noqa: SLF001 - as above
        ids = self.request_ids
        return dict(ids) if isinstance(ids, dict) else ids

    def set_request_ids(self, request_ids: object) -> None:
        """Say what requests samples are about while no batch is running.

        Args:
            request_ids: Index → id, one id for all, or None.
        """
        self.request_ids = request_ids

    def counter(
        self, name: str, *, unit: str | None = None, dimensions: Labels | None = None
    ) -> Counter:
        """The counter *name*, whose values are added up.

        It can be kept and used from any thread, which is quicker than to ask for it each time.

        Args:
            name: The metric's name.
            unit: Its unit, such as ``ms``, ``s``, ``percent``, ``count``, ``B`` or ``MB``; None
                takes the declared one, else ``count``.
            dimensions: What its samples are told apart by.

        Raises:
            MetricTypeError: *name* has another type, or an argument is of the wrong kind.
            MetricValueError: The unit or the dimensions' names are not those that the metric has,
                the unit is not known, or there would be too many sets of dimensions.
        """
        return self._instrument(Counter, name, unit, dimensions)

    def gauge(
        self, name: str, *, unit: str | None = None, dimensions: Labels | None = None
    ) -> Gauge:
        """The gauge *name*, whose values replace each other; otherwise as `counter`."""
        return self._instrument(Gauge, name, unit, dimensions)

    def histogram(
        self,
        name: str,
        *,
        unit: str | None = None,
        buckets: Sequence[float] | None = None,
        dimensions: Labels | None = None,
    ) -> Histogram:
        """The histogram *name*, whose values are counted by size; otherwise as `counter`.

        Args:
            name: The metric's name.
            unit: Its unit.
            buckets: Upper bounds, rising; None takes those that it has, or ones that suit the unit.
            dimensions: What its samples are told apart by.

        Raises:
            MetricValueError: Values were counted in other buckets, or these do not rise.
        """
        bounds = None if buckets is None else checked_buckets(str(name), buckets)
        return self._instrument(Histogram, name, unit, dimensions, bounds)

    def time(
        self,
        name: str,
        *,
        unit: str | None = None,
        dimensions: Labels | None = None,
        idx: int | None = None,
    ) -> Stopwatch:
        """Record how long a ``with`` block, or each call of a decorated function, takes.

        It is recorded when the block raises, too. Where *name* is no gauge it is a histogram.

        Args:
            name: The metric's name.
            unit: ``ms``, ``s`` or ``us``; None takes the declared one, else ``ms``.
            dimensions: What its samples are told apart by.
            idx: Position in the batch of the request that it is about; all of them when None.

        Raises:
            MetricValueError: The metric is in no unit of time; otherwise as `counter`.
        """
        is_gauge = name in self.cache.get(MetricTypes.GAUGE, {})
        known = self.cache.get(MetricTypes.GAUGE if is_gauge else MetricTypes.HISTOGRAM, {})
        asked = unit or (known[name].unit if name in known else "ms")
        full = known_unit(asked) or ""
        if full not in TIME_UNITS:
            raise MetricValueError(f"metric {name}: a duration is in ms, s or us, not in {asked}")
        if is_gauge:
            record = self.gauge(name, unit=full, dimensions=dimensions).set
        else:
            record = self.histogram(name, unit=full, dimensions=dimensions).observe
        return Stopwatch(record, TIME_UNITS[full], idx)

    def expose(self, registry: "CollectorRegistry") -> None:
        """Show these metrics in a registry of prometheus-client for as long as they live.

        Several models may share one. They are read when it is collected; nothing is kept twice.

        Raises:
            MetricDependencyError: prometheus-client is not installed.
        """
        from ts_sdk.metrics.prometheus import expose

        expose(self, registry)

    def prometheus_text(self) -> str:
        """These metrics as they stand now, in Prometheus' text format.

        Raises:
            MetricDependencyError: prometheus-client is not installed.
        """
        from ts_sdk.metrics.prometheus import text_of

        return text_of(self)

    def _instrument(
        self,
        kind: type[_Kind],
        name: str,
        unit: str | None,
        dimensions: Labels | None,
        buckets: tuple[float, ...] | None = None,
    ) -> _Kind:
        labels = _labels(name, dimensions) if dimensions else ()
        key = (kind, name, unit, labels, buckets)
        kept = self._instruments.get(key)
        if isinstance(kept, kind) and kept.is_current:
            return kept
        metric = self._metric(kind.type, name, unit, labels, buckets)
        pairs = self._dimensions(metric, labels)
        series = metric.recorded.series_of(pairs)
        if series is None:
            raise MetricValueError(
                f"metric {name}: {dict(labels)} would be one set of dimensions more than the "
                f"{MOST_SERIES} that are told apart; leave out what has a value for each request"
            )
        made = kind(self, metric, pairs, series)
        self._instruments[key] = made
        return made

    def _metric(
        self,
        metric_type: MetricTypes,
        name: str,
        unit: str | None,
        labels: Dimensions,
        buckets: tuple[float, ...] | None,
    ) -> CachingMetric:
        """The metric of this name, declared now unless it is; it must be what is asked for."""
        metric = self.cache.get(metric_type, {}).get(name)
        if metric is None:
            self._check_new(metric_type, name, unit)
            names = [each for each, _ in self._with_ours(labels)]
            return self.add_metric_to_cache(
                name, known_unit(unit or "count") or "", names, metric_type, buckets=buckets
            )
        if unit is not None and metric.unit not in (spelled(unit), known_unit(unit)):
            raise MetricValueError(f"metric {name}: it is in {metric.unit}, not in {unit!r}")
        if buckets is not None and buckets != metric.recorded.bounds:
            if not metric.recorded.is_empty:
                raise MetricValueError(
                    f"metric {name}: its values are counted in the buckets "
                    f"{metric.recorded.bounds}, not in {buckets}"
                )
            return self.add_metric_to_cache(
                name, metric.unit, metric.dimension_names, metric_type, buckets=buckets
            )
        return metric

    def _check_new(self, metric_type: MetricTypes, name: str, unit: str | None) -> None:
        if not isinstance(name, str) or not name:
            raise MetricTypeError(f"a metric's name must be a text, not {name!r}")
        other = self._first_types.get(name)
        if other is not None:
            raise MetricTypeError(f"metric {name}: it is a {other.value}, no {metric_type.value}")
        if unit is not None and known_unit(unit) is None:
            raise MetricValueError(
                f"metric {name}: the unit {unit!r} is not known; there are {_UNITS}, and "
                "add_metric_to_cache() declares a metric in any other"
            )

    def _dimensions(self, metric: CachingMetric, labels: Dimensions) -> Dimensions:
        """*labels* and ours, in the order of the metric's names.

        Raises:
            MetricValueError: The names are others than the metric's.
        """
        values = dict(self._with_ours(labels))
        given = {each for each, _ in labels}
        wanted = set(metric.dimension_names)
        if given - wanted or wanted - given - _ALWAYS_THERE:
            raise MetricValueError(
                f"metric {metric.metric_name}: it has the dimensions "
                f"{sorted(wanted - _ALWAYS_THERE)}, and {sorted(given)} were given; they are the "
                "same each time"
            )
        return tuple((each, values[each]) for each in metric.dimension_names)

    def _with_ours(self, labels: Dimensions) -> Dimensions:
        ours = (("ModelName", str(self.model_name)), ("Level", "Model"))
        named = {each for each, _ in labels}
        return labels + tuple(pair for pair in ours if pair[0] not in named)


def _labels(name: str, dimensions: Labels) -> Dimensions:
    if not isinstance(dimensions, Mapping) or not all(isinstance(each, str) for each in dimensions):
        raise MetricTypeError(
            f"metric {name}: dimensions must be a dict from names to values, not {dimensions!r}"
        )
    return tuple([(each, str(value)) for each, value in dimensions.items()])
