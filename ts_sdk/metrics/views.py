"""What is kept of a metric's samples, and how it is read."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample

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
    """

    type: MetricTypes
    count: int
    sum: float
    last: float | None

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


class Recorded:
    """What one metric has recorded; safe with threads, and of bounded size."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[Dimensions, _Sum] = {}
        self._recent: deque[Sample] = deque(maxlen=RECENT_SAMPLES)

    def add(self, sample: Sample) -> None:
        """Count *sample* in."""
        with self._lock:
            self._recent.append(sample)
            series = self._series.get(sample.dimensions)
            if series is None:
                full = len(self._series) >= MOST_SERIES
                series = self._series.setdefault(OVERFLOW if full else sample.dimensions, _Sum())
            series.count += 1
            series.sum += sample.value
            series.last = sample.value

    def view(self, name: str, unit: str, metric_type: MetricTypes) -> MetricView:
        """All of it, as it stands now."""
        with self._lock:
            series = {
                dimensions: Totals(type=metric_type, count=kept.count, sum=kept.sum, last=kept.last)
                for dimensions, kept in self._series.items()
            }
            samples = tuple(self._recent)
        return MetricView(
            name=name,
            unit=unit,
            type=metric_type,
            count=sum(each.count for each in series.values()),
            sum=sum(each.sum for each in series.values()),
            last=samples[-1].value if samples else None,
            series=series,
            samples=samples,
        )


class _Sum:
    """A series while it grows."""

    __slots__ = ("count", "last", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum: float = 0
        self.last: float | None = None
