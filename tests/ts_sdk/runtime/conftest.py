"""Handlers in processes of their own. None of them needs torch, so that each starts quickly."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from processes import WISHES

from ts_sdk import Model

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def start(load_folder: Callable[..., Model]) -> Callable[..., Model]:
    """Load a folder with this handler, in a process of its own."""

    def starting(handler: str = WISHES, **options: object) -> Model:
        files = {"handler.py": handler, **options.pop("files", {})}
        return load_folder(files, **{"isolation": "process", **options})

    return starting


@pytest.fixture
def run_program(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run a Python program; it is killed after the test."""
    programs: list[subprocess.Popen[str]] = []

    def running(source: str, *arguments: object) -> subprocess.Popen[str]:
        file = tmp_path / "program.py"
        file.write_text(dedent(source))
        programs.append(
            subprocess.Popen(
                [sys.executable, str(file), *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            )
        )
        return programs[-1]

    yield running
    for program in programs:
        program.kill()
        program.communicate()
