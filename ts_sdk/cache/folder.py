"""The cache's folder: where entries, drafts and leases are, and how they change.

::

    <root>/                          0700, this user's alone
      entries/<digest>/files/        the archive's members, as a handler sees them
      entries/<digest>/entry.json    the archive's name; its modification time is the last use
      leases/<digest>.<slot>.lock    locked by the processes that use the entry
      drafts/<digest>/               an extraction in progress, renamed into entries/ when complete
      drafts/<digest>.lock           held by the process that extracts
      digests/                       the digest of each archive that had to be hashed
      trash/                         what was cleared: renamed here first, then removed
      cache.lock                     held for the moment in which any of these comes or goes

An entry is whole or not there. What a killed process leaves behind is a draft, a lock file or some
trash that no lease protects, so that the next user of the cache can tell, and removes it.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from ts_sdk.cache.digests import DigestMemory
from ts_sdk.cache.leases import LeaseSlots, try_lock
from ts_sdk.cache.privacy import make_private
from ts_sdk.errors import CacheError

if TYPE_CHECKING:
    from archiver import Archive

_NOTE = "entry.json"
_CHANGE_TIMEOUT_S = 60.0
_CHANGE_POLL_S = 0.002


@dataclass(frozen=True)
class CacheEntry:
    """One archive in the cache, or one environment.

    Attributes:
        digest: Content address of the archive; of an environment, what it is named by.
        archive: Name of the file that it was extracted from, or of the model that it was made for.
        size_bytes: What its files hold, with anything that its handler wrote beside them.
        last_used: When it was leased last (UTC).
        in_use: Whether a live process holds a lease of it.
        kind: Which of the two it is.
    """

    digest: str
    archive: str
    size_bytes: int
    last_used: datetime
    in_use: bool
    kind: Literal["archive", "environment"] = "archive"


class CacheFolder:
    """What is on the disk; every change of it is one step that other processes see or do not see.

    Attributes:
        root: The folder itself.
        digests: What is known of archives without a RECORD.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._entries = root / "entries"
        self._drafts = root / "drafts"
        self._trash = root / "trash"
        self._slots = LeaseSlots(root / "leases")
        self.digests = DigestMemory(root / "digests")

    def make_ready(self) -> None:
        """Create what is missing.

        Raises:
            CacheError: The folder is there, and others may write to it.
        """
        make_private(self.root)
        if not self._trash.is_dir():  # made last
            folders = (self._entries, self._drafts, self._slots.folder, self.digests.folder)
            for folder in (*folders, self._trash):
                folder.mkdir(mode=0o700, exist_ok=True)

    def take_lease(self, digest: str) -> FileLock:
        """A lock that keeps the entry of *digest*, made or still to be made, from being removed."""
        with self._change():
            return self._slots.take(digest)

    def files_of(self, digest: str) -> Path:
        """Where the members of the entry are."""
        return self._entries / digest / "files"

    def use(self, digest: str, sizes: Mapping[str, int]) -> bool:
        """Note a use of the entry, if it is there and each member has its size."""
        entry = os.path.join(self._entries, digest, "")  # noqa: PTH118 - Path objects would cost more than all the rest of a hit
        try:
            for name, size in sizes.items():
                if os.stat(f"{entry}files/{name}").st_size != size:  # noqa: PTH116 - same
                    return False
            os.utime(entry + _NOTE)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    @contextmanager
    def sole_extractor(self, digest: str) -> Iterator[bool]:
        """Whether this one, of all threads and processes, may `extract` during the block."""
        path = self._drafts / f"{digest}.lock"
        with self._change():
            lock = try_lock(path)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                with self._change():
                    lock.release()
                    path.unlink(missing_ok=True)

    def extract(self, archive: "Archive", digest: str, sizes: Mapping[str, int]) -> None:
        """Make the entry from *archive*, or leave nothing."""
        draft = self._drafts / digest
        shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed
        draft.mkdir(mode=0o700)
        try:
            archive.extract(draft / "files", sizes.keys())
            (draft / _NOTE).write_text(json.dumps({"archive": archive.path.name}))
            with self._change():
                self._discard(self._entries / digest)  # what was there was damaged
                draft.rename(self._entries / digest)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def entries(self) -> list[CacheEntry]:
        """All entries, the one used last first."""
        if not self._entries.is_dir():
            return []
        entries = [self._entry(folder) for folder in self._entries.iterdir()]
        found = (entry for entry in entries if entry is not None)
        return sorted(found, key=lambda entry: entry.last_used, reverse=True)

    def remove(self, digest: str) -> bool:
        """Remove the entry unless it is in use; False when it is."""
        with self._change():
            if self._slots.in_use(digest):
                return False
            self._discard(self._entries / digest)
            self._slots.forget(digest)
        self._empty_trash()
        return True

    def is_littered(self) -> bool:
        """Whether there is trash or a draft, be it of a live process; costs two small reads."""
        return bool(os.listdir(self._trash) or os.listdir(self._drafts))  # noqa: PTH208 - iterdir would stay open

    def tidy(self) -> None:
        """Remove what killed processes left behind."""
        drafts = {draft.name.removesuffix(".lock") for draft in self._drafts.iterdir()}
        entries = {entry.name for entry in self._entries.iterdir()}
        for digest in drafts | (self._slots.digests() - entries):
            with self._change():
                if not self._slots.in_use(digest):
                    self._discard(self._drafts / digest)
                    (self._drafts / f"{digest}.lock").unlink(missing_ok=True)
                    self._slots.forget(digest)
        self._empty_trash()

    def _entry(self, folder: Path) -> CacheEntry | None:
        """The facts of one entry; None when it was removed meanwhile."""
        note = folder / _NOTE
        try:
            used_s = (note if note.exists() else folder).stat().st_mtime
            name = str(json.loads(note.read_text())["archive"]) if note.exists() else "?"
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            name = "?"  # the machine went down while it was written
        with self._change():
            in_use = self._slots.in_use(folder.name)
        last_used = datetime.fromtimestamp(used_s, UTC)
        return CacheEntry(folder.name, name, size_of(folder / "files"), last_used, in_use)

    def _discard(self, folder: Path) -> None:
        """Take *folder*, if it is there, out of sight in one step; removing it can take long."""
        if folder.exists():
            folder.rename(self._trash / f"{folder.name}.{secrets.token_hex(4)}")

    def _empty_trash(self) -> None:
        for folder in self._trash.iterdir():
            shutil.rmtree(folder, ignore_errors=True)  # another process may be at it too

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Hold the cache's own lock, for a moment."""
        lock = FileLock(self.root / "cache.lock", mode=0o600)
        try:
            lock.acquire(timeout=_CHANGE_TIMEOUT_S, poll_interval=_CHANGE_POLL_S)
        except Timeout as error:
            raise CacheError(
                f"another process holds {lock.lock_file} for more than {_CHANGE_TIMEOUT_S:.0f} s; "
                "is one stopped that uses the cache?"
            ) from error
        try:
            yield
        finally:
            lock.release()


def size_of(folder: Path) -> int:
    """The sizes of all files below *folder*, of those that are still there."""
    size_bytes = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size_bytes += Path(place, name).lstat().st_size
    return size_bytes
