"""What a model counts of its requests, whichever handler it has and wherever that runs."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from ts_sdk import RequestError
from ts_sdk.metrics import MetricTypes
from ts_sdk.metrics.served import METRICS, Served
from ts_sdk.timing import PhaseTimes

HANDLER = """
    from ts_sdk import BaseHandler


    class Wishes(BaseHandler):
        def initialize(self, context):
            self.initialized = True

        def preprocess(self, data):
            bodies = [row["body"] for row in data]
            for index, body in enumerate(bodies):
                if body == "refuse":
                    self.reject(index, "it was asked for")
            if "fail" in bodies:
                raise LookupError("it was asked for")
            return [body for body in bodies if body != "refuse"]

        def inference(self, data):
            return data

        def postprocess(self, data):
            return data
"""


@pytest.fixture(params=["archive", "process"])
def model(request, load_folder):
    return load_folder({"handler.py": HANDLER}, isolation=request.param)


def values_of(metrics):
    return {name: view.value for name, view in metrics.items()}


def test_requests_are_counted_by_status_and_exceptions_by_type(model):
    outcomes = model.predict_batch(["a", "refuse", "b", "fail"])
    assert [type(each) for each in outcomes] == [str, RequestError, str, RequestError]
    model.respond("c")
    list(model.stream("d"))
    found = values_of(model.metrics)
    assert (found["Requests2XX"], found["Requests4XX"], found["Requests5XX"]) == (4, 1, 1)
    assert found["ts_inference_requests_total"] == 6
    assert found["ts_inference_latency_microseconds"] > 0
    (place, totals), = model.metrics["Exceptions"].series.items()  # fmt: skip
    assert (dict(place)["Exception"], totals.value) == ("LookupError", 1)


def test_a_request_that_cannot_be_read_is_counted_too(model, tmp_path):
    model.predict_batch([tmp_path / "missing.png"])
    assert model.metrics["Requests4XX"].value == 1
    assert dict(next(iter(model.metrics["Exceptions"].series)))["Exception"] == "RequestError"


def test_phases_and_batches_are_measured(model):
    for batch in (["a"], ["b", "c", "d"], ["e", "f", "g"]):
        model.predict_batch(batch)
    sizes = model.metrics["BatchSize"]
    assert (sizes.count, sizes.sum, sizes.value, sizes.type) == (3, 7, 3, MetricTypes.HISTOGRAM)
    assert (sizes.buckets[1], sizes.buckets[2], sizes.buckets[4], sizes.buckets[math.inf]) == (
        *(1, 1, 3),
        3,
    )
    for name in ("PreprocessTime", "InferenceTime", "PostprocessTime", "HandlerTime"):
        view = model.metrics[name]
        assert (view.count, view.unit, view.type) == (3, "Milliseconds", MetricTypes.GAUGE)
    assert model.metrics["PredictionTime"].count == 3


def test_none_of_them_is_a_sample(model, caplog):
    """TorchServe's worker wrote its own lines only; its frontend counted the rest."""
    caplog.set_level("INFO", "ts_sdk.metrics")
    model.predict("a")
    lines = [each for each in caplog.messages if each.startswith("[METRICS]")]
    assert [line.split(".")[0] for line in lines] == [
        "[METRICS]HandlerTime",
        "[METRICS]PredictionTime",
    ]


def test_the_labels_are_torchserves(model):
    model.predict("a")
    text = model.metrics.prometheus_text()
    assert 'Requests2XX{Hostname="' in text
    assert '",Level="Host"} 1.0' in text
    assert 'model_name="sources",model_version="1.0"} 1.0' in text


def test_before_the_first_request_there_is_nothing_but_zeros(model):
    assert model.metrics["Requests2XX"].value == 0
    assert "BatchSize" not in model.metrics
    with pytest.raises(KeyError):
        model.metrics["BatchSize"]


def test_what_the_handler_records_under_such_a_name_stands_over_it(model):
    model.predict("a")
    model.metrics.gauge("BatchSize").set(99)
    assert model.metrics["BatchSize"].value == 99
    assert len(list(model.metrics)) == len(set(model.metrics)) == len(model.metrics)


def test_before_there_is_a_queue_there_are_no_waits(model):
    model.predict("a")
    assert "QueueTime" not in model.metrics
    assert "ts_queue_latency_microseconds" not in model.metrics


def test_waits_are_among_the_models_metrics(model):
    """Whoever queues requests calls `waited` with what each has waited."""
    for wait_s in (0.5, 0.25):
        model._served.waited(wait_s)
    waits = model.metrics["QueueTime"]
    assert (waits.value, waits.count, waits.sum) == (250, 2, 750)
    assert (waits.unit, waits.type) == ("Milliseconds", MetricTypes.GAUGE)
    assert waits.series.keys() == {(("Level", "Host"),)}
    assert model.metrics["ts_queue_latency_microseconds"].value == 750_000
    text = model.metrics.prometheus_text()
    assert "# TYPE QueueTime gauge" in text
    assert '",Level="Host"} 250.0' in text
    assert 'model_name="sources",model_version="1.0"} 750000.0' in text


def test_waits_of_many_threads_are_all_counted():
    served = Served("cat", None, PhaseTimes())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(served.waited, [0.25] * 4000))
    found = {view.name: view for view in served.views()}
    assert (found["QueueTime"].count, found["QueueTime"].sum) == (4000, 1_000_000)
    assert set(found) <= set(METRICS)
