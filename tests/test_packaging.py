"""The wheel that users install is whole."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("archiver", "ts_sdk", "default_handlers")
HANDLERS = {
    "image_classifier": "ImageClassifier",
    "image_segmenter": "ImageSegmenter",
    "object_detector": "ObjectDetector",
    "text_classifier": "TextClassifier",
}
STAND_INS = {
    "handler_utils.text_utils": "torchserve_text",
    "torch_handler.contractions": "torchserve_text",
    "torch_handler.densenet_handler": "densenet",
    "torch_handler.text_handler": "text",
    "torch_handler.vision_handler": "vision",
    **{f"torch_handler.{name}": name for name in HANDLERS},
}
"""Modules of TorchServe, and ours in their place."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built from this tree by the installed build backend, without a network."""
    target = tmp_path_factory.mktemp("wheel")
    code = f"import hatchling.build as b; b.build_wheel({str(target)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """A folder that the wheel is installed into, without its dependencies."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-deps", "--no-index", "--no-compile", "--target", str(target), str(wheel)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    return target


def test_holds_every_module_and_nothing_else(wheel):
    sources = {
        str(path.relative_to(REPOSITORY))
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == sources | {f"{package}/py.typed" for package in PACKAGES}


def test_names_its_commands_and_its_handlers(installed):
    distribution = PathDistribution(next(installed.glob("*.dist-info")))
    points = {(point.group, point.name): point.value for point in distribution.entry_points}
    assert points == {
        ("console_scripts", "mar"): "ts_sdk.cli:main",
        ("console_scripts", "mar-pack"): "archiver.cli:main",
        ("pytest11", "ts_sdk"): "ts_sdk.testing.pytest_plugin",
        **{
            ("ts_sdk.handlers", name): f"default_handlers.{name}:{class_name}"
            for name, class_name in HANDLERS.items()
        },
        **{
            ("ts_sdk.torchserve", f"ts.{name}"): f"default_handlers.{module}"
            for name, module in STAND_INS.items()
        },
    }
    assert distribution.metadata["Requires-Python"] == ">=3.11"
    assert distribution.metadata["License-Expression"] == "Apache-2.0"
    assert any(path.name == "LICENSE" for path in distribution.files)


@pytest.mark.parametrize("command", ["mar-pack", "mar"])
def test_the_installed_command_answers(installed, command):
    """From the installed files alone: an empty folder is the working directory."""
    environment = os.environ | {"PYTHONPATH": str(installed), "COLUMNS": "100"}
    script = installed / "bin" / command
    code = (
        "import runpy, sys, archiver; "
        f"assert archiver.__file__.startswith({str(installed)!r}), archiver.__file__; "
        f"sys.argv = [{command!r}, '--help']; runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert f"usage: {command}" in ran.stdout
