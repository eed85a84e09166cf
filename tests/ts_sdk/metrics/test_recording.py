"""What is kept of samples, how much of it, and who else gets them."""

import logging
import pickle
import subprocess
import sys

import pytest

from ts_sdk.metrics import (
    CachingMetric,
    Dimension,
    LogLines,
    Metrics,
    MetricTypeError,
    MetricTypes,
    Sample,
)
from ts_sdk.metrics.views import MOST_SERIES, OVERFLOW, RECENT_SAMPLES

COUNTER = MetricTypes.COUNTER


class Taken(list):
    """A sink that keeps what it gets."""

    emit = list.append


class Broken:
    def emit(self, sample):
        raise RuntimeError("the disk is full")


def test_every_sink_gets_every_sample():
    first, second, late = Taken(), Taken(), Taken()
    metrics = Metrics("cat", sinks=[first, second])
    metrics.add_counter("Cats", 1)
    metrics.add_sink(late)
    metrics.add_metric_to_cache("Purrs", "Hz", ["Colour"]).add_or_update(25, ["grey"], "one")
    assert first == second
    assert [(each.name, each.value, each.unit) for each in first] == [
        ("Cats", 1, "Count"),
        ("Purrs", 25, "Hz"),
    ]
    assert late == first[1:]
    assert late[0].dimensions == (("Colour", "grey"),)
    assert late[0].request_id == "one"


def test_sinks_can_be_replaced(caplog):
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    before, after = Taken(), Taken()
    metrics = Metrics("cat", sinks=[before])
    purrs = metrics.gauge("Purrs")
    purrs.set(1)
    metrics.sinks = [after, after.append]
    purrs.set(2)
    metrics.add_sink(before)
    purrs.set(3)
    assert [each.value for each in before] == [1, 3]
    assert [each.value for each in after] == [2, 2, 3, 3]
    assert metrics.sinks[0] is after
    metrics.sinks = []
    purrs.set(4)
    assert metrics["Purrs"].count == 4
    with pytest.raises(MetricTypeError, match="'stdout' is neither"):
        metrics.sinks = ["stdout"]
    assert metrics.sinks == ()


def test_a_sink_may_say_what_it_wants():
    class Choosy(Taken):
        sample_types = frozenset({MetricTypes.GAUGE})
        listens = False

        def is_read(self):
            return self.listens

    choosy = Choosy()
    metrics = Metrics("cat", sinks=[choosy])
    metrics.gauge("Purrs").set(1)
    choosy.listens = True
    metrics.gauge("Purrs").set(2)
    metrics.counter("Cats").inc()
    assert [(each.name, each.value) for each in choosy] == [("Purrs", 2)]


def test_log_lines_are_the_sink_unless_others_are_named(caplog):
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    Metrics("cat", sinks=[]).add_counter("Silent", 1)
    Metrics("cat", sinks=[LogLines()]).add_counter("Asked", 1)
    Metrics("cat").add_counter("Usual", 1)
    assert [line.split(":")[0] for line in caplog.messages] == [
        "[METRICS]Asked.Count",
        "[METRICS]Usual.Count",
    ]


def test_a_sink_that_fails_is_told_once_and_costs_nothing_else(caplog):
    taken = Taken()
    metrics = Metrics("cat", sinks=[Broken(), taken])
    metrics.add_counter("Cats", 1)
    metrics.add_counter("Cats", 1)
    assert metrics["Cats"].value == 2
    assert len(taken) == 2
    (record,) = caplog.records
    assert "Broken object" in record.getMessage()
    assert "the disk is full" in caplog.text


WORKER = """
import pickle, sys
from ts_sdk.metrics import Dimension, Metrics

class Pipe:
    def emit(self, sample):
        pickle.dump(sample, sys.stdout.buffer)

metrics = Metrics("cat", sinks=[Pipe()])
metrics.set_request_ids({0: "one"})
metrics.add_counter("Cats", 2, 0, [Dimension("Colour", "grey")])
metrics.add_time("HandlerTime", 1.5)
"""


def test_the_samples_of_another_process_arrive_whole(caplog):
    ran = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, check=True)
    metrics = Metrics("cat")
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    rest = ran.stdout
    while rest:
        sample = pickle.loads(rest)  # noqa: S301 - our own bytes
        rest = rest[len(pickle.dumps(sample)) :]
        metrics.record(sample)
    assert metrics["Cats"].value == 2
    assert metrics["Cats"].samples[0].request_id == "one"
    assert metrics["Cats"].samples[0].dimensions[0] == ("Colour", "grey")
    assert metrics["HandlerTime"].value == 1.5
    assert [line.split("|")[0] for line in caplog.messages] == [
        "[METRICS]Cats.Count:2",
        "[METRICS]HandlerTime.Milliseconds:1.5",
    ]


