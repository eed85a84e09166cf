"""The reference leaves out no public name."""

import inspect
import re
from pathlib import Path

import pytest

from ts_sdk import metrics

PAGE = (Path(__file__).parents[3] / "docs/reference/metrics.md").read_text(encoding="utf-8")
CALLS = [
    name
    for name, _ in inspect.getmembers(metrics.Metrics, inspect.isfunction)
    if not name.startswith("_") and name not in {"get", "items", "keys", "values"}
]
OURS = {"ids_of_batch", "watch"}
"""What the package's own modules call."""


@pytest.mark.parametrize("name", metrics.__all__)
def test_every_public_name_is_explained(name):
    assert re.search(rf"\b{name}\b", PAGE)


@pytest.mark.parametrize("name", sorted(set(CALLS) - OURS))
def test_every_method_of_metrics_is_explained(name):
    assert re.search(rf"\b{name}\(", PAGE)
