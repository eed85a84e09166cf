"""What this Python has installed, told by metadata and finders: nothing of it is imported."""

import importlib.metadata
import re
import shutil
import sys
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from ts_sdk.entry_points import GROUP
from ts_sdk.routers import find_for_program

_DISTRIBUTION = "ts-sdk"


@cache
def has_module(top: str) -> bool:
    """Whether module *top*, a name without a dot, is installed or Python's own."""
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return True
    try:
        return find_for_program(top) is not None
    except (ImportError, ValueError):  # a finder that some package has installed gave up
        return False


@cache
def version_of(distribution: str) -> Version | None:
    """The version of *distribution* that is installed, None when there is none."""
    try:
        return Version(importlib.metadata.version(distribution))
    except (importlib.metadata.PackageNotFoundError, InvalidVersion):
        return None


@cache
def offers_extra(extra: str) -> bool:
    """Whether this library can be installed with *extra*."""
    metadata = importlib.metadata.metadata(_DISTRIBUTION)
    return extra in (metadata.get_all("Provides-Extra") or ())


def installed_handlers() -> frozenset[str]:
    """The handlers that an archive may name without having them."""
    offered = importlib.metadata.entry_points(group=GROUP)
    return frozenset({"base_handler", *(entry.name for entry in offered)})


def library_handlers() -> frozenset[str]:
    """Those of `installed_handlers` that are the library's own."""
    offered = importlib.metadata.entry_points(group=GROUP)
    own = (entry.name for entry in offered if entry.module.startswith("default_handlers."))
    return frozenset({"base_handler", *own})


@cache
def has_cuda_driver() -> bool:
    """Whether there is a driver for NVIDIA's GPUs; torch would know better, and take seconds."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def normalized(distribution: str) -> str:
    """The name of a distribution as all of its spellings are compared."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
