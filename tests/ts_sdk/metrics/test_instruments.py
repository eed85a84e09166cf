"""Counters, gauges and histograms by name; what is wrong is an error at the call."""

import gc
import logging
import math
import threading
import weakref

import numpy as np
import pytest

from ts_sdk.batch import Batch, handling
from ts_sdk.context import Context
from ts_sdk.metrics import (
    Dimension,
    Metrics,
    MetricTypeError,
    MetricTypes,
    MetricValueError,
)
from ts_sdk.metrics.views import MOST_SERIES

OURS = (("ModelName", "cat"), ("Level", "Model"))


@pytest.fixture
def metrics():
    return Metrics("cat", sinks=[])


@pytest.fixture
def running(metrics):
    """A running batch of two requests."""
    context = Context("cat", "/cat", {}, 2, None, "0.12.0", metrics=metrics)
    view = context.for_batch([{}, {}], ["first", "second"])
    with handling(Batch(2, view)):
        yield


def test_a_counter_adds_up(metrics):
    metrics.counter("Cats").inc()
    metrics.counter("Cats").inc(2.5)
    view = metrics["Cats"]
    assert (view.value, view.count, view.unit, view.type) == (3.5, 2, "Count", MetricTypes.COUNTER)
    assert list(view.series) == [OURS]


def test_a_gauge_keeps_the_latest(metrics):
    metrics.gauge("Purrs", unit="ms").set(25)
    metrics.gauge("Purrs", unit="Milliseconds").set(-3)
    assert (metrics["Purrs"].value, metrics["Purrs"].unit) == (-3, "Milliseconds")


def test_a_histogram_counts_by_size(metrics):
    boxes = metrics.histogram("Boxes", buckets=[1, 5])
    for value in (0, 1, 2, 5, 6):
        boxes.observe(value)
    view = metrics["Boxes"]
    assert view.buckets == {1: 2, 5: 4, math.inf: 5}
    assert (view.sum, view.count, view.value) == (14, 5, 6)


def test_each_set_of_dimensions_is_counted_apart(metrics):
    metrics.counter("Cats", dimensions={"kind": "tabby"}).inc()
    metrics.counter("Cats", dimensions={"kind": "siamese"}).inc(2)
    metrics.counter("Cats", dimensions={"kind": "tabby"}).inc(3)
    values = {dict(place)["kind"]: totals.value for place, totals in metrics["Cats"].series.items()}
    assert values == {"tabby": 4, "siamese": 2}


def test_a_sample_is_about_all_requests_of_the_batch_or_about_one(metrics, running):
    cats = metrics.counter("Cats")
    cats.inc()
    cats.inc(idx=1)
    assert [each.request_id for each in metrics["Cats"].samples] == ["first,second", "second"]


def test_sinks_get_the_samples_that_are_kept(metrics, running):
    taken = []
    metrics.histogram("Boxes", buckets=[1, 5]).observe(3, idx=0)
    metrics.add_sink(taken.append)
    metrics.histogram("Boxes").observe(3, idx=0)
    before, after = metrics["Boxes"].samples
    assert taken == [after]
    assert (before.request_id, before.dimensions, before.buckets) == (
        after.request_id,
        after.dimensions,
        after.buckets,
    )
    assert after.buckets == (1, 5)


def test_both_faces_record_the_same(running):
    old, new = Metrics("cat"), Metrics("cat")
    old.add_counter("Cats", 2, None, [Dimension("kind", "tabby")])
    new.counter("Cats", dimensions={"kind": "tabby"}).inc(2)
    assert old["Cats"].series == new["Cats"].series
    assert old["Cats"].samples[0].request_id == new["Cats"].samples[0].request_id
    new.add_counter("Cats", 1, None, [Dimension("kind", "tabby")])
    assert new["Cats"].value == 3


def test_log_lines_are_those_of_the_old_calls(caplog, running):
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    Metrics("cat").add_counter("Cats", 2, 0, [Dimension("kind", "tabby")])
    Metrics("cat").counter("Cats", dimensions={"kind": "tabby"}).inc(2, idx=0)
    old, new = [line.rsplit(",", 2) for line in caplog.messages]
    assert (old[0], old[2]) == (new[0], new[2])


def test_numbers_of_numpy_are_numbers(metrics):
    metrics.gauge("Score").set(np.float32(0.5))
    metrics.counter("Cats").inc(np.int64(3))
    assert (metrics["Score"].value, metrics["Cats"].value) == (0.5, 3)


def test_a_kept_counter_goes_on_after_its_metric_got_another_unit(metrics, caplog):
    wait = metrics.counter("Wait", unit="ms")
    wait.inc(1000)
    metrics.add_metric_to_cache("Wait", "s", ["ModelName", "Level"])
    wait.inc(500)
    assert (metrics["Wait"].value, metrics["Wait"].unit) == (0.5, "Seconds")


def test_what_a_batch_holds_is_not_kept_by_its_samples(metrics):
    class Value:
        """What can be referred to weakly."""

    value = Value()
    gone = weakref.ref(value)
    context = Context("cat", "/cat", {}, 1, None, "0.12.0", metrics=metrics)
    with handling(Batch(1, context.for_batch([{"big": value}], ["first"]))):
        metrics.counter("Cats").inc()
    del context, value
    gc.collect()
    assert gone() is None
    assert metrics["Cats"].samples[0].request_id == "first"


