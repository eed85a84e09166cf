"""What is imported when: nothing heavy before something needs a tensor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "torchvision", "numpy", "PIL", "safetensors", "rich", "yaml"}
SCRIPTS = Path(sys.executable).parent
ASK_FOR_HELP = """
import contextlib, runpy, sys
sys.argv = [{script!r}, "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
    runpy.run_path({script!r}, run_name="__main__")
"""
LIST_MODULES = """
import json, sys
print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))
"""


def modules_after(code: str) -> set[str]:
    """The top-level modules that a new Python has loaded when it has run *code*."""
    ran = subprocess.run(
        [sys.executable, "-c", code + LIST_MODULES],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(ran.stdout))


@pytest.mark.parametrize("package", ["archiver", "ts_sdk", "default_handlers"])
def test_importing_a_package_loads_nothing_heavy(package):
    loaded = modules_after(f"import {package}")
    assert package in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("command", ["mar-pack", "mar"])
def test_the_help_of_a_command_loads_nothing_heavy(command):
    loaded = modules_after(ASK_FOR_HELP.format(script=str(SCRIPTS / command)))
    assert "archiver" in loaded or "ts_sdk" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_archiver_loads_the_standard_library_only():
    """All of it: YAML is read only when there is a config file to check."""
    before = modules_after("")
    after = modules_after("from archiver import *\nimport archiver.cli")
    assert after - before <= sys.stdlib_module_names | {"archiver"}


@pytest.mark.parametrize("package", ["archiver", "ts_sdk", "default_handlers"])
def test_importing_a_package_says_nothing_and_changes_nothing(package):
    """No output, no logging set up, no environment, path or warning filter changed."""
    code = f"""
import logging, os, sys, warnings
def settings():
    return [*sys.path], dict(os.environ), [*logging.root.handlers], [*warnings.filters]
before = settings()
import {package}
sys.exit(before != settings())
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
