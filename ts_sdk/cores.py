"""How many processor cores there really are for this process, and how many a model is to use."""

import math
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

worker_threads: ContextVar[int | None] = ContextVar("ts_sdk_worker_threads", default=None)
"""How many threads a model that is being loaded is to compute with, where its runtime keeps that
number from then on; None stands for torch's."""

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def available_cores(groups: Path = _GROUPS, own_groups: Path = _OWN_GROUPS) -> int:
    """The cores that this process may use: by its affinity, and by what its control groups allow.

    Args:
        groups: Where control groups (version 2) are.
        own_groups: The file that says in which of them this process is.
    """
    shares = [share for folder in _own(groups, own_groups) if (share := _share_of(folder))]
    return max(1, math.ceil(min([_by_affinity(), *shares])))


def most_threads() -> int | None:
    """The bound that ``OMP_NUM_THREADS`` sets; None where it sets none.

    OpenMP makes its threads wait as that says: more of them than it was told of slow each other
    down many times over.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def _by_affinity() -> int:
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _own(groups: Path, own_groups: Path) -> Iterator[Path]:
    """The folders of the control group that this process is in, and of those around it."""
    try:
        lines = own_groups.read_text(encoding="utf-8").splitlines()
    except OSError:  # there are no such groups on this system
        return
    named = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if named is None:
        return
    folder = groups / named
    yield folder
    while folder != groups:
        folder = folder.parent
        yield folder


def _share_of(folder: Path) -> float | None:
    """How many cores the group in *folder* may use at once; None where nothing bounds them."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return None
