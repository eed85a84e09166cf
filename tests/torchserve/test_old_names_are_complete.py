"""Whatever handlers can import from the original they can import here, or are told why not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import peer
from ts_sdk.torchserve import knows
from ts_sdk.torchserve.omissions import why_omitted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_PROGRAM = Path(__file__).with_name("list_names.py")


@pytest.fixture(scope="module")
def original():
    """Module → its public names; None where it cannot be imported."""
    command = [sys.executable, str(_PROGRAM)]
    environment = peer.environment()
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def test_the_original_was_found(original):
    assert "BaseHandler" in original["ts.torch_handler.base_handler"]
    assert "Context" in original["ts.context"]
    unread = [name for name, names in original.items() if names is None]
    assert len(unread) < len(original) // 3


def test_each_module_is_there_or_says_why_not(original):
    unexplained = [name for name in original if not knows(name) and not why_omitted(name)]
    assert unexplained == []


def test_each_name_is_there_or_says_why_not(original):
    unexplained = [
        f"{module}:{name}"
        for module, names in original.items()
        for name in names or ()
        if knows(module) and not knows(module, name) and not why_omitted(module, name)
    ]
    assert unexplained == []


def test_nothing_that_is_left_out_is_there(original):
    both = [name for name in original if knows(name) and why_omitted(name)]
    assert both == []
