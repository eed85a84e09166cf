"""Which archives are extracted, when, and which of them are cleared again."""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.errors import CorruptArchiveError
from archiver.sizes import format_size
from ts_sdk.cache.environments import Environments
from ts_sdk.cache.folder import CacheEntry, CacheFolder
from ts_sdk.cache.leases import Lease
from ts_sdk.errors import CacheError
from ts_sdk.sizes import parse_size
from ts_sdk.working_directory import from_program

if TYPE_CHECKING:
    from archiver import Archive
    from archiver.member import Member

_DEFAULT_LIMIT_BYTES = 20 * 2**30
_LEFT_IN_ARCHIVE = ("MAR-INF/RECORD", "MAR-INF/samples/", "MAR-INF/tuned/")
"""What no handler reads: the record is checked during the extraction, samples are for tests, and
profiles are read where they lie."""

_WAIT_S = 0.02
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NO_WRITING = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True)
class Clearing:
    """What `ExtractionCache.clear` did.

    Attributes:
        removed: The entries that are gone.
        kept: The entries that stayed because a live process uses them.
    """

    removed: tuple[CacheEntry, ...]
    kept: tuple[CacheEntry, ...]


class ExtractionCache:
    """The extracted archives in one folder, shared safely by threads and processes.

    An entry is named by the digest of its archive's content, so it never goes stale.

    Attributes:
        root: The cache's folder; created for this user alone when first needed. Without one,
            ``TS_SDK_CACHE_DIR`` tells, or else where the platform keeps caches.
        limit_bytes: After an extraction, the archives that were not used for longest are removed
            until the rest fits. Environments stay, and what is in use, so an archive larger than
            this works too. Without one, ``TS_SDK_CACHE_LIMIT`` tells, such as ``50GB``, or else it
            is 20 GiB.
    """

    def __init__(self, root: Path | None = None, limit_bytes: int | None = None) -> None:
        self.root = from_program(root) if root else _folder_of_user()
        self.limit_bytes = _limit_of_user() if limit_bytes is None else limit_bytes
        self._folder = CacheFolder(self.root)
        self._environments = Environments(self.root)

    def lease(self, archive: "Archive", *, without: Collection[str] = ()) -> Lease:
        """Make sure that *archive* is extracted, and keep it so until the lease is released.

        A plain folder is used in place. Of several processes that ask at once, one extracts and
        the others wait for it.

        Args:
            archive: What is extracted.
            without: Members that need not be there.

        Raises:
            CacheError: The cache cannot be used: not private, not writable, no space.
            archiver.ArchiveError: The archive is damaged; nothing of it is kept.
        """
        if archive.form == "folder":
            return Lease(archive.path, hit=True)
        sizes = {
            member.name: member.size
            for member in archive.members
            if not member.name.startswith(_LEFT_IN_ARCHIVE) and member.name not in without
        }
        with self._explained(f"{archive.path.name} cannot be extracted to"):
            self._folder.make_ready()
            digest = self._folder.digests.digest_of(archive)
            lock = self._folder.take_lease(digest)
            try:
                hit = self._ensure(archive, digest, sizes)
            except BaseException:
                lock.release()
                raise
        return Lease(self._folder.files_of(digest), hit=hit, lock=lock)

    def verify_in_place(self, archive: "Archive", member: "Member", content: memoryview) -> None:
        """Compare *content* with the SHA-256 of *member*, unless the cache remembers that it was.

        Raises:
            CacheError: The cache cannot be used.
            archiver.CorruptArchiveError: It is not what was packed.
        """
        with self._explained(f"{archive.path.name} cannot be noted in"):
            self._folder.make_ready()
            if self._folder.digests.has_compared(archive, member):
                return
            if hashlib.sha256(content).hexdigest() != member.sha256:
                problem = f"the member {member.name!r} has another SHA-256 than RECORD says"
                raise CorruptArchiveError(archive.path, [problem])
            self._folder.digests.note_compared(archive, member)

    def entries(self) -> list[CacheEntry]:
        """The archives in the cache, the one used last first."""
        with self._explained("cannot read"):
            return self._folder.entries()

    def environments(self) -> list[CacheEntry]:
        """The environments of ``isolation="venv"``, the one used last first."""
        with self._explained("cannot read"):
            return self._environments.entries()

    def size_bytes(self) -> int:
        """What all archives together hold."""
        return sum(entry.size_bytes for entry in self.entries())

    def clear(self, digest: str | None = None) -> Clearing:
        """Remove the archive or the environment of *digest*, or all; those in use stay.

        Raises:
            CacheError: There is no entry of that digest.
        """
        entries = (*self.entries(), *self.environments())
        chosen = [entry for entry in entries if digest in (None, entry.digest)]
        if digest is not None and not chosen:
            raise CacheError(f"the extraction cache {self.root} has no entry {digest}")
        if not self.root.is_dir():
            return Clearing(removed=(), kept=())
        with self._explained("cannot clear"):
            self._folder.make_ready()
            gone = {entry.digest for entry in chosen if self._remove(entry)}
            self._folder.tidy()
        return Clearing(
            removed=tuple(entry for entry in chosen if entry.digest in gone),
            kept=tuple(entry for entry in chosen if entry.digest not in gone),
        )

    def _remove(self, entry: CacheEntry) -> bool:
        place = self._environments if entry.kind == "environment" else self._folder
        return place.remove(entry.digest)

    def _ensure(self, archive: "Archive", digest: str, sizes: dict[str, int]) -> bool:
        """Whether the leased entry was there already; when not, it is now."""
        while not self._folder.use(digest, sizes):
            with self._folder.sole_extractor(digest) as alone:
                if alone and not self._folder.use(digest, sizes):  # none was faster meanwhile
                    self._folder.extract(archive, digest, sizes)
                    self._folder.tidy()
                    self._shrink()
                    return False
            if not alone:
                time.sleep(_WAIT_S)
        if self._folder.is_littered():
            self._folder.tidy()
        return True

    def _shrink(self) -> None:
        """Remove the entries that were not used for longest until the rest is within the limit."""
        entries = self._folder.entries()
        excess = sum(entry.size_bytes for entry in entries) - self.limit_bytes
        for entry in reversed(entries):
            if excess > 0 and self._folder.remove(entry.digest):
                excess -= entry.size_bytes

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn an error of the operating system into one that says what to do."""
        try:
            yield
        except OSError as error:
            advice = "set TS_SDK_CACHE_DIR to another folder"
            if error.errno in _NO_SPACE:
                free = format_size(shutil.disk_usage(self.root).free)
                advice = f"{free} are free: make room with 'mar cache clear', or {advice}"
            elif error.errno in _NO_WRITING:
                advice = f"make it writable, or {advice}"
            raise CacheError(
                f"{what} the extraction cache {self.root}: {error.strerror or error}; {advice}"
            ) from error


def _folder_of_user() -> Path:
    folder = os.environ.get("TS_SDK_CACHE_DIR")
    if folder:
        return from_program(Path(folder).expanduser())
    import platformdirs

    return platformdirs.user_cache_path("ts_sdk", appauthor=False)


def _limit_of_user() -> int:
    limit = os.environ.get("TS_SDK_CACHE_LIMIT")
    try:
        return parse_size(limit) if limit else _DEFAULT_LIMIT_BYTES
    except ValueError as error:
        raise CacheError(f"TS_SDK_CACHE_LIMIT: {error}") from error
