"""The log lines, beside those that the worker of TorchServe 0.12.0 wrote for the same calls."""

import logging
import re
import socket

import pytest

from ts_sdk.batch import Batch, handling
from ts_sdk.context import Context
from ts_sdk.metrics import Dimension, Metrics, MetricTypes, Sample, log_line

BATCH = {0: "one", 1: "two"}
SENT_FROM = re.compile(r"hostname:[^,]+,\d+")

# Written out from a run of the original: the calls, with a model named cat and the ids above.
LINES = {
    "time": (
        lambda metrics: metrics.add_time("HandlerTime", 1.25, None, "ms"),
        (
            "[METRICS]HandlerTime.Milliseconds:1.25|#ModelName:cat,Level:Model"
            "|#type:GAUGE|#hostname:H,T,one,two"
        ),
    ),
    "time of one request": (
        lambda metrics: metrics.add_time("HandlerTime", 1.25, 0, "ms"),
        (
            "[METRICS]HandlerTime.Milliseconds:1.25|#ModelName:cat,Level:Model"
            "|#type:GAUGE|#hostname:H,T,one"
        ),
    ),
    "time in seconds as a histogram": (
        lambda metrics: metrics.add_time("Wait", 2, 1, "s", [], MetricTypes.HISTOGRAM),
        "[METRICS]Wait.Seconds:2|#ModelName:cat,Level:Model|#type:HISTOGRAM|#hostname:H,T,two",
    ),
    "size": (
        lambda metrics: metrics.add_size("Picture", 3.5),
        (
            "[METRICS]Picture.Megabytes:3.5|#ModelName:cat,Level:Model"
            "|#type:GAUGE|#hostname:H,T,one,two"
        ),
    ),
    "size in kilobytes": (
        lambda metrics: metrics.add_size("Picture", 12, 1, "kB"),
        "[METRICS]Picture.Kilobytes:12|#ModelName:cat,Level:Model|#type:GAUGE|#hostname:H,T,two",
    ),
    "percent": (
        lambda metrics: metrics.add_percent("Full", 99.5, 0),
        "[METRICS]Full.Percent:99.5|#ModelName:cat,Level:Model|#type:GAUGE|#hostname:H,T,one",
    ),
    "counter with a dimension": (
        lambda metrics: metrics.add_counter("Cats", 2, 1, [Dimension("Colour", "grey")]),
        (
            "[METRICS]Cats.Count:2|#Colour:grey,ModelName:cat,Level:Model"
            "|#type:COUNTER|#hostname:H,T,two"
        ),
    ),
    "counter of a request that is not in the batch": (
        lambda metrics: metrics.add_counter("Cats", 2, 7),
        "[METRICS]Cats.Count:2|#ModelName:cat,Level:Model|#type:COUNTER|#hostname:H,T,one,two",
    ),
    "a level and a model of the handler's own": (
        lambda metrics: metrics.add_counter(
            "Cats", 1, 0, [Dimension("Level", "Frame"), Dimension("ModelName", "dog")]
        ),
        "[METRICS]Cats.Count:1|#Level:Frame,ModelName:dog|#type:COUNTER|#hostname:H,T,one",
    ),
    "error": (
        lambda metrics: metrics.add_error("Broken", 1),
        "[METRICS]Broken.unit:1|#Level:Error|#type:COUNTER|#hostname:H,T",
    ),
    "error with a dimension": (
        lambda metrics: metrics.add_error("Broken", 2, [Dimension("Part", "ear")]),
        "[METRICS]Broken.unit:2|#Part:ear,Level:Error|#type:COUNTER|#hostname:H,T",
    ),
    "generic": (
        lambda metrics: metrics.add_metric("Length", 1e-05, "cm", 0),
        "[METRICS]Length.cm:1e-05|#ModelName:cat,Level:Model|#type:COUNTER|#hostname:H,T,one",
    ),
    "generic by name": (
        lambda metrics: metrics.add_metric(
            name="Length",
            value=30,
            unit="cm",
            dimensions=[Dimension("Part", 1)],
            metric_type=MetricTypes.HISTOGRAM,
        ),
        (
            "[METRICS]Length.cm:30|#Part:1,ModelName:cat,Level:Model"
            "|#type:HISTOGRAM|#hostname:H,T,one,two"
        ),
    ),
    "generic in a known unit": (
        lambda metrics: metrics.add_metric("Length", 30, ""),
        "[METRICS]Length.unit:30|#ModelName:cat,Level:Model|#type:COUNTER|#hostname:H,T,one,two",
    ),
    "declared": (
        lambda metrics: metrics.add_metric_to_cache("Purrs", "count", ["Colour"]).add_or_update(
            3, ["grey"], "three"
        ),
        "[METRICS]Purrs.Count:3|#Colour:grey|#type:COUNTER|#hostname:H,T,three",
    ),
    "declared, without a request": (
        lambda metrics: metrics.add_metric_to_cache(
            "Purrs", "Hz", metric_type=MetricTypes.GAUGE
        ).add_or_update(25),
        "[METRICS]Purrs.Hz:25|#|#type:GAUGE|#hostname:H,T",
    ),
    "declared, its dimensions replaced": (
        lambda metrics: metrics.add_metric_to_cache("Purrs", "count", ["Colour"]).update(
            3, "three", [Dimension("Part", "ear")]
        ),
        "[METRICS]Purrs.Count:3|#Part:ear|#type:COUNTER|#hostname:H,T,three",
    ),
    "the declared unit stands": (
        lambda metrics: (
            metrics.add_metric_to_cache("Purrs", "purrs", ["ModelName", "Level"]),
            metrics.add_counter("Purrs", 1, 0),
        ),
        "[METRICS]Purrs.purrs:1|#ModelName:cat,Level:Model|#type:COUNTER|#hostname:H,T,one",
    ),
}


