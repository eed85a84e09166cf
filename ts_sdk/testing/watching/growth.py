"""How much the process holds: memory, objects, tensors, threads, open files."""

import gc
import os
import sys
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

_OPEN_FILES = Path("/proc/self/fd")
_STATUS = Path("/proc/self/statm")


@dataclass(frozen=True)
class Footprint:
    """What the process holds at one time.

    Attributes:
        objects: Objects that Python's collector knows, without what deques of a bounded length
            hold: they fill up, as that of a metric's recent values does, and grow no further.
        tensors: Tensors among them.
        threads: Threads of Python.
        open_files: Open files and sockets; 0 where the system does not tell.
        resident_bytes: Memory in use; 0 where the system does not tell.
    """

    objects: int
    tensors: int
    threads: int
    open_files: int
    resident_bytes: int

    @classmethod
    def now(cls) -> "Footprint":
        """What the process holds now, without what only waits to be collected."""
        gc.collect()
        objects = gc.get_objects()
        torch = sys.modules.get("torch")
        tensor = () if torch is None else torch.Tensor
        tensors = sum(issubclass(type(each), tensor) for each in objects)
        return cls(
            len(objects) - _count_bounded(objects),
            tensors,
            threading.active_count(),
            len(list(_OPEN_FILES.iterdir())) if _OPEN_FILES.is_dir() else 0,
            _resident_bytes(),
        )

    def __sub__(self, other: "Footprint") -> "Footprint":
        return Footprint(
            *(getattr(self, each.name) - getattr(other, each.name) for each in fields(self))
        )


def _count_bounded(objects: Iterable[object]) -> int:
    """How many of *objects* are in deques of a bounded length, in plain containers in them too."""
    waiting: list[object] = []
    for each in objects:
        if type(each) is deque and each.maxlen is not None:
            waiting += each
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if gc.is_tracked(item) and id(item) not in seen:
            seen.add(id(item))
            if type(item) in {tuple, list, dict}:
                waiting += gc.get_referents(item)
    return len(seen)


def _resident_bytes() -> int:
    try:
        pages = int(_STATUS.read_text(encoding="ascii").split()[1])
    except OSError:  # no Linux
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
