"""What is read of a model's metrics while requests run."""

from ts_sdk.metrics import Metrics
from ts_sdk.tuning.worker_times import watching


def test_the_times_of_batches_are_kept_and_the_sinks_are_as_before():
    metrics = Metrics("cat")
    before = metrics.sinks
    with watching(metrics) as times:
        metrics.add_time("PredictionTime", 3.5)
        metrics.add_time("HandlerTime", 1.0)
    assert times.model_ms == {"mean": 3.5, "p50": 3.5, "p90": 3.5, "p99": 3.5}
    assert metrics.sinks == before


def test_without_requests_nothing_is_known():
    with watching(Metrics("cat")) as times:
        pass
    assert (times.model_ms, times.waiting_ms, times.worker_ms) == ({}, None, None)
