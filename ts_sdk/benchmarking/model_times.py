"""How long the model's handler took for each batch, as its metric `PredictionTime` tells."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from ts_sdk.metrics.sample import MetricTypes
from ts_sdk.tuning.measurement import quantiles_of

if TYPE_CHECKING:
    from ts_sdk.metrics import Metrics
    from ts_sdk.metrics.sample import Sample

_METRIC = "PredictionTime"


@dataclass
class ModelTimes:
    """A sink of metrics that keeps the times of batches, in milliseconds.

    Attributes:
        batches_ms: What came, in order.
    """

    sample_types = frozenset({MetricTypes.GAUGE})
    batches_ms: list[float] = field(default_factory=list)

    def emit(self, sample: "Sample") -> None:
        """Keep *sample* if it is the time of a batch."""
        if sample.name == _METRIC:
            self.batches_ms.append(sample.value)

    @property
    def quantiles_ms(self) -> tuple[float, ...]:
        """The time that 0, 1, ... 100 percent of the batches stay below; empty without batches."""
        return quantiles_of(self.batches_ms)

    @property
    def mean_ms(self) -> float | None:
        """The mean; None without batches."""
        return fmean(self.batches_ms) if self.batches_ms else None


@contextmanager
def model_times(metrics: "Metrics") -> Iterator[ModelTimes]:
    """Watch the batches that run in the block."""
    before = metrics.sinks
    times = ModelTimes()
    metrics.add_sink(times)
    try:
        yield times
    finally:
        metrics.flush()
        metrics.sinks = before
