"""`Sample`: one value of one metric, ready for sinks and for other processes."""

import enum
import math
import time
from dataclasses import dataclass, field

from ts_sdk.metrics.errors import MetricTypeError, MetricValueError

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are shown."""


class MetricTypes(enum.Enum):
    """What becomes of a metric's samples: they are summed, replace each other, or are observed."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"

    # Enum's own runs in Python, three times for each value that is recorded.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, init=False)
class Sample:
    """One value of one metric.

    Attributes:
        name: The metric's name.
        value: How much.
        unit: Its unit, spelled out.
        type: The metric's type.
        dimensions: Names and values, in the order in which they are shown.
        request_id: The request's id, those of a batch joined by commas, or empty.
        timestamp: When, in seconds since 1970.
        buckets: Upper bounds of a histogram's buckets; None when they are those of its unit.
    """

    name: str
    value: float
    unit: str
    type: MetricTypes
    dimensions: Dimensions = ()
    request_id: str = ""
    timestamp: float = field(default_factory=time.time)
    buckets: tuple[float, ...] | None = None

    # One is made of each value while a sink listens: the dataclass's own takes twice as long.
    def __init__(  # noqa: PLR0917 - its attributes
        self,
        name: str,
        value: float,
        unit: str,
        type: MetricTypes,  # noqa: A002 - as above
        dimensions: Dimensions = (),
        request_id: str = "",
        timestamp: float | None = None,
        buckets: tuple[float, ...] | None = None,
    ) -> None:
        _set_name(self, name)
        _set_value(self, value)
        _set_unit(self, unit)
        _set_type(self, type)
        _set_dimensions(self, dimensions)
        _set_request_id(self, request_id)
        _set_timestamp(self, time.time() if timestamp is None else timestamp)
        _set_buckets(self, buckets)


_set_name, _set_value, _set_unit, _set_type = (
    Sample.__dict__[each].__set__ for each in ("name", "value", "unit", "type")
)
_set_dimensions, _set_request_id, _set_timestamp, _set_buckets = (
    Sample.__dict__[each].__set__ for each in ("dimensions", "request_id", "timestamp", "buckets")
)


def number_of(value: object, metric_type: MetricTypes) -> float:
    """*value* as a sample of *metric_type* holds it.

    Raises:
        MetricTypeError: It is no number.
        MetricValueError: It is not finite, or it is negative and the metric a counter.
    """
    number = value if type(value) is float or type(value) is int else _read(value)
    if not -math.inf < number < math.inf:
        raise MetricValueError(f"{value} is not finite")
    if number < 0 and metric_type is MetricTypes.COUNTER:
        raise MetricValueError("a counter never falls; use a gauge for what goes up and down")
    return number


def _read(value: object) -> float:
    """The number that *value*'s text says: what TorchServe writes of arrays and tensors."""
    if isinstance(value, bool):
        return int(value)
    text = f"{value}"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    raise MetricTypeError(f"a {type(value).__name__} is no number")
