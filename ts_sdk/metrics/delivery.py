"""`Delivery`: which sinks want a sample, and how it gets there."""

import logging
from collections.abc import Callable, Iterable

from ts_sdk.metrics.sample import MetricTypes, Sample
from ts_sdk.metrics.sinks import Sink

_logger = logging.getLogger(__name__)


class Delivery:
    """Hands samples to sinks, of whose trouble a request gets to know nothing.

    Args:
        sinks: What takes each sample.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self.sinks = tuple(sinks)
        self._of_type = {
            each: tuple(sink for sink in self.sinks if each in _types_of(sink))
            for each in MetricTypes
        }
        conditions = [getattr(sink, "is_read", None) for sink in self.sinks]
        always = (sink for sink, is_read in zip(self.sinks, conditions, strict=True) if not is_read)
        self._always = frozenset().union(*map(_types_of, always))
        self._conditions: tuple[Callable[[], bool], ...] = tuple(filter(None, conditions))
        self._failed: set[int] = set()

    def wants(self, metric_type: MetricTypes) -> bool:
        """Whether a sink wants samples of this type now."""
        if metric_type in self._always:
            return True
        for is_read in self._conditions:  # noqa: SIM110 - any() would take three times as long
            if is_read():
                return True
        return False

    def hand_on(self, sample: Sample) -> None:
        """Give *sample* to each sink that wants its type; of each, the first failure is logged."""
        for sink in self._of_type[sample.type]:
            try:
                sink.emit(sample)
            except Exception as error:  # noqa: BLE001 - its trouble must not cost a request its answer
                self._tell(sink, error)

    def _tell(self, sink: Sink, error: Exception) -> None:
        if id(sink) not in self._failed:
            self._failed.add(id(sink))
            _logger.error(
                "the metrics sink %r failed; later failures are not told", sink, exc_info=error
            )


def _types_of(sink: Sink) -> frozenset[MetricTypes]:
    return frozenset(getattr(sink, "sample_types", MetricTypes))
