"""`Source`: what has metrics of its own, shown beside those that are recorded."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from ts_sdk.metrics.sample import MetricTypes
from ts_sdk.metrics.views import MetricView


class Source(Protocol):
    """Adds up or measures by itself, without a sample each time."""

    @property
    def metrics(self) -> Mapping[str, tuple[MetricTypes, str]]:
        """Name → type and unit, spelled out, of all that there may be."""

    def views(self) -> Iterable[MetricView]:
        """Those that have something to show, as they stand now."""
