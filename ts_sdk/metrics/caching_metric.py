"""`CachingMetric`: one metric, as `Metrics.add_metric_to_cache` and `get_metric` return it."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ts_sdk.metrics.buckets import buckets_for
from ts_sdk.metrics.dimension import Dimension
from ts_sdk.metrics.errors import MetricError
from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample, number_of
from ts_sdk.metrics.sinks import LogLines
from ts_sdk.metrics.units import converted, spelled
from ts_sdk.metrics.views import MetricView, Recorded

_logger = logging.getLogger(__name__)


class CachingMetric:
    """A metric, its names, and what was recorded under them.

    What cannot be recorded is logged as an error and costs no request its answer, as in TorchServe.

    Args:
        metric_name: Its name.
        unit: Its unit; ``ms``, ``s``, ``percent``, ``count``, ``B``, ``kB``, ``MB`` and ``GB`` are
            spelled out.
        dimension_names: Names of its dimensions, in the order in which they are shown.
        metric_type: Its type.
        record: Who takes its samples; without it they become log lines.
        recorded: What is recorded under its name already.
        wants_samples: Whether somebody needs this metric's samples at once; always, when None.
    """

    def __init__(
        self,
        metric_name: str,
        unit: str | None,
        dimension_names: Sequence[str] | None = None,
        metric_type: MetricTypes = MetricTypes.COUNTER,
        *,
        record: Callable[[Sample], None] | None = None,
        recorded: Recorded | None = None,
        wants_samples: "Callable[[CachingMetric], bool] | None" = None,
    ) -> None:
        self.metric_name = metric_name
        self.unit = spelled(unit)
        self.dimension_names = list(dimension_names or ())
        self.metric_type = metric_type
        buckets = buckets_for(self.unit) if metric_type is MetricTypes.HISTOGRAM else ()
        self.recorded = recorded or Recorded(buckets)
        self._record = record or self._record_alone
        self._wants_samples = wants_samples or (lambda _: True)
        self._told_of_dimensions = False

    def add_or_update(
        self,
        value: object,
        dimension_values: Sequence[object] = (),
        request_id: str | None = "",
    ) -> None:
        """Record a value.

        Args:
            value: A number; one of a counter is not negative.
            dimension_values: One value for each of `dimension_names`.
            request_id: The request that it is about, if any.
        """
        names, values = self.dimension_names, list(dimension_values or ())
        if len(values) != len(names):
            self._refuse(
                value, f"{len(values)} dimension values were given for {len(names)} names, {names}"
            )
            return
        self.keep(value, tuple(zip(names, map(str, values), strict=True)), request_id)

    def update(
        self, value: object, request_id: str | None = "", dimensions: Iterable[Dimension] = ()
    ) -> None:
        """Record a value under other dimensions, which are the metric's from then on."""
        given = list(dimensions)
        self.dimension_names = [dimension.name for dimension in given]
        self.add_or_update(value, [dimension.value for dimension in given], request_id)

    def keep(
        self,
        value: object,
        dimensions: Dimensions,
        request_id: str | None = "",
        unit: str | None = None,
    ) -> None:
        """Record a value whose dimensions have names of their own.

        Args:
            value: A number.
            dimensions: Names and values.
            request_id: The request that it is about, if any.
            unit: The value's unit, spelled out; the metric's when None.
        """
        try:
            number = number_of(value, self.metric_type)
        except MetricError as error:
            self._refuse(value, str(error))
            return
        unit = unit or self.unit
        if (
            unit == self.unit
            and [name for name, _ in dimensions] == self.dimension_names
            and not self._wants_samples(self)
        ):
            self.recorded.add_number(number, dimensions, request_id)
            return
        self._record(
            Sample(
                self.metric_name,
                number,
                unit,
                self.metric_type,
                dimensions,
                request_id or "",
                time.time(),
            )
        )

    def fitted(self, sample: Sample) -> Sample:
        """*sample* in this metric's unit, its dimensions in the order of `dimension_names`."""
        if sample.unit != self.unit:
            value = converted(sample.value, sample.unit, self.unit)
            sample = replace(sample, value=value, unit=self.unit)
        names = [name for name, _ in sample.dimensions]
        if names == self.dimension_names:
            return sample
        if sorted(names) != sorted(self.dimension_names):
            self._tell_of(names)
            return sample
        ordered = sorted(sample.dimensions, key=lambda pair: self.dimension_names.index(pair[0]))
        return replace(sample, dimensions=tuple(ordered))

    def view(self, *, samples: bool = True) -> MetricView:
        """What was recorded, as it stands now; without the latest samples it is read sooner."""
        return self.recorded.view(
            self.metric_name, self.unit, self.metric_type, with_samples=samples
        )

    def _record_alone(self, sample: Sample) -> None:
        self.recorded.add(sample)
        LogLines().emit(sample)

    def _refuse(self, value: object, why: str) -> None:
        _logger.error("metric %s: %r was not recorded: %s", self.metric_name, value, why)

    def _tell_of(self, names: list[str]) -> None:
        if not self._told_of_dimensions:
            self._told_of_dimensions = True
            _logger.warning(
                "metric %s has the dimensions %s, and a sample came with %s: it is kept with its "
                "own, but TorchServe and Prometheus want the same ones each time",
                self.metric_name,
                self.dimension_names,
                names,
            )

    def __repr__(self) -> str:
        kind = self.metric_type.value
        return f"<CachingMetric {self.metric_name!r}, a {kind} in {self.unit}>"
