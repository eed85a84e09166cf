"""`Recorder`: what `Model` hands its requests and replies to.

Whatever goes wrong here is logged, once for each kind, and never reaches whoever asks for a
prediction.
"""

import logging
import threading
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver import Archive, ArchiveError
from ts_sdk.errors import RequestError, SdkError
from ts_sdk.outcomes import Reply
from ts_sdk.recording.failures import RecordedFailure
from ts_sdk.recording.redaction import Redacted, redacted
from ts_sdk.recording.settings import Recording
from ts_sdk.recording.snapshots import Snapshot
from ts_sdk.recording.store import RecordingStore, new_name
from ts_sdk.rows import Request
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.json_text import json_text
from ts_sdk.samples.kept_answers import answer_to_json
from ts_sdk.working_directory import from_program

if TYPE_CHECKING:
    import os

    from ts_sdk.model_facts import ModelFacts
    from ts_sdk.runtime.runner import Emit

VERSION = 1
"""Of the form of `OUTCOME_FILE`."""

_logger = logging.getLogger(__name__)


class OpenRecording:
    """A recording whose folder is there.

    Args:
        record: The folder, or all settings.

    Attributes:
        settings: The settings.
        store: The folder.

    Raises:
        RecordingError: The folder cannot be made or written to.
        TypeError: *record* is neither.
    """

    def __init__(self, record: "str | os.PathLike[str] | Recording") -> None:
        self.settings = record if isinstance(record, Recording) else Recording(record)
        folder = from_program(self.settings.folder)
        self.store = RecordingStore(folder, self.settings.most, self.settings.most_bytes)


class Recorder:
    """Keeps requests of one model; calls from several threads are safe.

    Args:
        recording: Where, and which.
        facts: What is known of the model.
        folder: The archive's folder.

    Attributes:
        origin: The model and where it runs, as it is written beside each request.
        folder: The archive's folder.
        stateful: Whether no batch may be run twice.
    """

    def __init__(self, recording: OpenRecording, facts: "ModelFacts", folder: Path) -> None:
        self.origin = {
            "model": {
                "name": facts.name,
                "version": facts.version,
                "digest": _digest_of(facts.path),
            },
            "device": facts.device,
            "precision": str(facts.precision),
        }
        self.folder = folder
        self.stateful = facts.stateful
        self._recording = recording.settings
        self._store = recording.store
        self._said: set[str] = set()
        self._saying = threading.Lock()

    def watch(self, call: str, requests: "Sequence[Request | RequestError]") -> "WatchedBatch":
        """Take note of a batch before its handler gets it.

        Args:
            call: The method of `Model`.
            requests: The batch; errors in place of what cannot be read.
        """
        return WatchedBatch(self, call, requests)

    def keep(self, batch: "WatchedBatch") -> None:
        """Keep those of the requests that are to be kept; nothing is raised."""
        for position, snapshot in enumerate(batch.snapshots):
            is_wanted = batch.has_failed(position) or self._recording.keep == "all"
            kept = self._redacted(snapshot) if is_wanted and snapshot is not None else None
            if kept is not None:
                self._store_one(kept, batch, position)

    def _redacted(self, snapshot: Snapshot) -> Redacted | None:
        try:
            return redacted(snapshot, self._recording.redact)
        except Exception as error:  # noqa: BLE001 - the user's own function
            self._say_once(
                f"redact raised {type(error).__name__}",
                f"requests are not recorded: redact raised {_without_message(error)}",
            )
            return None

    def _store_one(self, kept: Redacted, batch: "WatchedBatch", position: int) -> None:
        try:
            outcome = batch.described(position, kept)
            self._store.add(kept.request, outcome, new_name(batch.time, position))
        except (SdkError, OSError) as error:
            kind = f"{type(error).__name__} {type(error.__cause__).__name__}"
            self._say_once(kind, f"a request was not recorded: {error}")
        except Exception as error:  # noqa: BLE001 - a prediction never fails for its recording
            self._say_once(
                type(error).__name__, f"a request was not recorded: {_without_message(error)}"
            )

    def _say_once(self, kind: str, message: str) -> None:
        with self._saying:
            is_new = kind not in self._said
            self._said.add(kind)
        if is_new:
            _logger.warning("%s (said once)", message)