@pytest.fixture
def metrics():
    return Metrics("cat")


@pytest.fixture
def written(caplog):
    """The lines at INFO, with the host and the time left out."""
    caplog.set_level(logging.INFO, "ts_sdk.metrics")

    def lines():
        found = [each.getMessage() for each in caplog.records if each.levelno == logging.INFO]
        return [SENT_FROM.sub("hostname:H,T", line) for line in found]

    return lines


@pytest.mark.parametrize(("call", "line"), LINES.values(), ids=LINES)
def test_a_call_writes_the_line_that_the_old_worker_wrote(metrics, written, call, line):
    metrics.set_request_ids(BATCH)
    call(metrics)
    assert written() == [line]


@pytest.mark.parametrize(("call", "line"), LINES.values(), ids=LINES)
def test_the_ids_of_a_running_batch_make_the_same_lines(metrics, written, call, line):
    archive = Context("cat", "/m", {}, 2, None, "0.12.0", metrics=metrics)
    with handling(Batch(2, archive.for_batch([{}, {}], list(BATCH.values())))):
        call(metrics)
    assert written() == [line]


def test_without_a_request_the_level_is_error_and_no_model_is_named(metrics, written):
    metrics.add_time("Startup", 20)
    metrics.add_time("Startup", 21, None, "ms", [Dimension("Level", "Model")])
    assert written() == [
        "[METRICS]Startup.Milliseconds:20|#Level:Error|#type:GAUGE|#hostname:H,T",
        "[METRICS]Startup.Milliseconds:21|#Level:Model|#type:GAUGE|#hostname:H,T",
    ]


def test_one_id_for_all_requests_stands_on_every_line(metrics, written):
    metrics.request_ids = "loading"
    metrics.add_counter("Files", 3)
    metrics.add_counter("Files", 1, 0)
    assert [line.rpartition(",")[2] for line in written()] == ["loading", "loading"]


def test_the_ids_of_nothing_leave_the_line_without_one(metrics, written):
    metrics.request_ids = {}
    metrics.add_counter("Files", 3)
    assert written() == [
        "[METRICS]Files.Count:3|#ModelName:cat,Level:Model|#type:COUNTER|#hostname:H,T"
    ]


def test_a_line_names_this_host_and_the_samples_second():
    sample = Sample("A", 1, "Count", MetricTypes.COUNTER, timestamp=1700000000.9)
    here = socket.gethostname()
    assert log_line(sample) == f"[METRICS]A.Count:1|#|#type:COUNTER|#hostname:{here},1700000000"


def test_nothing_is_formatted_when_nobody_listens(metrics, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "ts_sdk.metrics")
    monkeypatch.setattr("ts_sdk.metrics.sinks.log_line", lambda sample: pytest.fail("formatted"))
    metrics.add_counter("Files", 1)
    assert caplog.records == []
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    with pytest.raises(pytest.fail.Exception):
        metrics.add_counter("Files", 1)
