"""A sink in the background: everything arrives, in order, and nobody waits for it."""

import gc
import logging
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ts_sdk.metrics import (
    Background,
    Dimension,
    LogLines,
    Metrics,
    MetricTypeError,
    MetricTypes,
    MetricValueError,
)

LONGEST_S = 30
SECOND = re.compile(r"(hostname:[^,]+),\d+")


@pytest.fixture
def background():
    """Makes backgrounds, and closes them."""
    made = []

    def making(sink, **options):
        made.append(Background(sink, **options))
        return made[-1]

    yield making
    for each in made:
        each.close()


class Gate:
    """A sink that takes nothing until it is opened."""

    def __init__(self):
        self.opened = threading.Event()
        self.values = []
        self.threads = set()

    def emit(self, sample):
        assert self.opened.wait(LONGEST_S)
        self.values.append(sample.value)
        self.threads.add(threading.current_thread().name)


def record_everything(metrics):
    metrics.set_request_ids({0: "one", 1: "two"})
    metrics.add_time("HandlerTime", 1.25)
    metrics.counter("Cats", dimensions={"Colour": "grey"}).inc(2, idx=1)
    metrics.histogram("Boxes", buckets=[1, 5]).observe(3)
    metrics.add_size("Picture", 12, 1, "kB", [Dimension("Part", "ear")])
    metrics.add_error("Broken", 1)
    metrics.add_metric("Length", 1e-05, "cm", 0)


def test_log_lines_are_the_same_in_the_same_order(background, caplog):
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    record_everything(Metrics("cat"))
    at_once, metrics = list(caplog.messages), Metrics("cat", sinks=[background(LogLines())])
    caplog.clear()
    record_everything(metrics)
    metrics.flush()
    assert len(at_once) == 6
    assert [SECOND.sub(r"\1", line) for line in caplog.messages] == [
        SECOND.sub(r"\1", line) for line in at_once
    ]


def test_who_records_does_not_wait_for_the_sink(background):
    gate = Gate()
    metrics = Metrics("cat", sinks=[background(gate)])
    for number in range(100):
        metrics.gauge("Purrs").set(number)
    assert gate.values == []
    assert metrics["Purrs"].count == 100
    gate.opened.set()
    metrics.flush()
    assert gate.values == list(range(100))


def test_samples_are_handed_on_without_being_asked_for(background):
    arrived = threading.Event()
    metrics = Metrics("cat", sinks=[background(lambda _: arrived.set())])
    for _ in range(2):  # the thread is woken again after it has slept
        metrics.counter("Cats").inc()
        assert arrived.wait(LONGEST_S)
        arrived.clear()


def test_where_too_many_wait_who_records_helps_and_none_is_dropped(background):
    gate = Gate()
    metrics = Metrics("cat", sinks=[background(gate, most=5)])
    purrs, done = metrics.gauge("Purrs"), threading.Event()

    def record():
        for number in range(50):
            purrs.set(number)
        done.set()

    thread = threading.Thread(target=record, name="recording")
    thread.start()
    assert not done.wait(0.2)
    assert gate.values == []
    gate.opened.set()
    thread.join(LONGEST_S)
    metrics.flush()
    assert gate.values == list(range(50))
    assert "recording" in gate.threads