class WatchedBatch:
    """A batch from before its handler gets it until its replies are known.

    Args:
        recorder: Keeps the requests.
        call: The method of `Model`.
        requests: The batch; errors in place of what cannot be read.

    Attributes:
        snapshots: The requests as they came; None for what could not be read.
        time: When the replies were known, in UTC.
    """

    def __init__(
        self, recorder: Recorder, call: str, requests: "Sequence[Request | RequestError]"
    ) -> None:
        self.snapshots = [Snapshot(one) if isinstance(one, Request) else None for one in requests]
        self.time = datetime.now(UTC)
        self._recorder = recorder
        self._call = call
        self._outcomes: list[Any] = []
        self._was_streamed = False

    def noting(self, emit: "Emit | None") -> "Emit":
        """*emit* that also notes that there are pieces, after which no batch is run again."""

        def note(index: int, piece: Reply) -> None:
            self._was_streamed = True
            if emit is not None:
                emit(index, piece)

        return note

    def end(self, replies: Sequence[Reply]) -> None:
        """Keep what is to be kept of the batch, which was answered with *replies*."""
        self.time = datetime.now(UTC)
        self._outcomes = [reply.outcome for reply in replies]
        self._recorder.keep(self)

    def has_failed(self, position: int) -> bool:
        """Whether the request at *position* was not answered."""
        return isinstance(self._outcomes[position], RequestError)

    def described(self, position: int, kept: Redacted) -> dict[str, object]:
        """What is written of the request at *position*: never anything about another one."""
        failure = self._failures[position]
        if failure is None:
            told: dict[str, object] = {"answer": _answer(self._outcomes[position], kept)}
        else:
            told = {"failure": self._allowed(failure, kept).to_dict()}
        return {
            "version": VERSION,
            "time": self.time.isoformat(),
            "call": self._call,
            "batch": {"size": len(self._outcomes), "position": position},
            **self._recorder.origin,
            "redacted": kept.changed,
            **told,
        }

    @cached_property
    def _failures(self) -> list[RecordedFailure | None]:
        """What is known of each failure; None for what was answered."""
        return [
            RecordedFailure.of(outcome, self._recorder.folder)
            if isinstance(outcome, RequestError)
            else None
            for outcome in self._outcomes
        ]

    def _allowed(self, failure: RecordedFailure, kept: Redacted) -> RecordedFailure:
        if kept.changed or self._is_shared(failure):
            failure = failure.places_only()
        return failure.cleaned(kept.clean)

    def _is_shared(self, failure: RecordedFailure) -> bool:
        """Whether others of the batch have this failure, so that it may tell of any of them.

        Batches that may not be run again are those of stateful models, and those streamed. Of all
        others each failure is that of a request which was run alone.
        """
        cannot_be_told_apart = self._recorder.stateful or self._was_streamed
        return cannot_be_told_apart and self._failures.count(failure) > 1


def _answer(answer: object, kept: Redacted) -> dict[str, Any]:
    """An answer, or why it is not kept."""
    if kept.changed:
        return {"left_out": "the request was redacted"}
    try:
        value = answer_to_json(answer)
    except SampleError as error:
        return {"left_out": str(error)}
    text = json_text(value)
    if kept.clean(text) != text:
        return {"left_out": "it holds a header that was removed"}
    return {"value": value}


def _digest_of(path: Path) -> str | None:
    """The archive's digest, where it costs nothing to know."""
    if path.is_dir():
        return None
    try:
        with Archive.open(path) as archive:
            return archive.digest() if archive.record is not None else None
    except (ArchiveError, OSError):
        return None


def _without_message(error: Exception) -> str:
    """*error* and its place; what it says may hold what must not be kept."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {place.filename}:{place.lineno}"
