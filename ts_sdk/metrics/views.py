"""What is kept of a metric's samples, and how it is read."""

import math
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from ts_sdk.metrics.request_ids import request_id_of
from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample

Unread = tuple[float, Dimensions, object, int | None, float]
"""A sample before somebody reads it: value, dimensions, ids, position in the batch, time."""

RECENT_SAMPLES = 256
"""How many of a metric's latest samples are kept whole."""

MOST_SERIES = 1000
"""How many sets of dimensions of one metric are told apart."""

OVERFLOW: Dimensions = (("overflow", "true"),)
"""Dimensions of the series that takes the samples of all further sets."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What some samples come to.

    Attributes:
        type: The metric's type.
        count: How many there were.
        sum: Their values together.
        last: The value of the latest, None when there was none.
        buckets: Of a histogram, upper bound → how many were no greater; the last bound is infinite.
            Empty for other types.
    """

    type: MetricTypes
    count: int
    sum: float
    last: float | None
    buckets: Mapping[float, int] = field(default_factory=dict)

    @property
    def value(self) -> float | None:
        """A counter's sum; the latest value of a gauge or a histogram, None without a sample."""
        return self.sum if self.type is MetricTypes.COUNTER else self.last


@dataclass(frozen=True, kw_only=True)
class MetricView(Totals):
    """A metric as it stood when it was looked up; its totals are exact.

    Attributes:
        name: Its name.
        unit: Its unit, spelled out.
        series: Dimensions → totals of the samples that had them. A set of dimensions beyond the
            first `MOST_SERIES` counts in the series `OVERFLOW`.
        samples: The latest `RECENT_SAMPLES` samples, oldest first.
    """

    name: str
    unit: str
    series: Mapping[Dimensions, Totals]
    samples: tuple[Sample, ...]

    def in_samples(self) -> Iterator[Sample]:
        """`samples`, before them one for each series of a counter that stands for older ones."""
        if self.type is MetricTypes.COUNTER and self.count > len(self.samples):
            for dimensions, totals in self.series.items():
                kept = [each.value for each in self.samples if each.dimensions == dimensions]
                if totals.count > len(kept):
                    rest = totals.sum - sum(kept)
                    yield Sample(self.name, rest, self.unit, self.type, dimensions)
        yield from self.samples


class Recorded:
    """What one metric has recorded; safe with threads, and of bounded size.

    Args:
        bounds: Upper bounds of a histogram's buckets, rising; empty for other types.
    """

    def __init__(self, bounds: Sequence[float] = ()) -> None:
        self.bounds = tuple(bounds)
        self._lock = threading.Lock()
        self._series: dict[Dimensions, Series] = {}
        self._recent: deque[Sample | Unread] = deque(maxlen=RECENT_SAMPLES)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was recorded."""
        return not self._recent

    def add(self, sample: Sample) -> None:
        """Count *sample* in."""
        with self._lock:
            self._recent.append(sample)
            self._grown(sample.dimensions).add(sample.value)

    def add_number(self, value: float, dimensions: Dimensions, request_id: str | None) -> None:
        """Count *value* in, of which a `Sample` is made when somebody reads it."""
        unread = (value, dimensions, request_id, None, time.time())
        with self._lock:
            self._recent.append(unread)
            self._grown(dimensions).add(value)

    def count(self, series: "Series", value: float, unread: Unread) -> None:
        """Count *value* in, of which a `Sample` is made when somebody reads it.

        Args:
            series: The series of its dimensions.
            value: A number.
            unread: The same, and what else the sample is made of.
        """
        with self._lock:
            self._recent.append(unread)
            series.count += 1
            series.sum += value
            series.last = value
            if self.bounds:
                series.counts[bisect_left(self.bounds, value)] += 1

    def series_of(self, dimensions: Dimensions) -> "Series | None":
        """The series of *dimensions*; None when they would be more than `MOST_SERIES`."""
        with self._lock:
            series = self._series.get(dimensions)
            if series is None and len(self._series) < MOST_SERIES:
                series = self._series[dimensions] = Series(self.bounds)
            return series

    def _grown(self, dimensions: Dimensions) -> "Series":
        """The series of *dimensions*, or that which takes what is too much."""
        series = self._series.get(dimensions)
        if series is None:
            kept = OVERFLOW if len(self._series) >= MOST_SERIES else dimensions
            series = self._series.setdefault(kept, Series(self.bounds))
        return series

    def view(
        self, name: str, unit: str, metric_type: MetricTypes, *, with_samples: bool = True
    ) -> MetricView:
        """All of it, as it stands now."""
        with self._lock:
            series = {
                dimensions: kept.totals(metric_type)
                for dimensions, kept in self._series.items()
                if kept.count
            }
            recent = tuple(self._recent) if with_samples else ()
            latest = self._recent[-1] if self._recent else None
        last = latest.value if isinstance(latest, Sample) else latest and latest[0]
        return MetricView(
            name=name,
            unit=unit,
            **vars(together(metric_type, series.values(), last)),
            series=series,
            samples=tuple(
                each if isinstance(each, Sample) else self._read(each, name, unit, metric_type)
                for each in recent
            ),
        )

    def _read(self, unread: Unread, name: str, unit: str, metric_type: MetricTypes) -> Sample:
        value, dimensions, ids, idx, timestamp = unread
        request_id = request_id_of(ids, idx) or ""
        bounds = self.bounds or None
        return Sample(
            name, value, unit, metric_type, dimensions, request_id, timestamp, buckets=bounds
        )


class Series:
    """The samples of one set of dimensions while they grow.

    Args:
        bounds: Upper bounds of a histogram's buckets, rising.
    """

    __slots__ = ("bounds", "count", "counts", "last", "sum")

    def __init__(self, bounds: tuple[float, ...] = ()) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.sum: float = 0
        self.last: float | None = None

    def add(self, value: float) -> None:
        """Count *value* in; whoever calls this holds the lock."""
        self.count += 1
        self.sum += value
        self.last = value
        if self.bounds:
            self.counts[bisect_left(self.bounds, value)] += 1

    def totals(self, metric_type: MetricTypes) -> Totals:
        """What they come to."""
        bounds = (*self.bounds, math.inf) if self.bounds else ()
        return Totals(
            type=metric_type,
            count=self.count,
            sum=self.sum,
            last=self.last,
            buckets=dict(zip(bounds, accumulate(self.counts), strict=False)),
        )


def together(metric_type: MetricTypes, totals: Iterable[Totals], last: float | None) -> Totals:
    """*totals*, which have the same buckets, as one.

    Args:
        metric_type: Their type.
        totals: Those of several series.
        last: The value of the latest sample of all.
    """
    each = tuple(totals)
    buckets: dict[float, int] = {}
    for one in each:
        for bound, count in one.buckets.items():
            buckets[bound] = buckets.get(bound, 0) + count
    return Totals(
        type=metric_type,
        count=sum(one.count for one in each),
        sum=sum(one.sum for one in each),
        last=last,
        buckets=buckets,
    )
