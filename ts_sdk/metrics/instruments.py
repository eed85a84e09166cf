"""`Counter`, `Gauge`, `Histogram`: one metric with its dimensions, ready to be recorded under."""

import math
import time
from typing import TYPE_CHECKING, ClassVar

from ts_sdk.metrics.errors import MetricError, MetricTypeError, MetricValueError
from ts_sdk.metrics.request_ids import request_id_of
from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample, number_of

if TYPE_CHECKING:
    from ts_sdk.metrics.caching_metric import CachingMetric
    from ts_sdk.metrics.measuring import Measuring
    from ts_sdk.metrics.views import Series


class Instrument:
    """Records values under one name and one set of dimensions; `Measuring` makes it.

    Args:
        metrics: Whose metric it is.
        metric: The metric.
        dimensions: Names and values.
        series: What is recorded with them.
    """

    __slots__ = (
        "_buckets",
        "_dimensions",
        "_metric",
        "_metrics",
        "_named",
        "_recorded",
        "_series",
        "_unit",
        "name",
    )

    type: ClassVar[MetricTypes]
    _least: ClassVar[float] = -math.inf

    def __init__(
        self,
        metrics: "Measuring",
        metric: "CachingMetric",
        dimensions: Dimensions,
        series: "Series",
    ) -> None:
        self.name = metric.metric_name
        self._metrics = metrics
        self._metric = metric
        self._recorded = metric.recorded
        self._unit = metric.unit
        self._buckets = metric.recorded.bounds or None
        self._dimensions = dimensions
        self._series = series
        self._named = metrics.cache[self.type]

    @property
    def is_current(self) -> bool:
        """Whether the metric was not declared anew since."""
        return self._named[self.name] is self._metric

    def count_in(self, value: object, idx: int | None) -> bool:
        """Record *value* if it is a plain number about a request; returns whether it did."""
        kind = type(value)
        if (kind is not int and kind is not float) or not self._least <= value < math.inf:  # type: ignore[operator]
            return False
        ids = self._metrics.ids_of_batch()
        if ids is None or self._named[self.name] is not self._metric:
            return False
        self._take(value, ids, idx)  # type: ignore[arg-type]
        return True

    def _record(self, value: float, idx: int | None) -> None:
        kind = type(value)
        if (kind is not int and kind is not float) or not self._least <= value < math.inf:
            value = self._checked(value)
        ids = self._metrics.ids_of_batch()
        if idx is not None:
            self._check_index(ids, idx)
        if self._named[self.name] is self._metric:
            self._take(value, ids, idx)
        else:
            self._metrics.record(self._sample(value, ids, idx, time.time()))

    def _take(self, value: float, ids: object, idx: int | None) -> None:
        """Record *value*, the metric being the one of this name."""
        now = time.time()
        self._recorded.count(self._series, value, (value, self._dimensions, ids, idx, now))
        # No sample where nobody wants one: a counter is called in handlers' loops.
        delivery = self._metrics.delivery
        if delivery.wants(self.type):
            delivery.hand_on(self._sample(value, ids, idx, now))

    def _sample(self, value: float, ids: object, idx: int | None, timestamp: float) -> Sample:
        return Sample(
            self.name,
            value,
            self._unit,
            self.type,
            self._dimensions,
            request_id_of(ids, idx) or "",
            timestamp,
            self._buckets,
        )

    def _checked(self, value: object) -> float:
        """*value* as a number.

        Raises:
            MetricTypeError: It is none.
            MetricValueError: It is not finite, or it is negative and this is a counter.
        """
        if isinstance(value, str):
            raise MetricTypeError(f"metric {self.name}: the text {value!r} is no number")
        try:
            return number_of(value, self.type)
        except MetricError as error:
            raise type(error)(
                f"metric {self.name}: {value!r} cannot be recorded: {error}"
            ) from error

    def _check_index(self, ids: object, idx: int) -> None:
        known = range(len(ids)) if isinstance(ids, list | tuple) else ids
        if isinstance(known, dict | range) and idx not in known:
            raise MetricValueError(
                f"metric {self.name}: there is no request {idx}; the batch has {len(known)}, "
                "counted from 0"
            )

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self._dimensions)
        return f"<{type(self).__name__} {self.name!r} of {shown or 'no dimensions'}>"


class Counter(Instrument):
    """A metric whose values are added up."""

    __slots__ = ()

    type = MetricTypes.COUNTER
    _least = 0

    def inc(self, amount: float = 1, *, idx: int | None = None) -> None:
        """Add *amount*.

        Args:
            amount: 0 or more, finite.
            idx: Position in the batch of the request that it is about; all of them when None.

        Raises:
            MetricTypeError: It is no number.
            MetricValueError: It is negative or not finite, or there is no request *idx*.
        """
        self._record(amount, idx)


class Gauge(Instrument):
    """A metric whose values replace each other."""

    __slots__ = ()

    type = MetricTypes.GAUGE

    def set(self, value: float, *, idx: int | None = None) -> None:
        """Record *value*, which is finite; otherwise as `Counter.inc`."""
        self._record(value, idx)


class Histogram(Instrument):
    """A metric whose values are counted by size."""

    __slots__ = ()

    type = MetricTypes.HISTOGRAM

    def observe(self, value: float, *, idx: int | None = None) -> None:
        """Count *value*, which is finite, into its bucket; otherwise as `Counter.inc`."""
        self._record(value, idx)


INSTRUMENTS = {each.type: each for each in (Counter, Gauge, Histogram)}
"""Type → the class for it."""
