"""`metrics.yaml`: TorchServe's files load, and what is wrong in one is named by its key."""

import math

import pytest
import yaml

from ts_sdk.metrics import (
    MetricFileError,
    MetricKeyError,
    Metrics,
    MetricTypeError,
    MetricTypes,
    MetricValueError,
)
from ts_sdk.metrics.yaml_cache import MetricsCacheYamlImpl
from ts_sdk.metrics.yaml_error import MetricYamlError

FILE_OF_A_SERVER = """
dimensions:
  - &model_name "ModelName"
  - &level "Level"
  - &hostname "Hostname"

ts_metrics:
  counter:
    - name: Requests2XX
      unit: Count
      dimensions: [*level, *hostname]
  gauge:
    - name: QueueTime
      unit: Milliseconds
      dimensions: [*level, *hostname]

model_metrics:
  counter:
    - name: Cats
      unit: cats
      dimensions: [*model_name, *level]
  gauge:
    - name: HandlerTime
      unit: ms
      dimensions: [*model_name, *level]
    - name: PredictionTime
      unit: ms
      dimensions: [*model_name, *level]
  histogram:
    - name: Boxes
      unit: boxes
      dimensions: []
"""


@pytest.fixture
def write(tmp_path):
    def writing(text):
        path = tmp_path / "metrics.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return writing


def test_a_servers_file_declares_the_models_metrics(write, caplog):
    metrics = Metrics("cat")
    metrics.declare(write(FILE_OF_A_SERVER))
    assert sorted(metrics.cache_keys()) == [
        "counter:Cats",
        "gauge:HandlerTime",
        "gauge:PredictionTime",
        "histogram:Boxes",
    ]
    assert metrics.get_metric("Cats").dimension_names == ["ModelName", "Level"]
    assert metrics["Boxes"].unit == "boxes"
    assert metrics["Boxes"].type is MetricTypes.HISTOGRAM
    assert caplog.messages == []


def test_the_file_may_be_named_by_text(write):
    metrics = Metrics("cat")
    metrics.declare(str(write(FILE_OF_A_SERVER)))
    assert "Boxes" in metrics


def test_a_declared_unit_stands_over_that_of_the_call(write):
    metrics = Metrics("cat")
    metrics.declare(write(FILE_OF_A_SERVER))
    metrics.add_counter("Cats", 1)
    assert (metrics["Cats"].value, metrics["Cats"].unit) == (1, "cats")


def test_a_type_without_metrics_is_none(write):
    metrics = Metrics("cat")
    metrics.declare(write("model_metrics: {counter: , gauge: []}"))
    assert len(metrics) == 2


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("", MetricTypeError, "must hold the section model_metrics, not None"),
        ("- a", MetricTypeError, r"must hold the section model_metrics, not \['a'\]"),
        ("dimensions: [a]", MetricKeyError, "the section model_metrics is missing"),
        ("model_metrics:", MetricValueError, "model_metrics is empty"),
        ("model_metrics: [a]", MetricTypeError, "keys counter, gauge, histogram"),
        ("model_metrics: {meter: []}", MetricKeyError, "model_metrics.meter is no type of metric"),
        ("model_metrics: {gauge: a}", MetricTypeError, "model_metrics.gauge must be a list"),
        ("model_metrics: {gauge: [a]}", MetricTypeError, r"model_metrics.gauge\[0\] must have"),
        (
            "model_metrics: {gauge: [{unit: ms}]}",
            MetricKeyError,
            r"gauge\[0\] has no name and no dimensions",
        ),
        (
            "model_metrics: {gauge: [{name: 1, unit: ms, dimensions: []}]}",
            MetricTypeError,
            r"gauge\[0\].name must be text, not 1",
        ),
        (
            "model_metrics: {gauge: [{name: a, unit: , dimensions: []}]}",
            MetricTypeError,
            r"gauge\[0\].unit must be text, not None",
        ),
        (
            "model_metrics: {gauge: [{name: a, unit: ms, dimensions: Level}]}",
            MetricTypeError,
            r"gauge\[0\].dimensions must be a list of names, not 'Level'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_key(write, text, error, told):
    with pytest.raises(error, match=told) as caught:
        Metrics("cat").declare(write(text))
    assert str(caught.value).startswith("metrics.yaml: ")


BOXES = "model_metrics: {histogram: [{name: Boxes, unit: boxes, dimensions: [], %s}]}"


def test_a_histogram_may_have_buckets(write):
    metrics = Metrics("cat")
    metrics.declare(write(BOXES % "buckets: [0.5, 2, 10, .inf]"))
    metrics.add_metric("Boxes", 2, "boxes", metric_type=MetricTypes.HISTOGRAM)
    metrics.add_metric("Boxes", 99, "boxes", metric_type=MetricTypes.HISTOGRAM)
    assert metrics["Boxes"].buckets == {0.5: 0, 2: 1, 10: 1, math.inf: 2}


def test_what_a_handler_asks_for_may_not_be_other_buckets_once_values_are_counted(write):
    metrics = Metrics("cat")
    metrics.declare(write(BOXES.replace("dimensions: []", "dimensions: [Level]") % "buckets: [1]"))
    metrics.histogram("Boxes").observe(3)
    assert set(metrics["Boxes"].buckets) == {1, math.inf}
    with pytest.raises(MetricValueError, match="metric Boxes: its values are counted in the buck"):
        metrics.histogram("Boxes", buckets=[5])


def test_buckets_that_are_declared_late_start_it_again_and_say_so(write, caplog):
    metrics, file = Metrics("cat"), write(BOXES % "buckets: [1]")
    metrics.add_metric("Boxes", 2, "boxes", metric_type=MetricTypes.HISTOGRAM)
    metrics.declare(file)
    assert metrics["Boxes"].count == 0
    assert "is in the buckets (1.0,) now: it starts again from nothing" in caplog.messages[0]
    caplog.clear()
    metrics.add_metric("Boxes", 2, "boxes", metric_type=MetricTypes.HISTOGRAM)
    metrics.declare(file)
    assert metrics["Boxes"].count == 1


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        (BOXES % "buckets: 5", MetricTypeError, r"\[0\].buckets must be a list of numbers, not 5"),
        (BOXES % "buckets: [a]", MetricTypeError, r"must be a list of numbers, not \['a'\]"),
        (BOXES % "buckets: [true]", MetricTypeError, r"must be a list of numbers, not \[True\]"),
        (BOXES % "buckets: [2, 1]", MetricValueError, "metric Boxes: buckets are upper bounds"),
        (BOXES % "buckets: []", MetricValueError, "metric Boxes: buckets are upper bounds"),
        (BOXES % "buckets:", MetricTypeError, "must be a list of numbers, not None"),
        (
            BOXES % "Bucket: [1]",
            MetricKeyError,
            r"\[0\].Bucket is not known; did you mean 'buckets'",
        ),
        (
            "model_metrics: {gauge: [{name: a, unit: ms, dimensions: [], buckets: [1]}]}",
            MetricKeyError,
            r"gauge\[0\] is a gauge: a histogram alone has buckets",
        ),
        ("model_metrics: {histograms: []}", MetricKeyError, "did you mean 'histogram'"),
        (
            "model_metrics: {gauge: [{name: a, unit: ms, dimension: []}]}",
            MetricKeyError,
            r"has no dimensions; did you mean 'dimensions' by model_metrics.gauge\[0\].dimension",
        ),
    ],
)
def test_wrong_buckets_and_slips_of_the_pen_are_named(write, text, error, told):
    metrics = Metrics("cat")
    with pytest.raises(error, match=told) as caught:
        metrics.declare(write(text))
    assert str(caught.value).startswith("metrics.yaml: ")
    assert len(metrics) == 2