class TestDeclared:
    @pytest.fixture(autouse=True)
    def declared(self, metrics):
        metrics.add_metric_to_cache("Purrs", "Hz", ["colour"], MetricTypes.GAUGE)

    def test_a_metric_keeps_its_own_unit_and_dimensions(self, metrics):
        metrics.gauge("Purrs", dimensions={"colour": "grey"}).set(25)
        metrics.gauge("Purrs", unit="Hz", dimensions={"colour": "grey"}).set(26)
        assert metrics["Purrs"].unit == "Hz"
        assert list(metrics["Purrs"].series) == [(("colour", "grey"),)]

    def test_another_unit_or_dimension_is_an_error(self, metrics):
        with pytest.raises(MetricValueError, match="metric Purrs: it is in Hz, not in 'ms'"):
            metrics.gauge("Purrs", unit="ms", dimensions={"colour": "grey"})
        with pytest.raises(MetricValueError, match=r"Purrs.*\['colour'\], and \[\] were given"):
            metrics.gauge("Purrs")


class TestWrongUse:
    @pytest.mark.parametrize(
        ("value", "error"),
        [
            (-1, MetricValueError),
            (float("nan"), MetricValueError),
            (math.inf, MetricValueError),
            ("3", MetricTypeError),
            (None, MetricTypeError),
            ([1, 2], MetricTypeError),
        ],
    )
    def test_of_a_value_is_an_error_that_names_the_metric(self, metrics, value, error):
        with pytest.raises(error, match="metric Cats"):
            metrics.counter("Cats").inc(value)
        assert metrics["Cats"].count == 0

    @pytest.mark.parametrize("kind", ["gauge", "histogram"])
    def test_of_nan_is_an_error_for_every_type(self, metrics, kind):
        instrument = getattr(metrics, kind)("Purrs")
        record = instrument.set if kind == "gauge" else instrument.observe
        with pytest.raises(MetricValueError, match="metric Purrs: nan"):
            record(math.nan)

    def test_of_a_unit_is_an_error(self, metrics):
        with pytest.raises(MetricValueError, match="metric Cats: the unit 'furlongs' is not known"):
            metrics.counter("Cats", unit="furlongs")
        assert "Cats" not in metrics

    def test_of_another_type_is_an_error(self, metrics):
        metrics.counter("Cats")
        with pytest.raises(MetricTypeError, match="metric Cats: it is a counter, no gauge"):
            metrics.gauge("Cats")

    @pytest.mark.parametrize("dimensions", [None, {"colour": "grey"}, {"kind": 1, "colour": 2}])
    def test_of_other_dimensions_is_an_error(self, metrics, dimensions):
        metrics.counter("Cats", dimensions={"kind": "tabby"}).inc()
        with pytest.raises(MetricValueError, match=r"metric Cats: it has the dimensions \['kind'"):
            metrics.counter("Cats", dimensions=dimensions)

    def test_of_the_list_of_the_old_calls_is_an_error(self, metrics):
        with pytest.raises(MetricTypeError, match="metric Cats: dimensions must be a dict"):
            metrics.counter("Cats", dimensions=[Dimension("kind", "tabby")])

    def test_of_too_many_values_of_a_dimension_is_an_error(self, metrics):
        for number in range(MOST_SERIES):
            metrics.counter("Files", dimensions={"name": number}).inc()
        with pytest.raises(MetricValueError, match=r"metric Files: \{'name': 'more'\} would be"):
            metrics.counter("Files", dimensions={"name": "more"})
        metrics.counter("Files", dimensions={"name": 7}).inc()
        assert metrics["Files"].value == MOST_SERIES + 1

    @pytest.mark.parametrize("buckets", [[], [2, 1], [1, 1], [math.nan], [math.inf]])
    def test_of_buckets_is_an_error(self, metrics, buckets):
        with pytest.raises(MetricValueError, match="metric Boxes: buckets are upper bounds"):
            metrics.histogram("Boxes", buckets=buckets)

    def test_of_other_buckets_than_were_counted_in_is_an_error(self, metrics):
        metrics.histogram("Boxes", buckets=[1, 2])
        metrics.histogram("Boxes", buckets=[1, 5]).observe(3)
        with pytest.raises(MetricValueError, match=r"metric Boxes.*\(1.0, 5.0\), not in \(2.0,\)"):
            metrics.histogram("Boxes", buckets=[2])

    def test_of_a_request_that_is_not_there_is_an_error(self, metrics, running):
        with pytest.raises(MetricValueError, match="metric Cats: there is no request 2; the batch"):
            metrics.counter("Cats").inc(idx=2)

    @pytest.mark.parametrize("name", ["", None, 3])
    def test_of_a_name_is_an_error(self, metrics, name):
        with pytest.raises(MetricTypeError, match="a metric's name must be a text"):
            metrics.counter(name)

    def test_of_a_sink_is_an_error(self, metrics):
        with pytest.raises(MetricTypeError, match="a sink of metrics has a method emit"):
            metrics.add_sink("stdout")


@pytest.mark.parametrize(
    ("unit", "value", "between"),
    [("ms", 12.5, (10, 20)), ("s", 0.0125, (0.01, 0.02)), ("MB", 3, (2, 4)), ("count", 3, (2, 4))],
)
def test_buckets_suit_the_unit(metrics, unit, value, between):
    metrics.histogram("Sizes", unit=unit).observe(value)
    below, above = between
    assert metrics["Sizes"].buckets[below] == 0
    assert metrics["Sizes"].buckets[above] == 1


def test_threads_count_to_an_exact_total(metrics):
    kept = metrics.counter("Cats")

    def count():
        for _ in range(500):
            kept.inc()
            metrics.histogram("Boxes").observe(1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics["Cats"].value == 4000
    assert metrics["Boxes"].buckets[1] == metrics["Boxes"].count == 4000