def test_recent_samples_are_bounded_and_totals_are_not():
    metrics = Metrics("cat")
    for number in range(RECENT_SAMPLES + 10):
        metrics.add_counter("Cats", number)
    view = metrics["Cats"]
    assert len(view.samples) == RECENT_SAMPLES
    assert (view.samples[0].value, view.samples[-1].value) == (10, RECENT_SAMPLES + 9)
    assert view.value == sum(range(RECENT_SAMPLES + 10))
    assert view.count == RECENT_SAMPLES + 10


def test_dimensions_beyond_the_most_share_one_series_and_sinks_see_them_all():
    taken = Taken()
    metrics = Metrics("cat", sinks=[taken])
    for number in [*range(MOST_SERIES + 5), 0]:
        metrics.add_counter("Files", 1, dimensions=[Dimension("Name", number)])
    view = metrics["Files"]
    assert len(view.series) == MOST_SERIES + 1
    assert view.series[OVERFLOW].value == 5
    assert view.series[taken[0].dimensions].value == 2
    assert view.value == MOST_SERIES + 6
    assert taken[-2].dimensions[0] == ("Name", str(MOST_SERIES + 4))


def test_declaring_again_keeps_what_was_recorded(caplog):
    metrics = Metrics("cat")
    metrics.add_counter("Cats", 2)
    metric = metrics.add_metric_to_cache("Cats", "Count", ["Colour"])
    metric.add_or_update(1, ["grey"])
    assert metrics["Cats"].value == 3
    assert metric.view() == metrics["Cats"]
    assert caplog.messages == []


def test_declaring_again_in_another_unit_starts_from_nothing_and_says_so(caplog):
    metrics = Metrics("cat")
    old = metrics.add_metric_to_cache("Wait", "ms")
    old.add_or_update(2000)
    metrics.add_metric_to_cache("Wait", "s")
    assert (metrics["Wait"].count, metrics["Wait"].unit) == (0, "Seconds")
    assert "Milliseconds" in caplog.messages[0]
    old.add_or_update(500)
    assert metrics["Wait"].value == 0.5


def test_dimensions_are_shown_in_the_order_that_was_declared():
    """The original puts the declared names over the values by position: ModelName:Host."""
    metrics = Metrics("cat")
    metrics.set_request_ids({0: "one"})
    metrics.add_time("HandlerTime", 1, dimensions=[Dimension("Level", "Host")])
    assert list(metrics["HandlerTime"].series) == [(("ModelName", "cat"), ("Level", "Host"))]


def test_other_dimensions_than_declared_are_kept_and_told_once(caplog):
    """The original drops such a sample."""
    metrics = Metrics("cat")
    metrics.set_request_ids({0: "one"})
    for _ in range(2):
        metrics.add_time("HandlerTime", 1, dimensions=[Dimension("Colour", "grey")])
    assert metrics["HandlerTime"].count == 2
    (message,) = caplog.messages
    assert "metric HandlerTime has the dimensions ['ModelName', 'Level']" in message
    assert "['Colour', 'ModelName', 'Level']" in message


@pytest.mark.parametrize("values", [[], ["grey", "ear"], None])
def test_values_without_names_cannot_be_kept_and_are_logged(caplog, values):
    metrics = Metrics("cat")
    metric = metrics.add_metric_to_cache("Purrs", "Hz", ["Colour"])
    metric.add_or_update(25, values)
    assert metrics["Purrs"].count == 0
    assert caplog.records[0].levelno == logging.ERROR
    assert "metric Purrs: 25 was not recorded" in caplog.messages[0]


def test_updated_dimensions_are_the_metrics_from_then_on():
    metric = Metrics("cat").add_metric_to_cache("Purrs", "Hz", ["Colour"])
    metric.update(25, "one", [Dimension("Part", "ear")])
    metric.add_or_update(26, ["tail"])
    assert metric.dimension_names == ["Part"]
    assert list(metric.view().series) == [(("Part", "ear"),), (("Part", "tail"),)]


def test_a_metric_on_its_own_writes_log_lines(caplog):
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    metric = CachingMetric("Purrs", "ms", ["Colour"], MetricTypes.GAUGE)
    metric.add_or_update(25, ["grey"], "one")
    assert metric.view().value == 25
    assert caplog.messages[0].startswith("[METRICS]Purrs.Milliseconds:25|#Colour:grey|#type:GAUGE")


def test_a_sample_cannot_be_changed():
    sample = Sample("Cats", 1, "Count", COUNTER)
    with pytest.raises(AttributeError):
        sample.value = 2
