"""`MetricsStore`: the store of releases up to 0.6.0, which test contexts still hand to handlers."""

from ts_sdk.metrics.dimension import Dimension
from ts_sdk.metrics.metric import Metric
from ts_sdk.metrics.registry import Metrics
from ts_sdk.metrics.sample import MetricTypes, Sample


class MetricsStore(Metrics):
    """Metrics that also list what was recorded in `store`.

    It grows with every request id and every set of dimensions, so it lives as long as one batch or
    one test.

    Args:
        request_ids: Index → id, or one id for all.
        model_name: Value of the dimension ``ModelName``.

    Attributes:
        store: One `Metric` for each name, unit, request and set of dimensions.
    """

    def __init__(self, request_ids: object, model_name: str | None) -> None:
        super().__init__(model_name)
        self.request_ids = request_ids
        self._stored: dict[tuple[object, ...], Metric] = {}
        self.add_sink(self._list)

    def _list(self, sample: Sample) -> None:
        key = (sample.name, sample.unit, sample.request_id, sample.dimensions)
        with self._lock:
            metric = self._stored.get(key)
            if metric is None:
                self._stored[key] = _metric_of(sample)
                self.store.append(self._stored[key])
            else:
                metric.count_in(sample.value)


def _metric_of(sample: Sample) -> Metric:
    dimensions = [Dimension(name, value) for name, value in sample.dimensions]
    method = "counter" if sample.type is MetricTypes.COUNTER else None
    request_id = sample.request_id or None
    return Metric(sample.name, sample.value, sample.unit, dimensions, request_id, method)