def test_threads_lose_nothing_and_keep_their_order(background):
    taken = []
    metrics = Metrics("cat", sinks=[background(taken.append, most=50)])

    def count(thread):
        counter = metrics.counter("Cats", dimensions={"thread": thread})
        for number in range(500):
            counter.inc(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    metrics.flush()
    assert len(taken) == 4000
    for thread in range(8):
        mine = [each.value for each in taken if each.dimensions[0] == ("thread", str(thread))]
        assert mine == list(range(500))


def test_a_sink_may_record_something_itself(background):
    metrics = Metrics("cat", sinks=[])
    taken = []

    def count(sample):
        taken.append(sample.name)
        if sample.name == "Cats":
            metrics.counter("Taken").inc()

    metrics.add_sink(background(count, most=1))
    for _ in range(10):
        metrics.counter("Cats").inc()
    metrics.flush()
    metrics.flush()
    assert sorted(taken) == ["Cats"] * 10 + ["Taken"] * 10


def test_a_sink_that_fails_is_told_once_and_the_others_get_theirs(background, caplog):
    taken = []

    def fail(sample):
        raise RuntimeError("the disk is full")

    metrics = Metrics("cat", sinks=[background(fail), background(taken.append)])
    for _ in range(3):
        metrics.counter("Cats").inc()
    metrics.flush()
    assert len(taken) == 3
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "fail" in record.getMessage()
    assert "the disk is full" in caplog.text


def test_no_samples_are_made_for_log_lines_that_nobody_reads(background, caplog):
    caplog.set_level(logging.WARNING, "ts_sdk.metrics")
    metrics = Metrics("cat", sinks=[background(LogLines())])
    assert not metrics.delivery.wants(MetricTypes.COUNTER)
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    assert metrics.delivery.wants(MetricTypes.COUNTER)


def test_a_sink_gets_the_types_that_it_wants_only(background):
    class Histograms(list):
        sample_types = frozenset({MetricTypes.HISTOGRAM})
        emit = list.append

    taken = Histograms()
    metrics = Metrics("cat", sinks=[background(taken)])
    record_everything(metrics)
    metrics.flush()
    assert [each.name for each in taken] == ["Boxes"]


def test_after_closing_no_thread_is_left_and_samples_still_arrive():
    taken, before = [], set(threading.enumerate())
    with Background(taken.append) as sink:
        metrics = Metrics("cat", sinks=[sink])
        metrics.counter("Cats").inc(1)
        (thread,) = set(threading.enumerate()) - before
    assert not thread.is_alive()
    assert [each.value for each in taken] == [1]
    metrics.counter("Cats").inc(2)
    assert [each.value for each in taken] == [1, 2]
    sink.close()


def test_what_is_recorded_while_it_is_closed_arrives_too():
    for _ in range(50):
        taken, started = [], threading.Event()
        sink = Background(taken.append)
        purrs = Metrics("cat", sinks=[sink]).gauge("Purrs")

        def record(purrs=purrs, started=started):
            for number in range(200):
                purrs.set(number)
                started.set()

        thread = threading.Thread(target=record)
        thread.start()
        assert started.wait(LONGEST_S)
        sink.close()
        thread.join(LONGEST_S)
        assert [each.value for each in taken] == list(range(200))


def test_one_that_is_dropped_hands_on_the_rest_and_ends_its_thread():
    taken, before = [], set(threading.enumerate())
    metrics = Metrics("cat", sinks=[Background(taken.append)])
    metrics.counter("Cats").inc(1)
    (thread,) = set(threading.enumerate()) - before
    del metrics
    gc.collect()
    thread.join(LONGEST_S)
    assert not thread.is_alive()
    assert [each.value for each in taken] == [1]


PROGRAM = """
import logging, os, sys
from ts_sdk.metrics import Background, LogLines, Metrics

logging.basicConfig(stream=sys.stdout, format="%(message)s", level="INFO")
metrics = Metrics("cat", sinks=[Background(LogLines())])
cats = metrics.counter("Cats")
for number in range(200):
    cats.inc(number)
"""


def values_written(ending):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM + ending], capture_output=True, text=True, check=False
    )
    lines = ran.stdout.splitlines()
    return [int(line.removeprefix("[METRICS]Cats.Count:").split("|")[0]) for line in lines]


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise KeyError"])
def test_the_end_of_a_program_hands_on_what_waits(ending):
    assert values_written(ending) == list(range(200))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no forking on Windows")
def test_a_forked_process_hands_on_its_own_samples_only():
    forking = """
sys.stdout.flush()
forked = os.fork()
if forked:
    os.waitpid(forked, 0)
else:
    cats.inc(1000)
    metrics.flush()
    cats.inc(1001)
"""
    written = values_written(forking)
    assert sorted(written) == [*range(200), 1000, 1001]


@pytest.mark.parametrize("isolation", ["archive", "process"])
def test_closing_a_model_hands_on_what_its_handler_recorded(load_folder, isolation):
    handler = """
        def handle(data, context):
            if data is None:
                return None
            context.metrics.add_counter("Asked", len(data))
            if data[0]["body"] == "fail":
                raise MemoryError("it was asked for")
            return [row["body"] for row in data]
    """
    gate = Gate()
    with load_folder({"handler.py": handler}, isolation=isolation) as model:
        model.metrics.sinks = [Background(gate)]
        model.predict_batch(["a", "b"])
        model.predict_batch(["fail"])
        gate.opened.set()
    recorded = [model.metrics[name] for name in ("Asked", "HandlerTime", "PredictionTime")]
    assert model.metrics["Asked"].value >= 3
    assert len(gate.values) == sum(view.count for view in recorded)


def test_what_is_no_sink_and_a_room_for_none_are_refused():
    with pytest.raises(MetricTypeError, match="'stdout' is neither"):
        Background("stdout")
    with pytest.raises(MetricValueError, match="at least 1 sample"):
        Background(LogLines(), most=0)
