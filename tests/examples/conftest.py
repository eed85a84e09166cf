"""What the tests of several examples use."""

import importlib

import pytest
from example_programs import EXAMPLES


@pytest.fixture(scope="session")
def scenes():
    """The module that composes scenes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES / "scenes")
        return importlib.import_module("scenes")
