"""The environments of ``isolation="venv"``: which there are, who uses them, and how they go.

::

    <root>/environments/<key>/             a virtual environment
    <root>/environments/<key>/.made        written last; names the model that asked first
    <root>/environments/<key>/.used        its modification time is the last use
    <root>/environments/<key>.lock         held while it is made, taken or removed
    <root>/environments/<key>.<slot>.lock  locked by the processes that use it
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ts_sdk.cache.folder import CacheEntry, size_of
from ts_sdk.cache.leases import LeaseSlots
from ts_sdk.cache.privacy import make_private

_logger = logging.getLogger(__name__)

_MADE = ".made"
_USED = ".used"


class Environments:
    """The environments in a cache's folder, shared safely by threads and processes.

    Args:
        root: The cache's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "environments"
        self._slots = LeaseSlots(self._folder)

    def lease(
        self, key: str, made_for: str, make: Callable[[Path], dict[str, str]], resources: ExitStack
    ) -> Path:
        """The folder of an environment, made now unless it is there, and kept until it is released.

        Of several processes that ask at once, one makes it and the others wait.

        Args:
            key: What it is named by.
            made_for: The archive that asks.
            make: Makes it in the folder that it is given, and returns what is to be noted of it.
            resources: Its closing releases the environment.

        Raises:
            CacheError: The cache's folder cannot be used.
        """
        make_private(self._root)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        folder = self._folder / key
        with self._change(key):
            if not (folder / _MADE).exists() or not python_of(folder).exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a killed process left
                note = {"archive": made_for, **make(folder)}
                (folder / _MADE).write_text(json.dumps(note))
            (folder / _USED).touch()
            resources.callback(self._slots.take(key).release)
        return folder

    def entries(self) -> list[CacheEntry]:
        """All environments, the one used last first."""
        if not self._folder.is_dir():
            return []
        entries = [self._entry(folder) for folder in self._folder.iterdir() if folder.is_dir()]
        found = (entry for entry in entries if entry is not None)
        return sorted(found, key=lambda entry: entry.last_used, reverse=True)

    def remove(self, key: str) -> bool:
        """Remove an environment unless it is in use, or being made; False when it is."""
        folder = self._folder / key
        with self._change_now(key) as alone:
            if not alone or self._slots.in_use(key):
                return False
            (folder / _MADE).unlink(missing_ok=True)  # first: half of it is none
            shutil.rmtree(folder, ignore_errors=True)
            self._slots.forget(key)
        return True

    def _entry(self, folder: Path) -> CacheEntry | None:
        """The facts of one environment; None when it was removed meanwhile."""
        with self._change_now(folder.name) as alone:
            in_use = not alone or self._slots.in_use(folder.name)
        note = folder / _USED
        try:
            used_s = (note if note.exists() else folder).stat().st_mtime
        except FileNotFoundError:
            return None
        return CacheEntry(
            folder.name,
            _made_for(folder / _MADE),
            size_of(folder),
            datetime.fromtimestamp(used_s, UTC),
            in_use,
            kind="environment",
        )

    @contextmanager
    def _change(self, key: str) -> Iterator[None]:
        """Be the only one that makes, takes or removes the environment."""
        lock = self._lock(key)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            _logger.info("waiting for another process that makes %s", self._folder / key)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _change_now(self, key: str) -> Iterator[bool]:
        """The same without waiting: whether nobody else is at it."""
        lock = self._lock(key)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _lock(self, key: str) -> FileLock:
        return FileLock(self._folder / f"{key}.lock", mode=0o600)


def python_of(folder: Path) -> Path:
    """The interpreter of the environment in *folder*."""
    return folder / "bin" / "python"


def _made_for(note: Path) -> str:
    try:
        return str(json.loads(note.read_text())["archive"])
    except (OSError, ValueError, KeyError, TypeError):
        return "?"  # it is being made, or was made by an older release
