"""`Metrics`: TorchServe's calls, whose samples are seen at once and never mix."""

import inspect
import logging
import threading
import time
from contextvars import copy_context

import numpy as np
import pytest
import torch

from ts_sdk.batch import Batch, handling
from ts_sdk.context import Context
from ts_sdk.errors import SdkError
from ts_sdk.metrics import (
    CachingMetric,
    Dimension,
    MetricKeyError,
    Metrics,
    MetricTypeError,
    MetricTypes,
    MetricValueError,
)

OF_A_REQUEST = (("ModelName", "cat"), ("Level", "Model"))
GREY = (("Colour", "grey"), *OF_A_REQUEST)


@pytest.fixture
def metrics():
    made = Metrics("cat")
    made.set_request_ids({0: "one", 1: "two"})
    return made


def batch_of(metrics, *ids):
    archive = Context("cat", "/m", {}, len(ids), None, "0.12.0", metrics=metrics)
    return handling(Batch(len(ids), archive.for_batch([{}] * len(ids), ids)))


def test_a_counter_is_the_sum_of_its_samples(metrics):
    metrics.add_counter("Cats", 2)
    metrics.add_counter("Cats", 3, 1)
    view = metrics["Cats"]
    assert (view.value, view.count, view.unit) == (5, 2, "Count")
    assert view.type is MetricTypes.COUNTER
    assert [(each.value, each.request_id) for each in view.samples] == [(2, "one,two"), (3, "two")]


def test_a_gauge_is_its_latest_sample(metrics):
    metrics.add_time("Wait", 3)
    metrics.add_time("Wait", 1.5)
    view = metrics["Wait"]
    assert (view.value, view.count, view.sum, view.unit) == (1.5, 2, 4.5, "Milliseconds")


def test_a_histogram_shows_its_latest_sample_with_count_and_sum(metrics):
    for boxes in (3, 0, 2):
        metrics.add_metric("Boxes", boxes, "boxes", metric_type=MetricTypes.HISTOGRAM)
    view = metrics["Boxes"]
    assert (view.value, view.count, view.sum, view.unit) == (2, 3, 5, "boxes")


def test_series_are_told_apart_by_their_dimensions(metrics):
    metrics.add_counter("Cats", 2, dimensions=[Dimension("Colour", "grey")])
    metrics.add_counter("Cats", 3, dimensions=[Dimension("Colour", "black")])
    metrics.add_counter("Cats", 4, dimensions=[Dimension("Colour", "grey")])
    view = metrics["Cats"]
    assert view.value == 9
    assert {dimensions[0]: each.value for dimensions, each in view.series.items()} == {
        ("Colour", "grey"): 6,
        ("Colour", "black"): 3,
    }
    assert view.series[GREY].count == 2


def test_the_two_times_of_every_model_are_declared_and_have_no_value_yet(metrics):
    assert list(metrics) == ["HandlerTime", "PredictionTime"]
    view = metrics["HandlerTime"]
    assert (view.value, view.count, view.unit) == (None, 0, "Milliseconds")
    assert metrics.cache_keys() == ["gauge:HandlerTime", "gauge:PredictionTime"]


def test_a_counter_without_samples_is_zero(metrics):
    metrics.add_metric_to_cache("Cats", "count")
    assert metrics["Cats"].value == 0


def test_a_name_that_was_never_used_is_not_there(metrics):
    assert "Dogs" not in metrics
    assert metrics.get("Dogs") is None
    with pytest.raises(KeyError):
        _ = metrics["Dogs"]


def test_a_lookup_shows_the_moment_and_a_later_one_what_came_since(metrics):
    metrics.add_counter("Cats", 1)
    before = metrics["Cats"]
    metrics.add_counter("Cats", 1)
    assert (before.value, metrics["Cats"].value) == (1, 2)


def test_a_sample_has_its_time(metrics):
    before = time.time()
    metrics.add_counter("Cats", 1)
    assert before <= metrics["Cats"].samples[0].timestamp <= time.time()


def test_a_callers_dimensions_are_left_as_they_were(metrics):
    colours = [Dimension("Colour", "grey")]
    for add in (metrics.add_counter, metrics.add_time, metrics.add_size, metrics.add_percent):
        add("Cats", 1, dimensions=colours)
    metrics.add_metric("Cats", 1, "cats", 0, colours)
    metrics.add_error("Cats", 1, colours)
    assert colours == [Dimension("Colour", "grey")]


