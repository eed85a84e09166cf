"""Leases: what a process holds while it uses an entry of the extraction cache.

A lease is a lock on a file of its own, so the operating system ends it when its process ends,
however that happens. The files are numbered slots: one that a killed process left behind is taken
by the next process, so there are never more of them than processes were at work at once.

Slots are taken, looked at and removed only while the cache's own lock is held.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout


class Lease:
    """The right to use an entry; it is not cleared before `release`, or the end of the process.

    It belongs to the process that took it: a forked child takes one of its own.

    Attributes:
        folder: Where the archive's members are.
        hit: Whether they were there already, so that nothing was extracted.
    """

    def __init__(self, folder: Path, *, hit: bool, lock: FileLock | None = None) -> None:
        self.folder = folder
        self.hit = hit
        self._lock = lock

    def release(self) -> None:
        """Give the entry back; calling it again does nothing."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class LeaseSlots:
    """The files that leases are locks on, ``<digest>.<slot>.lock``.

    Attributes:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, digest: str) -> FileLock:
        """Lock the first slot of *digest* that is free."""
        slot = 0
        while (lock := try_lock(self.folder / f"{digest}.{slot}.lock")) is None:
            slot += 1
        return lock

    def in_use(self, digest: str) -> bool:
        """Whether a live process holds a lease of *digest*."""
        for slot in self._slots(digest):
            lock = try_lock(slot)
            if lock is None:
                return True
            lock.release()
        return False

    def forget(self, digest: str) -> None:
        """Remove the slots of *digest*, which is not in use."""
        for slot in self._slots(digest):
            slot.unlink(missing_ok=True)

    def digests(self) -> set[str]:
        """Every digest that has a slot, in use or not."""
        return {slot.name.split(".")[0] for slot in self.folder.glob("*.lock")}

    def _slots(self, digest: str) -> Iterator[Path]:
        return self.folder.glob(f"{digest}.*.lock")


def try_lock(path: Path) -> FileLock | None:
    """A lock on *path*, created when missing; None when another holder has it."""
    lock = FileLock(path, mode=0o600, thread_local=False)  # a lease may be released by any thread
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock
