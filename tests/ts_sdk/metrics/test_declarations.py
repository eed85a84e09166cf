"""`metrics.yaml`: TorchServe's files load, and what is wrong in one is named by its key."""

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
