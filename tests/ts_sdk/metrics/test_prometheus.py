"""Prometheus' text: names, labels and types, as its own parser and promtool read them."""

import gc
import logging
import shutil
import socket
import subprocess
import sys
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from ts_sdk.errors import RequestError
from ts_sdk.metrics import Dimension, Metrics, MetricTypes, Sample, SystemMetrics
from ts_sdk.metrics.prometheus import serve
from ts_sdk.metrics.served import Served
from ts_sdk.outcomes import Reply
from ts_sdk.timing import PhaseTimes

HOST = socket.gethostname()
MODEL = {"ModelName": "cat", "Level": "Model", "Hostname": HOST}


def samples_in(text):
    """Name and labels → value, as the official parser reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value_in(text, name, **labels):
    return samples_in(text)[name, frozenset(labels.items())]


@pytest.fixture
def metrics():
    made = Metrics("cat")
    made.set_request_ids({0: "first"})
    made.counter("files_total").inc(3)
    made.counter("Cats", dimensions={"kind": 'a "tabby"\\\n'}).inc(2)
    made.gauge("Purrs", unit="ms").set(2.5)
    made.histogram("Boxes", buckets=[1, 5]).observe(3)
    return made


def test_dimensions_and_the_host_are_the_labels(metrics):
    text = metrics.prometheus_text()
    assert value_in(text, "files_total", **MODEL) == 3
    assert value_in(text, "Cats_total", kind='a "tabby"\\\n', **MODEL) == 2  # the parser's name
    assert value_in(text, "Purrs", **MODEL) == 2.5


def test_names_and_types_are_those_that_were_recorded(metrics):
    types = {
        line.split()[2]: line.split()[3]
        for line in metrics.prometheus_text().splitlines()
        if line.startswith("# TYPE")
    }
    assert types == {
        "files_total": "counter",
        "Cats": "counter",
        "Purrs": "gauge",
        "Boxes": "histogram",
    }
    assert f'Cats{{Hostname="{HOST}",' in metrics.prometheus_text()


def test_a_histogram_has_its_buckets(metrics):
    text = metrics.prometheus_text()
    assert value_in(text, "Boxes_bucket", le="1.0", **MODEL) == 0
    assert value_in(text, "Boxes_bucket", le="5.0", **MODEL) == 1
    assert value_in(text, "Boxes_bucket", le="+Inf", **MODEL) == 1
    assert value_in(text, "Boxes_sum", **MODEL) == 3
    assert value_in(text, "Boxes_count", **MODEL) == 1


def test_what_the_old_calls_record_is_there_too(metrics):
    metrics.add_time("HandlerTime", 1.5)
    metrics.add_counter("Dogs", 1, 0, [Dimension("Host-Name", "x"), Dimension("le", 1)])
    text = metrics.prometheus_text()
    assert value_in(text, "HandlerTime", **MODEL) == 1.5
    assert value_in(text, "Dogs_total", Host_Name="x", dimension_le="1", **MODEL) == 1


def test_names_that_prometheus_has_not_are_spelled_with_underscores(metrics):
    metrics.add_metric("9 lives/cat", 9, "lives", None, None, MetricTypes.GAUGE)
    assert value_in(metrics.prometheus_text(), "_9_lives_cat", **MODEL) == 9


def test_names_and_labels_that_are_spelled_the_same_are_kept_apart():
    metrics = Metrics("cat")
    for number, name in enumerate(("a.b", "a-b", "a b"), start=1):
        metrics.gauge(name, unit="ms").set(number)
    metrics.gauge("Both", unit="ms", dimensions={"x y": "1", "x_y": "2"}).set(5)
    samples = samples_in(metrics.prometheus_text())
    spelled = {name: value for (name, _), value in samples.items() if name.startswith("a_b")}
    assert sorted(spelled.values()) == [1, 2, 3]
    assert spelled["a_b"] == 1
    [labels] = [dict(labels) for name, labels in samples if name == "Both"]
    assert {labels["x_y"], labels["x_y_"]} == {"1", "2"}


def test_one_name_of_two_types_is_two_metrics(metrics):
    metrics.add_metric("Cats", 7, "count", None, None, MetricTypes.GAUGE)
    text = metrics.prometheus_text()
    assert value_in(text, "Cats_gauge_Count", **MODEL) == 7
    assert value_in(text, "Cats_total", kind='a "tabby"\\\n', **MODEL) == 2


def test_a_registry_shows_several_models_under_one_name():
    registry, models = CollectorRegistry(), [Metrics("cat"), Metrics("dog")]
    for number, each in enumerate(models, start=1):
        each.expose(registry)
        each.expose(registry)
        each.counter("seen_total").inc(number)
        each.record(
            Sample("Requests2XX", number, "Count", MetricTypes.COUNTER, (("Level", "Host"),))
        )
    text = generate_latest(registry).decode()
    assert text.count("# TYPE seen_total counter") == 1
    assert value_in(text, "seen_total", **MODEL) == 1
    assert value_in(text, "seen_total", **{**MODEL, "ModelName": "dog"}) == 2
    assert value_in(text, "Requests2XX", Level="Host", Hostname=HOST) == 3


def test_a_registry_forgets_a_model_that_is_gone():
    registry = CollectorRegistry()
    metrics = Metrics("cat")
    metrics.counter("seen_total").inc()
    metrics.expose(registry)
    assert b"seen_total" in generate_latest(registry)
    del metrics
    gc.collect()
    assert generate_latest(registry) == b""


def test_a_scrape_in_the_newer_format_is_valid(metrics):
    registry = CollectorRegistry()
    metrics.expose(registry)
    types = {
        family.name: family.type
        for family in read_openmetrics(generate_openmetrics(registry).decode())
    }
    assert types == {"files": "counter", "Cats": "unknown", "Purrs": "gauge", "Boxes": "histogram"}


def test_a_server_serves_until_the_block_ends(metrics):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with serve(metrics, "127.0.0.1", 0) as url, opener.open(url, timeout=30) as response:
        assert value_in(response.read().decode(), "Purrs", **MODEL) == 2.5
    with pytest.raises(OSError, match=r"refused|reset"):
        opener.open(url, timeout=30)


def test_recording_goes_on_while_it_is_read(metrics, caplog):
    """A sink that fails, log lines, a callable and a registry at once."""
    caplog.set_level(logging.INFO, "ts_sdk.metrics")
    taken = []

    def fail(sample):
        raise RuntimeError("the disk is full")

    metrics.add_sink(fail)
    metrics.add_sink(taken.append)
    metrics.counter("files_total").inc()
    metrics.counter("files_total").inc()
    assert value_in(metrics.prometheus_text(), "files_total", **MODEL) == 5
    assert [each.value for each in taken] == [1, 1]
    lines = [each for each in caplog.messages if each.startswith("[METRICS]files_total.Count:1|")]
    assert len(lines) == 2
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1


def test_promtool_finds_nothing_but_the_style_of_torchserves_names(metrics):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; Debian's package prometheus has it")
    metrics.add_source(SystemMetrics())
    served = Served("cat", "1.0", PhaseTimes())
    served.count([Reply(1), Reply.of_error(RequestError("no", status=400))], 0.001)
    served.waited(0.01)
    metrics.add_source(served)
    metrics.add_metric("Cats", 7, "count", None, None, MetricTypes.GAUGE)
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=metrics.prometheus_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    style = ("snake_case", '"_total" suffix', "base unit", "should not include type")
    problems = (checked.stdout + checked.stderr).splitlines()
    assert [each for each in problems if not any(word in each for word in style)] == []
    assert checked.returncode in {0, 3}  # 3: matters of style only


def test_without_the_package_it_says_what_to_install():
    program = """
import sys
sys.modules["prometheus_client"] = None
from ts_sdk.metrics import MetricDependencyError, Metrics
try:
    Metrics("cat").prometheus_text()
except MetricDependencyError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'ts-sdk[metrics]'" in ran.stdout