def test_keys_that_torchserve_passes_over_are_passed_over(write):
    metrics = Metrics("cat")
    metrics.declare(write(BOXES % "help: how many, team: cats"))
    assert "Boxes" in metrics


def test_all_problems_are_named_at_once_and_nothing_is_declared(write):
    metrics = Metrics("cat")
    with pytest.raises(MetricKeyError) as caught:
        metrics.declare(
            write(
                "model_metrics:\n"
                "  counter: [{name: Cats, unit: cats, dimensions: []}, {name: Dogs, unit: dogs}]\n"
                "  meter: []\n"
            )
        )
    assert str(caught.value) == (
        "metrics.yaml: model_metrics.counter[1] has no dimensions; "
        "model_metrics.meter is no type of metric; there are counter, gauge, histogram"
    )
    assert "Cats" not in metrics


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", b"\xff\xfe\x00a"])
def test_what_is_no_yaml_is_also_pyyamls_error(write, text):
    path = write(text)
    with pytest.raises(MetricYamlError, match=r"metrics\.yaml is not valid YAML"):
        Metrics("cat").declare(path)
    with pytest.raises(yaml.YAMLError):
        Metrics("cat").declare(path)


def test_a_file_that_is_not_there_is_also_an_os_error(tmp_path):
    with pytest.raises(MetricFileError, match=r"none\.yaml cannot be read: No such file"):
        Metrics("cat").declare(tmp_path / "none.yaml")
    with pytest.raises(OSError, match="none"):
        Metrics("cat").declare(tmp_path / "none.yaml")


def test_the_old_cache_reads_at_once_and_declares_when_asked(write):
    cache = MetricsCacheYamlImpl(config_file_path=str(write(FILE_OF_A_SERVER)))
    assert "Cats" not in cache
    cache.initialize_cache()
    cache.model_name = "cat"
    cache.set_request_ids({0: "one"})
    cache.add_counter("Cats", 2, 0)
    assert cache["Cats"].value == 2
    assert list(cache["Cats"].series) == [(("ModelName", "cat"), ("Level", "Model"))]


@pytest.mark.parametrize("path", ["", None])
def test_the_old_cache_wants_a_path(path):
    with pytest.raises(MetricTypeError, match="path of a metrics file"):
        MetricsCacheYamlImpl(path)


def test_the_old_cache_tells_a_broken_file_when_it_is_made_and_a_wrong_one_when_asked(write):
    with pytest.raises(MetricYamlError):
        MetricsCacheYamlImpl(write("a: [1"))
    cache = MetricsCacheYamlImpl(write("model_metrics:"))
    with pytest.raises(MetricValueError, match=r"metrics\.yaml: model_metrics is empty"):
        cache.initialize_cache()
