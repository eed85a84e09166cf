"""The folder that recorded requests are kept in, by several threads and processes at once.

::

    20261128T192654.123456Z-0003-1a2b3c4d/    one request: when, which of its batch, and chance
      request.json  body.jpg                  the request, as `ts_sdk.samples.stored` writes it
      outcome.recorded.json                   what became of it
    .new-…  .old-…                            on their way in and out; nobody reads them

A request comes by one renaming and goes by one, so that readers never see a half of it. What is
dropped is the oldest; a folder that somebody has given a name of its own is not counted, and stays.
"""

import re
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ts_sdk.recording.errors import RecordingError
from ts_sdk.rows import Request
from ts_sdk.samples.json_text import json_text
from ts_sdk.samples.stored import write_request

OUTCOME_FILE = "outcome.recorded.json"
"""What became of a request."""

_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\d{4,}-[0-9a-f]{8}")
_NEW = ".new-"
_OLD = ".old-"
_ABANDONED_S = 3600


def new_name(time: datetime, position: int) -> str:
    """What a request is called that came as number *position* of a batch; *time* is in UTC."""
    return f"{time:%Y%m%dT%H%M%S.%fZ}-{position:04d}-{secrets.token_hex(4)}"


class RecordingStore:
    """Keeps requests in a folder, the newest of them.

    Args:
        folder: The folder, absolute.
        most: Most requests.
        most_bytes: Most bytes of all of them.

    Raises:
        RecordingError: The folder cannot be made or written to.
    """

    def __init__(self, folder: Path, most: int, most_bytes: int) -> None:
        self.folder = folder
        self._most = most
        self._most_bytes = most_bytes
        self._sizes: dict[str, int] = {}
        self._dropping = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._remove_abandoned()
            shutil.rmtree(self._new_draft())
        except OSError as error:
            raise RecordingError(
                f"requests cannot be recorded in {folder}: {error.strerror or error}; name a "
                "folder that you may write to"
            ) from error

    def add(self, request: Request, outcome: Mapping[str, object], name: str) -> None:
        """Keep a request, and drop the oldest.

        Args:
            request: The request.
            outcome: What became of it, in JSON values.
            name: One that `new_name` has made.

        Raises:
            RecordingError: It alone is larger than all may be.
            SampleError: It holds a value that cannot be stored, or the disk is full.
            OSError: The folder cannot be written to.
        """
        draft = self._new_draft()
        try:
            made = draft / "request"
            write_request(request, made)
            (made / OUTCOME_FILE).write_text(f"{json_text(outcome, indent=2)}\n", "utf-8")
            size_bytes = _make_private(made)
            if size_bytes > self._most_bytes:
                raise RecordingError(
                    f"a request of {size_bytes:,} bytes is not kept: most_bytes is "
                    f"{self._most_bytes:,}"
                )
            made.rename(self.folder / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self._drop_oldest()

    def _new_draft(self) -> Path:
        draft = self.folder / f"{_NEW}{secrets.token_hex(8)}"
        draft.mkdir(mode=0o700)  # so that what is written in it is never open to others
        return draft

    def _drop_oldest(self) -> None:
        with self._dropping:
            names = sorted(
                (path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name)),
                reverse=True,
            )
            self._sizes = {
                name: self._sizes.get(name) or _size_of(self.folder / name) for name in names
            }
            total_bytes = 0
            for count, name in enumerate(names, start=1):
                total_bytes += self._sizes[name]
                if count > self._most or total_bytes > self._most_bytes:
                    self._drop(name)

    def _drop(self, name: str) -> None:
        old = self.folder / f"{_OLD}{secrets.token_hex(8)}"
        try:
            (self.folder / name).rename(old)
        except FileNotFoundError:  # another process was faster
            return
        shutil.rmtree(old, ignore_errors=True)

    def _remove_abandoned(self) -> None:
        """Remove what a process that was killed has left on its way."""
        for path in self.folder.iterdir():
            if path.name.startswith((_NEW, _OLD)) and _age_s(path) > _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)


def _make_private(folder: Path) -> int:
    """Close *folder* and its files to others; returns the size of the files in bytes."""
    folder.chmod(0o700)
    size_bytes = 0
    for path in folder.iterdir():
        path.chmod(0o600)
        size_bytes += path.stat().st_size
    return size_bytes


def _size_of(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except FileNotFoundError:  # another process has dropped it
        return 0


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