def test_no_model_sees_the_dimensions_of_another():
    for name in ("cat", "dog"):
        metrics = Metrics(name)
        metrics.set_request_ids({0: "one"})
        metrics.add_time("Wait", 1)
        assert list(metrics["Wait"].series) == [(("ModelName", name), ("Level", "Model"))]


def test_no_call_has_a_mutable_default():
    calls = [value for value in vars(Metrics).values() if inspect.isfunction(value)]
    calls += [Metrics.add_metric_to_cache, CachingMetric.__init__, CachingMetric.add_or_update]
    defaults = [
        parameter.default
        for call in calls
        for parameter in inspect.signature(call).parameters.values()
    ]
    assert not [each for each in defaults if isinstance(each, list | dict | set)]


def test_a_model_renamed_is_named_so_from_then_on(metrics):
    metrics.model_name = "lion"
    metrics.add_counter("Cats", 1)
    assert ("ModelName", "lion") in metrics["Cats"].samples[0].dimensions


def test_a_running_batch_has_ids_of_its_own(metrics):
    with batch_of(metrics, "a", "b"):
        assert metrics.request_ids == {0: "a", 1: "b"}
        metrics.add_counter("Cats", 1)
        metrics.add_counter("Cats", 1, 1)
    metrics.add_counter("Cats", 1)
    assert [each.request_id for each in metrics["Cats"].samples] == ["a,b", "b", "one,two"]


def test_batches_in_other_threads_never_mix(metrics):
    gate = threading.Barrier(4)

    def handle(name):
        with batch_of(metrics, name):
            gate.wait(30)
            metrics.add_counter("Cats", 1, 0, [Dimension("Thread", name)])

    threads = [threading.Thread(target=handle, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    samples = metrics["Cats"].samples
    assert len(samples) == 4
    assert all(each.dimensions[0] == ("Thread", each.request_id) for each in samples)


def test_a_thread_that_takes_the_context_along_counts_for_the_batch(metrics):
    with batch_of(metrics, "a"):
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(metrics.add_counter, "Cats", 1))
        thread.start()
        thread.join()
    assert metrics["Cats"].samples[0].request_id == "a"


@pytest.mark.parametrize("ids", [["a", "b"], ("a", "b"), {0: "a", 1: "b"}])
def test_ids_may_be_listed_in_order(ids):
    metrics = Metrics("cat")
    metrics.request_ids = ids
    metrics.add_counter("Cats", 1)
    metrics.add_counter("Cats", 1, 1)
    assert [each.request_id for each in metrics["Cats"].samples] == ["a,b", "b"]


def test_totals_of_many_threads_are_exact(metrics):
    def count():
        for _ in range(500):
            metrics.add_counter("Cats", 1)
            metrics.add_counter("Dogs", 2, dimensions=[Dimension("Colour", "grey")])

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (metrics["Cats"].value, metrics["Cats"].count) == (4000, 4000)
    assert metrics["Dogs"].series[GREY].value == 8000


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, 1),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (torch.tensor(1.5), 1.5),
        ("4", 4),
    ],
)
def test_every_kind_of_number_becomes_a_plain_one(metrics, value, kept):
    metrics.add_percent("Full", value)
    (sample,) = metrics["Full"].samples
    assert sample.value == kept
    assert type(sample.value) in (int, float)


@pytest.mark.parametrize("value", ["many", None, [1], torch.ones(2), float("nan"), -float("inf")])
def test_what_is_no_finite_number_is_logged_and_costs_no_answer(metrics, caplog, value):
    metrics.add_time("Wait", value)
    assert metrics["Wait"].count == 0
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "metric Wait: " in record.getMessage()


def test_a_negative_count_is_logged_and_a_negative_gauge_kept(metrics, caplog):
    metrics.add_counter("Cats", -1)
    metrics.add_percent("Change", -1)
    assert (metrics["Cats"].value, metrics["Change"].value) == (0, -1)
    (message,) = caplog.messages
    assert message.startswith("metric Cats: -1 was not recorded: a counter never falls")


