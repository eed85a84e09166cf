"""`Metric`: a value with its name, as TorchServe's old store lists them, and its JSON encoder."""

import json
import socket
import time
from collections.abc import Sequence

from ts_sdk.metrics.caching_metric import CachingMetric
from ts_sdk.metrics.dimension import Dimension
from ts_sdk.metrics.sample import MetricTypes


class Metric:
    """One value of one metric, which `update` carries on.

    Args:
        name: Its name.
        value: Its first value.
        unit: Its unit.
        dimensions: Its dimensions.
        request_id: The request that it is about.
        metric_method: ``"counter"`` when updates add up; otherwise they replace the value.
    """

    def __init__(
        self,
        name: str,
        value: float,
        unit: str | None,
        dimensions: Sequence[Dimension],
        request_id: str | None = None,
        metric_method: str | None = None,
    ) -> None:
        self.metric_type = MetricTypes.COUNTER
        self.dimensions = dimensions
        self.dimension_names = [dimension.name for dimension in dimensions]
        self.dimension_values = [dimension.value for dimension in dimensions]
        self.name = name
        self.value = value
        self.request_id = request_id
        self.metric_method = metric_method
        self._metric = CachingMetric(name, unit, self.dimension_names, self.metric_type)
        self.unit = self._metric.unit

    def update(self, value: float) -> None:
        """Count *value* in, and record it."""
        self.count_in(value)
        self._metric.add_or_update(value, self.dimension_values, self.request_id)

    def reset(self) -> None:
        """Set the value to 0, and record that."""
        self.value = 0
        self._metric.add_or_update(0, self.dimension_values, self.request_id)

    def count_in(self, value: float) -> None:
        """Let *value* add to the value, or replace it."""
        self.value = self.value + value if self.metric_method == "counter" else value

    def to_dict(self) -> dict[str, object]:
        """The same with TorchServe's keys, for JSON."""
        return {
            "MetricName": self.name,
            "Value": self.value,
            "Unit": self.unit,
            "Dimensions": self.dimensions,
            "Timestamp": int(time.time()),
            "HostName": socket.gethostname(),
            "RequestId": self.request_id,
        }

    def __str__(self) -> str:
        dimensions = ",".join(map(str, self.dimensions))
        line = (
            f"{self.name}.{self.unit}:{self.value}|#{dimensions}"
            f"|#hostname:{socket.gethostname()},{int(time.time())}"
        )
        return f"{line},{self.request_id}" if self.request_id else line


class MetricEncoder(json.JSONEncoder):
    """Writes `Metric` and `Dimension` objects as JSON: ``json.dumps(..., cls=MetricEncoder)``."""

    def default(self, o: object) -> object:
        """What stands for *o*."""
        return o.to_dict() if isinstance(o, Metric | Dimension) else super().default(o)
