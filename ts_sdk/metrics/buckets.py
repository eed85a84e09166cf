"""Buckets of histograms: those that suit a unit, and what can be one."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ts_sdk.metrics.errors import MetricTypeError, MetricValueError

_TIMES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000)
_FEW = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000)

_OF_UNIT: Mapping[str, tuple[float, ...]] = {
    "Microseconds": tuple(1000 * each for each in (0.01, 0.1, *_TIMES)),
    "Milliseconds": (0.1, 0.2, 0.5, *_TIMES),
    "Seconds": tuple(each / 1000 for each in _TIMES),
    "Percent": (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100),
    "Bytes": tuple(1 << power for power in range(8, 34, 2)),
    "Kilobytes": tuple(1 << power for power in range(0, 24, 2)),
    "Megabytes": tuple(1 << power for power in range(18)),
    "Gigabytes": (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256),
    "Count": (0, *(1 << power for power in range(17))),
}


def buckets_for(unit: str) -> tuple[float, ...]:
    """Upper bounds that suit values in *unit*, spelled out; infinity is left out."""
    return _OF_UNIT.get(unit, (0.001, 0.01, 0.1, *_FEW))


def checked_buckets(name: str, buckets: Sequence[float]) -> tuple[float, ...]:
    """*buckets* of metric *name*, as upper bounds without infinity.

    Raises:
        MetricTypeError: They are no numbers.
        MetricValueError: There are none, or they do not rise.
    """
    try:
        bounds = tuple(float(each) for each in buckets)
    except (TypeError, ValueError) as error:
        raise MetricTypeError(
            f"metric {name}: buckets must be a list of numbers, not {buckets!r}"
        ) from error
    finite = bounds[:-1] if bounds and bounds[-1] == math.inf else bounds
    rises = all(low < high for low, high in pairwise(finite))
    if not finite or not rises or not all(map(math.isfinite, finite)):
        raise MetricValueError(
            f"metric {name}: buckets are upper bounds, each greater than the one before, not "
            f"{buckets!r}"
        )
    return finite
