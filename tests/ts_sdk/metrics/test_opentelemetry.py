"""Samples as the OpenTelemetry SDK collects them."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from ts_sdk.metrics import Metrics, OpenTelemetry, SystemMetrics

MODEL = {"ModelName": "cat", "Level": "Model"}


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def meter(reader):
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    yield provider.get_meter("test")
    provider.shutdown()


def collected(reader):
    """Name → the metric; the SDK may spell names in small letters, which it takes for the same."""
    data = reader.get_metrics_data()
    return {
        metric.name.lower(): metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_each_type_arrives_with_its_unit_and_attributes(reader, meter):
    metrics = Metrics("cat", sinks=[])
    metrics.add_sink(OpenTelemetry(metrics, meter))
    metrics.counter("Cats", dimensions={"kind": "tabby"}).inc(2)
    metrics.counter("Cats", dimensions={"kind": "tabby"}).inc(3)
    metrics.gauge("Purrs", unit="MB").set(25)
    metrics.histogram("Boxes", unit="ms", buckets=[1, 5]).observe(3)
    metrics.add_metric("Lives", 9, "lives")
    found = collected(reader)
    (cats,) = found["cats"].data.data_points
    assert (cats.value, cats.attributes) == (5, {"kind": "tabby", **MODEL})
    assert found["purrs"].data.data_points[0].value == 25
    (boxes,) = found["boxes"].data.data_points
    assert (list(boxes.explicit_bounds), list(boxes.bucket_counts)) == ([1, 5], [0, 1, 0])
    units = {name: metric.unit for name, metric in found.items()}
    assert units == {"cats": "1", "purrs": "MiBy", "boxes": "ms", "lives": "{lives}"}


def test_what_is_counted_without_samples_is_observed(reader, meter):
    metrics = Metrics("cat", sinks=[])
    metrics.add_source(SystemMetrics())
    metrics.add_sink(OpenTelemetry(metrics, meter))
    (memory,) = collected(reader)["memoryavailable"].data.data_points
    assert memory.value > 0
    assert memory.attributes == {"Level": "Host"}


def test_without_the_package_it_says_what_to_install():
    program = """
import sys
sys.modules["opentelemetry"] = None
from ts_sdk.metrics import MetricDependencyError, Metrics, OpenTelemetry
try:
    OpenTelemetry(Metrics("cat"))
except MetricDependencyError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'ts-sdk[otel]'" in ran.stdout
