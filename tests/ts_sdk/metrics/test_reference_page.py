"""The page about metrics keeps up with the code."""

from pathlib import Path

import documents
import pytest

import ts_sdk.metrics
from ts_sdk.metrics import Metrics, SystemMetrics
from ts_sdk.metrics.served import METRICS
from ts_sdk.runtime.pool.queue_metrics import QueueMetrics

PAGE = Path(documents.REPOSITORY, "docs/reference/metrics.md").read_text()
COUNTED = [*Metrics("cat"), *METRICS, *QueueMetrics.metrics, *SystemMetrics.metrics]


@pytest.mark.parametrize("name", COUNTED)
def test_what_a_model_a_pool_and_the_machine_count_is_on_the_page(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", ts_sdk.metrics.__all__)
def test_the_public_names_are_on_the_page(name):
    assert name in PAGE
