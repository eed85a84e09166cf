"""Durations of blocks, functions and a handler's methods."""

import asyncio
import time

import pytest

from ts_sdk.batch import Batch, handling
from ts_sdk.context import Context
from ts_sdk.metrics import Metrics, MetricTypeError, MetricTypes, MetricValueError, timed


@pytest.fixture
def metrics():
    return Metrics("cat", sinks=[])


def test_a_block_is_measured(metrics):
    with metrics.time("Decode"):
        time.sleep(0.01)
    view = metrics["Decode"]
    assert (view.count, view.unit, view.type) == (1, "Milliseconds", MetricTypes.HISTOGRAM)
    assert view.value >= 10


def test_a_block_that_raises_is_measured_too(metrics):
    with pytest.raises(KeyError), metrics.time("Decode"):
        raise KeyError
    assert metrics["Decode"].count == 1


def test_each_call_of_a_function_is_measured(metrics):
    @metrics.time("Decode", dimensions={"format": "png"})
    def decode(data, *, size=1):
        """What it does."""
        return data * size

    assert decode("a") + decode("b", size=2) == "abb"
    assert (decode.__name__, decode.__doc__) == ("decode", "What it does.")
    assert metrics["Decode"].count == 2


def test_a_function_that_calls_itself_is_measured_at_each_call(metrics):
    @metrics.time("Depth")
    def down(depth):
        time.sleep(0.005)
        return depth and down(depth - 1)

    down(2)
    inner, _, outer = (sample.value for sample in metrics["Depth"].samples)
    assert inner >= 5
    assert outer >= 15


def test_a_coroutine_is_measured_until_it_returns(metrics):
    @metrics.time("Wait")
    async def wait():
        await asyncio.sleep(0.01)
        return 3

    assert asyncio.run(wait()) == 3
    assert metrics["Wait"].value >= 10


def test_the_unit_is_the_one_asked_for_or_declared(metrics):
    metrics.add_metric_to_cache("Declared", "s", ["ModelName", "Level"], MetricTypes.GAUGE)
    for name, unit in (("Declared", None), ("Fine", "us")):
        with metrics.time(name, unit=unit):
            time.sleep(0.01)
    assert (metrics["Declared"].unit, metrics["Declared"].type.value) == ("Seconds", "gauge")
    assert 0.01 <= metrics["Declared"].value < 10
    assert metrics["Fine"].unit == "Microseconds"
    assert metrics["Fine"].value >= 10_000


def test_what_is_no_duration_cannot_be_measured(metrics):
    metrics.counter("Cats")
    metrics.gauge("Size", unit="MB")
    with pytest.raises(MetricTypeError, match="metric Cats: it is a counter"):
        metrics.time("Cats")
    with pytest.raises(MetricValueError, match="metric Size: a duration is in ms, s or us"):
        metrics.time("Size")
    with pytest.raises(MetricValueError, match=r"metric Decode: a duration .* not in MB"):
        metrics.time("Decode", unit="MB")


def test_a_method_is_measured_in_the_metrics_of_the_running_batch(metrics):
    class Handler:
        @timed("Decode")
        def decode(self, data):
            return data

    assert Handler().decode("a") == "a"
    assert "Decode" not in metrics
    context = Context("cat", "/cat", {}, 1, None, "0.12.0", metrics=metrics)
    with handling(Batch(1, context.for_batch([{}], ["first"]))):
        Handler().decode("b")
    assert metrics["Decode"].count == 1
    assert metrics["Decode"].samples[0].request_id == "first"