@pytest.mark.parametrize("value", ["no ears", "404", ValueError("no ears")])
def test_an_error_told_as_text_counts_one_and_is_logged(metrics, caplog, value):
    metrics.add_error("Broken", value)
    view = metrics["Broken"]
    assert (view.value, view.unit, list(view.series)) == (1, "unit", [(("Level", "Error"),)])
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
    assert caplog.messages == [f"Broken: {value}"]


def test_an_error_with_a_number_counts_as_much_and_says_nothing(metrics, caplog):
    metrics.add_error("Broken", 2)
    metrics.add_error("Broken", np.int64(3))
    assert metrics["Broken"].value == 5
    assert caplog.messages == []


def test_an_error_is_about_no_request_even_in_a_batch(metrics):
    with batch_of(metrics, "a"):
        metrics.add_error("Broken", 1)
    assert metrics["Broken"].samples[0].request_id == ""


def test_another_unit_of_time_or_size_is_an_error_that_names_those_there_are(metrics):
    with pytest.raises(MetricValueError, match=r"metric Wait: .*'ms', 's'.*not 'h'"):
        metrics.add_time("Wait", 1, unit="h")
    with pytest.raises(MetricValueError, match=r"metric Picture: .*'MB', 'kB', 'GB', 'B'.*'TB'"):
        metrics.add_size("Picture", 1, unit="TB")


def test_a_value_in_another_unit_of_time_is_brought_into_the_metrics_own(metrics):
    metrics.add_time("Wait", 250)
    metrics.add_time("Wait", 2, unit="s")
    assert (metrics["Wait"].value, metrics["Wait"].unit) == (2000, "Milliseconds")
    assert metrics["Wait"].samples[1].unit == "Milliseconds"


def test_a_declared_metric_is_found_by_name_and_type(metrics):
    declared = metrics.add_metric_to_cache("Purrs", "ms", ["Colour"], MetricTypes.GAUGE)
    assert metrics.get_metric("Purrs", MetricTypes.GAUGE) is declared
    assert metrics.get_metric(metric_name="Purrs", metric_type=MetricTypes.GAUGE) is declared
    assert metrics.cache[MetricTypes.GAUGE]["Purrs"] is declared
    assert declared.metric_name == "Purrs"
    assert declared.unit == "Milliseconds"
    assert declared.dimension_names == ["Colour"]
    assert declared.metric_type is MetricTypes.GAUGE


@pytest.mark.parametrize("metric_type", [MetricTypes.COUNTER, MetricTypes.HISTOGRAM])
def test_a_metric_that_was_not_declared_is_a_key_error(metrics, metric_type):
    with pytest.raises(MetricKeyError, match=f"no {metric_type.value} 'HandlerTime'; declare it"):
        metrics.get_metric("HandlerTime", metric_type)
    with pytest.raises(KeyError):
        metrics.get_metric("HandlerTime")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda metrics: metrics.get_metric(1),
        lambda metrics: metrics.get_metric("HandlerTime", "gauge"),
        lambda metrics: metrics.add_metric_to_cache(1, "ms"),
        lambda metrics: metrics.add_metric_to_cache("A", None),
        lambda metrics: metrics.add_metric_to_cache("A", "ms", "Colour"),
        lambda metrics: metrics.add_metric_to_cache("A", "ms", [], "gauge"),
        lambda metrics: metrics.add_metric("A", 1, None),
        lambda metrics: metrics.add_metric("A", 1, "ms", metric_type="gauge"),
        lambda metrics: metrics.add_counter("A", 1, 0, ["Colour"]),
        lambda metrics: metrics.add_counter("A", 1, 0, 7),
    ],
)
def test_an_argument_of_the_wrong_kind_is_a_type_error(metrics, wrong):
    with pytest.raises(MetricTypeError):
        wrong(metrics)
    with pytest.raises(TypeError):
        wrong(metrics)
    with pytest.raises(SdkError):
        wrong(metrics)
    assert "A" not in metrics


def test_a_name_of_two_types_shows_the_one_it_had_first(metrics):
    metrics.add_percent("Full", 50)
    metrics.add_counter("Full", 3)
    assert metrics["Full"].type is MetricTypes.GAUGE
    assert metrics.get_metric("Full").view().value == 3


def test_the_store_that_old_code_walks_is_empty(metrics):
    metrics.add_counter("Cats", 1)
    assert metrics.store == []
