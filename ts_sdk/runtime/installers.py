"""Installing packages into an environment: with uv where there is one, else with pip."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from ts_sdk.errors import LoadError
from ts_sdk.requirements import Unmet, unmet_in_environment, unmet_requirements

_TOLD_LINES = 15
_NEVER = 'sys_platform == "never"'


def install(python: Path, packages: Path, requirements: Path) -> str:
    """Install what *requirements* asks for and this program does not have.

    Args:
        python: The environment's interpreter.
        packages: The environment's ``site-packages``.
        requirements: The requirements file; paths in it are relative to its folder.

    Returns:
        The tool that was used.

    Raises:
        LoadError: It fails; the tool's last lines are told.
    """
    uv = _find_uv()
    if uv is not None:
        _install_with_uv(uv, python, packages, requirements)
        return "uv"
    if PathFinder.find_spec("pip") is None:
        raise LoadError(
            "there is neither uv nor pip to install the requirements with: "
            "install one of them beside this program ('python -m ensurepip' brings pip)",
            phase="make environment",
        )
    # pip sees this program's packages through the environment, and takes them as installed.
    command = [
        str(python),
        "-P",
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
    ]
    _run([*command, "-r", requirements.name], requirements)
    return "pip"


def _find_uv() -> list[str] | None:
    program = shutil.which("uv")
    if program is not None:
        return [program]
    return [sys.executable, "-m", "uv"] if PathFinder.find_spec("uv") is not None else None


def _install_with_uv(uv: list[str], python: Path, packages: Path, requirements: Path) -> None:
    """Install with uv, which does not see this program's packages.

    It is told that they are never needed, except those that are unmet. What it installs may need
    another version of one more: then that one is unmet too, and uv is asked again.
    """
    unmet = unmet_requirements(requirements.read_bytes(), requirements.parent)
    kept = _names_here() - _names_of(unmet)
    while True:
        with tempfile.TemporaryDirectory() as scratch:
            overrides = Path(scratch, "overrides.txt")
            overrides.write_text("".join(f"{name} ; {_NEVER}\n" for name in sorted(kept)))
            command = [*uv, "pip", "install", "--python", str(python), "--overrides"]
            _run([*command, str(overrides), "-r", requirements.name], requirements)
        unmet = unmet_in_environment(packages, [str(packages), *sys.path])
        if not kept & _names_of(unmet):
            return
        kept -= _names_of(unmet)


def _names_here() -> set[str]:
    """The distributions of this program."""
    return {canonicalize_name(each.name) for each in distributions() if each.name}


def _names_of(unmet: Iterable[Unmet]) -> set[str]:
    return {canonicalize_name(each.name) for each in unmet if each.name}


def _run(command: Sequence[str], requirements: Path) -> None:
    """Run an installer in the archive's folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PIP_USER"] = "0"  # which a user's settings may ask for, and an environment refuses
    finished = subprocess.run(  # noqa: S603 - uv, or this program's pip
        command,
        cwd=requirements.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if finished.returncode:
        last = "\n".join(finished.stdout.strip().splitlines()[-_TOLD_LINES:])
        raise LoadError(
            f"installing {requirements.name} failed; change it in the archive, or install what it "
            "asks for into this environment and load with isolation='process'. The end of what "
            f"{shlex.join(command)} printed:\n{last}",
            phase="make environment",
        )
