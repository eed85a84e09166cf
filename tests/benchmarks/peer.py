"""The real TorchServe pieces, in a folder of their own that the product never sees."""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path("build/peer")
_PACKAGES = (
    "torchserve==0.12.0",
    "torch-model-archiver==0.12.0",
    "captum",
    "enum-compat",
    # What captum imports.
    "contourpy",
    "cycler",
    "fonttools",
    "kiwisolver",
    "matplotlib",
    "packaging",
    "psutil",
    "pyparsing",
    "python-dateutil",
    "six",
    "tqdm",
)


def install() -> Path:
    """Install the peer once; torch is the project's own, so that both use the same."""
    stamp = FOLDER / ".installed"
    if not stamp.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--target", str(FOLDER), *_PACKAGES]
        subprocess.run(command, check=True)
        stamp.touch()
    return FOLDER


def environment() -> dict[str, str]:
    """The environment in which a Python process finds the peer."""
    return os.environ | {"PYTHONPATH": str(install().resolve()), "PYTHONWARNINGS": "ignore"}
