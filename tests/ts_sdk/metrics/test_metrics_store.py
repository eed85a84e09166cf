"""The store of old releases, its metrics, and what becomes of them as text and JSON."""

import json
import re
import uuid

import pytest

from ts_sdk.metrics import Dimension
from ts_sdk.metrics.metric import Metric, MetricEncoder
from ts_sdk.metrics.metrics_store import MetricsStore


@pytest.fixture
def store():
    return MetricsStore({0: "one", 1: "two"}, "cat")


def test_each_name_request_and_set_of_dimensions_is_listed_once(store):
    store.add_counter("Cats", 2, 0)
    store.add_counter("Cats", 3, 0)
    store.add_counter("Cats", 1, 1)
    store.add_time("Wait", 20, 0, "ms", [Dimension("Part", "ear")])
    store.add_time("Wait", 30, 0, "ms", [Dimension("Part", "ear")])
    listed = [(each.name, each.value, each.unit, each.request_id) for each in store.store]
    assert listed == [
        ("Cats", 5, "Count", "one"),
        ("Cats", 1, "Count", "two"),
        ("Wait", 30, "Milliseconds", "one"),
    ]
    assert [str(each) for each in store.store[2].dimensions] == [
        "Part:ear",
        "ModelName:cat",
        "Level:Model",
    ]
    assert store["Cats"].value == 6


def test_an_error_is_listed_without_a_request(store):
    store.add_error("Broken", "no ears")
    (metric,) = store.store
    assert (metric.value, metric.unit, metric.request_id) == (1, "unit", None)
    assert [str(each) for each in metric.dimensions] == ["Level:Error"]


def test_one_id_may_be_a_uuid():
    request_id = uuid.UUID(int=7)
    store = MetricsStore(request_id, "cat")
    store.add_percent("Full", 50, 0)
    assert store.store[0].request_id == str(request_id)


def test_two_stores_share_nothing(store):
    store.add_counter("Cats", 1)
    other = MetricsStore({0: "one"}, "dog")
    other.add_counter("Cats", 1)
    assert len(other.store) == 1
    assert str(other.store[0].dimensions[0]) == "ModelName:dog"


def test_a_metric_reads_as_the_line_that_old_handlers_log():
    metric = Metric("Wait", 20, "ms", [Dimension("Level", "Host")], "one")
    line = r"Wait\.Milliseconds:20\|#Level:Host\|#hostname:[^,]+,\d+,one"
    assert re.fullmatch(line, str(metric))
    metric.request_id = None
    assert re.fullmatch(line.removesuffix(",one"), str(metric))


def test_updates_of_a_counter_add_up_and_others_replace_the_value():
    counter = Metric("Cats", 2, "count", [], None, "counter")
    counter.update(3)
    plain = Metric("Wait", 2, "ms", [])
    plain.update(3)
    assert (counter.value, plain.value) == (5, 3)
    counter.reset()
    assert counter.value == 0


def test_metrics_and_dimensions_become_json():
    metric = Metric("Wait", 20, "ms", [Dimension("Level", "Host")], "one")
    told = json.loads(json.dumps([metric], cls=MetricEncoder))[0]
    assert isinstance(told.pop("Timestamp"), int)
    assert isinstance(told.pop("HostName"), str)
    assert told == {
        "MetricName": "Wait",
        "Value": 20,
        "Unit": "Milliseconds",
        "Dimensions": [{"Name": "Level", "Value": "Host"}],
        "RequestId": "one",
    }
    with pytest.raises(TypeError):
        json.dumps(object(), cls=MetricEncoder)
