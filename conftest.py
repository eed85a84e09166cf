"""Run the blocks of README.md and docs/ as tests, and the demonstration, once a session."""

import os
import signal
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path

import documents
import pytest
from hypothesis import HealthCheck, settings

pytest_collect_file = documents.sybil().pytest()

_CACHE = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
DEMO = Path(__file__).parent / "docs/examples/efficientnet_lite0/demo.py"


def pytest_configure(config: pytest.Config) -> None:
    """Make the machine matter less; keep tests and their commands out of the user's cache."""
    # A busy machine draws slowly, which says nothing of the tests.
    settings.register_profile("any machine", suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any machine")
    # A shell's background job ignores interrupts, and so would the commands that are interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_CACHE] = tempfile.TemporaryDirectory(prefix="ts-sdk-tests-")
    os.environ["TS_SDK_CACHE_DIR"] = str(Path(config.stash[_CACHE].name, "cache"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that cache."""
    config.stash[_CACHE].cleanup()


class Demo:
    """The demonstration, run when its output or its folder is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def output(self) -> str:
        """What it printed."""
        command = [sys.executable, str(DEMO), str(self._folder)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
        assert ran.returncode == 0, ran.stdout + ran.stderr  # noqa: S101 - a fixture's assertion
        return ran.stdout

    @cached_property
    def folder(self) -> Path:
        """The folder that it left."""
        assert self.output  # noqa: S101 - a fixture's assertion
        return self._folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demonstration, not run yet."""
    return Demo(tmp_path_factory.mktemp("demo"))
