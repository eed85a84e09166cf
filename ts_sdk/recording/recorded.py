"""`Recorded`: a request that was kept, read again."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ts_sdk.recording.errors import RecordingError
from ts_sdk.recording.failures import RecordedFailure
from ts_sdk.recording.recorder import VERSION
from ts_sdk.recording.store import OUTCOME_FILE
from ts_sdk.rows import Request
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.kept_answers import answer_from_json
from ts_sdk.samples.stored import read_request
from ts_sdk.working_directory import from_program

_LARGEST_BYTES = 1 << 28


@dataclass(frozen=True)
class Recorded:
    """A request that was kept, and what became of it then.

    Attributes:
        folder: Where it is.
        time: When, in UTC.
        call: The method of `Model` that was called.
        batch_size: Requests in its batch.
        position: Its place there, counted from 0.
        model_name: The model's name.
        model_version: Its version, None when it has none.
        archive_digest: Its archive's digest, None when that is not known.
        device: Where the model ran.
        precision: What it computed in.
        redacted: Whether its parts are not those that were answered.
        failure: Why it was not answered, None when it was.
        has_answer: Whether its answer was kept.
        answer: The answer; a tuple in it is a list.
    """

    folder: Path
    time: datetime
    call: str
    batch_size: int
    position: int
    model_name: str
    model_version: str | None
    archive_digest: str | None
    device: str
    precision: str
    redacted: bool
    failure: RecordedFailure | None
    has_answer: bool
    answer: Any

    @property
    def name(self) -> str:
        """What its folder is called."""
        return self.folder.name

    def request(self) -> Request:
        """The request.

        Raises:
            SampleError: It cannot be read.
        """
        return read_request(self.folder)


def read_recorded(folder: str | os.PathLike[str]) -> list[Recorded]:
    """The requests that were recorded in a folder, the oldest first.

    Args:
        folder: The folder that was given as ``record``, or that of one request in it.

    Raises:
        RecordingError: There is no such folder, nothing was recorded in it, or something there
            cannot be read.
    """
    place = from_program(folder)
    if not place.is_dir():
        raise RecordingError(f"{folder} is no folder: give the one that was recorded in")
    if (place / OUTCOME_FILE).is_file():
        return [_recorded(place)]
    found = sorted(
        path
        for path in place.iterdir()
        if not path.name.startswith(".") and (path / OUTCOME_FILE).is_file()
    )
    if not found:
        raise RecordingError(
            f"{folder} holds no recorded requests: load(..., record={str(folder)!r}) keeps those "
            "that fail"
        )
    return [_recorded(path) for path in found]


def _recorded(folder: Path) -> Recorded:
    path = folder / OUTCOME_FILE
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise RecordingError(f"{path} is too large to be an outcome")
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error
    if not isinstance(said, dict) or said.get("version") != VERSION:
        version = said.get("version") if isinstance(said, dict) else None
        raise RecordingError(f"{path} is of version {version!r}; known is {VERSION}")
    try:
        return _of(folder, said)
    except (KeyError, TypeError, ValueError, AttributeError, SampleError) as error:
        raise RecordingError(
            f"{path} does not say what it should: {type(error).__name__}: {error}"
        ) from error


def _of(folder: Path, said: Mapping[str, Any]) -> Recorded:
    answer = said.get("answer", {})
    failure = RecordedFailure.from_dict(said["failure"]) if "failure" in said else None
    return Recorded(
        folder=folder,
        time=datetime.fromisoformat(said["time"]),
        call=said["call"],
        batch_size=int(said["batch"]["size"]),
        position=int(said["batch"]["position"]),
        model_name=said["model"]["name"],
        model_version=said["model"]["version"],
        archive_digest=said["model"]["digest"],
        device=said["device"],
        precision=said["precision"],
        redacted=said["redacted"],
        failure=failure,
        has_answer=failure is None and "value" in answer,
        answer=answer_from_json(answer.get("value")),
    )
