"""`Metrics`: what handlers call through `context.metrics`, with TorchServe's names and orders."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, overload

from ts_sdk.metrics.caching_metric import CachingMetric
from ts_sdk.metrics.dimension import Dimension
from ts_sdk.metrics.errors import MetricTypeError, MetricValueError
from ts_sdk.metrics.instruments import INSTRUMENTS, Instrument
from ts_sdk.metrics.measuring import Measuring
from ts_sdk.metrics.request_ids import request_id_of
from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample, number_of
from ts_sdk.metrics.sinks import Sink
from ts_sdk.metrics.units import spelled

if TYPE_CHECKING:
    from ts_sdk.metrics.metric import Metric

_logger = logging.getLogger(__name__)

_OURS = ["ModelName", "Level"]
_TIME_UNITS = ("ms", "s")
_SIZE_UNITS = ("MB", "kB", "GB", "B")


class Metrics(Measuring):
    """The metrics of one archive.

    Samples have the dimensions ``ModelName`` and ``Level`` unless the handler gives them; one that
    belongs to no request has ``Level:Error`` alone. Values that cannot be recorded (text, NaN, a
    negative count) are logged as errors and cost no request its answer.

    Args:
        model_name: Value of the dimension ``ModelName``.
        sinks: What takes each sample; log lines when None.

    Attributes:
        store: Empty, as TorchServe's is: metrics are written at once.
    """

    def __init__(
        self,
        model_name: str | None = None,
        *,
        sinks: Iterable[Sink | Callable[[Sample], object]] | None = None,
    ) -> None:
        super().__init__(model_name, sinks=sinks)
        self.store: list[Metric] = []
        self._known: dict[tuple[MetricTypes, str, str, str | None], Instrument] = {}

    @overload
    def add_metric(
        self,
        name: str,
        value: object,
        unit: str,
        idx: int | None = None,
        dimensions: Iterable[Dimension] | None = None,
        metric_type: MetricTypes = MetricTypes.COUNTER,
    ) -> None: ...

    @overload
    def add_metric(
        self,
        metric_name: str,
        unit: str,
        dimension_names: list[str] | None = None,
        metric_type: MetricTypes = MetricTypes.COUNTER,
    ) -> CachingMetric: ...

    def add_metric(self, *given: Any, **named: Any) -> CachingMetric | None:
        """Record a value in any unit; or declare a metric, as in releases 0.6.1 to 0.8.1.

        Args:
            given: ``name, value, unit, idx, dimensions, metric_type``, of which the last three may
                be left out; or ``metric_name, unit, dimension_names, metric_type``, of which the
                last two may be.
            named: The same by name.

        Returns:
            The metric when it was declared, else None.

        Raises:
            MetricTypeError: An argument is of the wrong kind.
        """
        if _declares(given, named):
            return self.add_metric_to_cache(*given, **named)
        self._add_metric(*given, **named)
        return None

    def add_counter(
        self,
        name: str,
        value: object,
        idx: int | None = None,
        dimensions: Iterable[Dimension] | None = None,
    ) -> None:
        """Add to a counter.

        Args:
            name: The metric's name.
            value: By how much it grows.
            idx: Position in the batch of the request that it is about; all of them when None.
            dimensions: The sample's dimensions, beside ``ModelName`` and ``Level``.
        """
        self._add(name, value, "count", idx, dimensions, MetricTypes.COUNTER)

    def add_time(
        self,
        name: str,
        value: object,
        idx: int | None = None,
        unit: str = "ms",
        dimensions: Iterable[Dimension] | None = None,
        metric_type: MetricTypes = MetricTypes.GAUGE,
    ) -> None:
        """Record a duration, in ``ms`` or ``s``; otherwise as `add_counter`.

        Raises:
            MetricValueError: It is another unit.
        """
        _check_unit(name, unit, _TIME_UNITS)
        self._add(name, value, unit, idx, dimensions, metric_type)

    def add_size(
        self,
        name: str,
        value: object,
        idx: int | None = None,
        unit: str = "MB",
        dimensions: Iterable[Dimension] | None = None,
        metric_type: MetricTypes = MetricTypes.GAUGE,
    ) -> None:
        """Record a size, in ``B``, ``kB``, ``MB`` or ``GB``; otherwise as `add_counter`.

        Raises:
            MetricValueError: It is another unit.
        """
        _check_unit(name, unit, _SIZE_UNITS)
        self._add(name, value, unit, idx, dimensions, metric_type)

    def add_percent(
        self,
        name: str,
        value: object,
        idx: int | None = None,
        dimensions: Iterable[Dimension] | None = None,
        metric_type: MetricTypes = MetricTypes.GAUGE,
    ) -> None:
        """Record a percentage, 0 to 100; otherwise as `add_counter`."""
        self._add(name, value, "percent", idx, dimensions, metric_type)

    def add_error(
        self, name: str, value: object, dimensions: Iterable[Dimension] | None = None
    ) -> None:
        """Count an error; it is about no request.

        Args:
            name: The metric's name.
            value: By how much it grows; a text, or an exception, counts one and is logged.
            dimensions: The sample's dimensions, beside ``Level:Error``.
        """
        count = value
        if not _is_number(value):
            _logger.error("%s: %s", name, value)
            count = 1
        self._keep(name, count, "", None, dimensions, MetricTypes.COUNTER)

    def _add_metric(
        self,
        name: str,
        value: object,
        unit: str,
        idx: int | None = None,
        dimensions: Iterable[Dimension] | None = None,
        metric_type: MetricTypes = MetricTypes.COUNTER,
    ) -> None:
        self._add(name, value, unit, idx, dimensions, metric_type)

    def _add(
        self,
        name: str,
        value: object,
        unit: str,
        idx: int | None,
        dimensions: Iterable[Dimension] | None,
        metric_type: MetricTypes,
    ) -> None:
        key = (metric_type, name, unit, self.model_name)
        known = self._known.get(key)
        if known is not None and not dimensions and known.count_in(value, idx):
            return
        request_id = self._request_id(idx)
        metric = self._keep(name, value, unit, request_id, dimensions, metric_type)
        if (known is None or not known.is_current) and request_id is not None and not dimensions:
            self._know(key, metric)

    def _know(self, key: tuple[MetricTypes, str, str, str | None], metric: CachingMetric) -> None:
        """Let further samples without dimensions of their own take the short way."""
        metric_type, name, unit, _ = key
        if metric.unit == spelled(unit) and metric.dimension_names == _OURS:
            series = metric.recorded.series_of(ours := self._pairs(name, None, ""))
            if series is not None:
                self._known[key] = INSTRUMENTS[metric_type](self, metric, ours, series)

    def _keep(
        self,
        name: str,
        value: object,
        unit: str,
        request_id: str | None,
        dimensions: Iterable[Dimension] | None,
        metric_type: MetricTypes,
    ) -> CachingMetric:
        pairs = self._pairs(name, dimensions, request_id)
        try:
            metric = self.cache[metric_type][name]
        except KeyError:
            names = [each for each, _ in pairs]
            metric = self.add_metric_to_cache(name, unit, names, metric_type)
        metric.keep(value, pairs, request_id, spelled(unit))
        return metric

    def _request_id(self, idx: int | None) -> str | None:
        """The id of request *idx*, those of all requests when None; None when there is none."""
        return request_id_of(self.ids_of_batch(), idx)

    def _pairs(
        self, name: str, dimensions: Iterable[Dimension] | None, request_id: str | None
    ) -> Dimensions:
        """The sample's dimensions; the caller's list is left as it is."""
        ours: Dimensions = (("Level", "Error"),)
        if request_id is not None:
            ours = (("ModelName", str(self.model_name)), ("Level", "Model"))
        if not dimensions:
            return ours
        try:
            given = tuple((str(each.name), str(each.value)) for each in dimensions)
        except (AttributeError, TypeError) as error:
            raise MetricTypeError(
                f"metric {name}: dimensions must be a list of Dimension(name, value), "
                f"not {dimensions!r}"
            ) from error
        named = {each for each, _ in given}
        return given + tuple(pair for pair in ours if pair[0] not in named)


def _declares(given: tuple[object, ...], named: Mapping[str, object]) -> bool:
    """Whether these arguments of `add_metric` declare a metric: no value is among them."""
    if named.keys() & {"metric_name", "dimension_names"}:
        return True
    if named.keys() & {"name", "value", "idx", "dimensions"}:
        return False
    if len(given) == 1:
        return "unit" in named
    has_value = not isinstance(given[1], str) if len(given) > 1 else True
    has_unit = "unit" in named or (len(given) > 2 and isinstance(given[2], str))  # noqa: PLR2004 - the third argument
    return not has_value and not has_unit


def _check_unit(name: str, unit: object, units: tuple[str, ...]) -> None:
    if unit not in units:
        raise MetricValueError(f"metric {name}: the unit must be one of {units}, not {unit!r}")


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return False
    try:
        number_of(value, MetricTypes.GAUGE)
    except MetricTypeError:
        return False
    except MetricValueError:
        return True
    return True
