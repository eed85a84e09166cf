"""An environment with the packages that an archive's requirements file asks for.

What this program's environment has already is used from there; only what it does not meet is
installed, and comes first. The key is made of all that decides what gets installed: the
requirements files, this Python, and the packages that it has.
"""

import hashlib
import logging
import os
import platform
import re
import site
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ts_sdk.cache.environments import Environments, python_of
from ts_sdk.requirements import included_files, requirement_lines, unmet_requirements
from ts_sdk.runtime.installers import install

_logger = logging.getLogger(__name__)

_BASE = "_base.pth"
_METADATA_SUFFIXES = (".dist-info", ".egg-info", ".egg-link")
_SEPARATORS = re.compile(r"[\s=@;]+")


def python_with(requirements: Path, root: Path, made_for: str, resources: ExitStack) -> Path | None:
    """The interpreter of an environment that meets *requirements*; None if this one does.

    It is made when it is not there yet; of several processes that ask at once, one makes it and
    the others wait.

    Args:
        requirements: The requirements file, in the archive's folder; relative paths in it are
            relative to that.
        root: The cache's folder.
        made_for: The model's name.
        resources: Its closing lets the environment be removed.

    Raises:
        LoadError: The packages cannot be installed; the installer's last words are told.
        CacheError: The cache's folder cannot be used.
    """
    unmet = unmet_requirements(requirements.read_bytes(), requirements.parent)
    if not unmet:
        return None
    why = "; ".join(map(str, unmet))
    make = partial(_make, requirements, why)
    folder = Environments(root).lease(_key(requirements), made_for, make, resources)
    return python_of(folder)


def _make(requirements: Path, why: str, folder: Path) -> dict[str, str]:
    _logger.info("making an environment for %s: it %s", requirements.parent, why)
    started = time.monotonic()
    venv.EnvBuilder(symlinks=True).create(folder)
    packages = site_packages_of(folder)
    # addsitedir also follows what the program's own packages link to, such as editable installs.
    lines = [f"import site; site.addsitedir({place!r})" for place in _places_of_program()]
    (packages / _BASE).write_text("\n".join(lines) + "\n")
    tool = install(python_of(folder), packages, requirements)
    _logger.info("made %s with %s in %.0f s", folder, tool, time.monotonic() - started)
    return {"requirements": str(requirements), "tool": tool}


def site_packages_of(folder: Path) -> Path:
    """Where the environment in *folder* keeps its packages."""
    names = {"base": str(folder), "platbase": str(folder)}
    return Path(sysconfig.get_path("purelib", "venv", names))


def _places_of_program() -> list[str]:
    """The folders in which this program finds installed packages."""
    known = [*site.getsitepackages(), site.getusersitepackages()]
    return [place for place in known if place in sys.path]


def _key(requirements: Path) -> str:
    """All that the environment depends on, as a name."""
    digest = hashlib.sha256()
    facts = (sys.version, platform.machine(), sys.prefix, *_installed())
    for fact in (*facts, *_asked_for(requirements, {requirements.resolve()})):
        digest.update(fact.encode() + b"\0")
    return digest.hexdigest()[:32]


def _installed() -> list[str]:
    """The distributions of this program, told by the names of their metadata."""
    return sorted(
        entry.name
        for place in _places_of_program()
        if Path(place).is_dir()
        for entry in os.scandir(place)
        if entry.name.endswith(_METADATA_SUFFIXES)
    )


def _asked_for(requirements: Path, seen: set[Path]) -> Iterator[str]:
    """What a requirements file says, with the files that it includes or installs from."""
    content = requirements.read_bytes()
    yield content.hex()
    for line in requirement_lines(content):
        for word in _SEPARATORS.split(line):
            place = (requirements.parent / word.removeprefix("file://")).resolve()
            if word and place.exists():
                yield from (f"{file} {file.stat().st_size}" for file in _files_at(place))
    for name in included_files(content):
        included = (requirements.parent / name).resolve()
        if included not in seen and included.is_file():
            seen.add(included)
            yield from _asked_for(included, seen)


def _files_at(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
