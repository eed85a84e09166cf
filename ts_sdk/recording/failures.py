"""What is known of a failure, as it is recorded: of one request, and of no other."""

import os
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ts_sdk.blame import Culprit
from ts_sdk.errors import RequestError, WorkerError
from ts_sdk.runtime.endings import last_line, place_in
from ts_sdk.runtime.failures import RemoteTraceback

_FRAME = re.compile(
    r'^ *File "(?P<file>[^"\n]+)", line (?P<line>\d+),? in (?P<function>[^\n]+)$'
    r"(?:\n(?! *File \")(?P<source> +[^\n]*))?",
    re.MULTILINE,
)
_PHASES = ("initialize", "preprocess", "inference", "postprocess")
_OF_BATCH = re.compile(r" over \d+ requests?\b")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+\b")


@dataclass(frozen=True)
class RecordedFailure:
    """Why a request was not answered.

    Attributes:
        status: HTTP status.
        kind: Class of the `RequestError`.
        raised: Class of what the handler raised, None when it did not raise.
        message: Why; None where that may tell of other requests, or of what was redacted.
        phase: The handler's method that it came through, None when that is not known.
        place: The line of the archive's code, such as ``handler.py:14 in preprocess``.
        source: That line's text.
        traceback: Where it came from. Where *message* is None, the places alone.
    """

    status: int
    kind: str
    raised: str | None = None
    message: str | None = None
    phase: str | None = None
    place: str | None = None
    source: str | None = None
    traceback: str | None = None

    @classmethod
    def of(cls, error: RequestError, folder: Path) -> "RecordedFailure":
        """What is known of *error*, which the code in *folder* has caused."""
        trace = _trace_of(error)
        known = cls(
            status=error.status,
            kind=type(error).__name__,
            raised=error.raised,
            message=error.message,
            phase=_phase_in(trace),
            traceback=trace or None,
        )
        if isinstance(error, WorkerError):
            return known._of_ended_process(error.worker_traceback or "", folder)
        culprit = _culprit_in(trace, folder)
        if culprit is None:
            return known
        place = f"{culprit.file}:{culprit.line} in {culprit.function}"
        return replace(known, place=place, source=culprit.source or None)

    def _of_ended_process(self, output: str, folder: Path) -> "RecordedFailure":
        """The same without what the process printed, which may be about any of its requests."""
        message = self.message or ""
        printed = last_line(output)
        return replace(
            self,
            message=message.replace(printed, "") if printed else message,
            place=place_in(output, folder).removeprefix(" (at ").removesuffix(")") or None,
            traceback=_places_in(self.traceback),
        )

    def places_only(self) -> "RecordedFailure":
        """The same without what the error says."""
        return replace(self, message=None, traceback=_places_in(self.traceback))

    def cleaned(self, clean: Callable[[str], str]) -> "RecordedFailure":
        """The same with *clean* texts."""
        return replace(
            self,
            message=self.message and clean(self.message),
            traceback=self.traceback and clean(self.traceback),
        )

    def to_dict(self) -> dict[str, object]:
        """All of it in JSON values; the traceback as a list of lines, to be read by people."""
        lines = None if self.traceback is None else self.traceback.splitlines()
        return {**vars(self), "traceback": lines}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> "RecordedFailure":
        """What `to_dict` gave.

        Raises:
            TypeError: It is something else.
            KeyError: Something is missing.
        """
        known = {field.name: said[field.name] for field in fields(cls)}
        lines = known.pop("traceback")
        if not isinstance(known["status"], int) or not isinstance(known["kind"], str):
            raise TypeError("'status' must be a number, and 'kind' text")
        return cls(**known, traceback=None if lines is None else "\n".join(lines))

    def is_like(self, other: "RecordedFailure") -> bool:
        """Whether *other* is the same failure; lines and addresses may have moved."""
        if (self.status, self.raised) != (other.status, other.raised):
            return False
        if self.message is None or other.message is None:
            return True
        return _reason(self) == _reason(other)

    def __str__(self) -> str:
        """The failure in a few words."""
        what = self.raised or (self.message or self.kind).splitlines()[0]
        where = self.place or self.phase
        return f"{self.status} {what}{f' ({where})' if where else ''}"


def _reason(failure: RecordedFailure) -> str:
    """The message without the place, which it names in brackets."""
    message = failure.message or ""
    place = failure.place
    for named in (f"{place}: {failure.source}", f"at {place}", f"{place}"):
        message = message.replace(f" ({named})", "")
    return _OF_BATCH.sub("", _ADDRESS.sub("0x", message))


def _trace_of(error: RequestError) -> str:
    """The traceback of *error* with those of its causes, from wherever its handler runs."""
    told = error if error.__traceback__ is not None else error.__cause__
    if told is None:
        return ""
    if isinstance(told, RemoteTraceback):
        return told.text
    return "".join(traceback.format_exception(told)).rstrip()


def _culprit_in(trace: str, folder: Path) -> Culprit | None:
    """The line of *folder* that a traceback came through last."""
    begin = f"{folder}{os.sep}"
    frames = [frame for frame in _FRAME.finditer(trace) if frame["file"].startswith(begin)]
    if not frames:
        return None
    last = frames[-1]
    return Culprit(
        last["file"].removeprefix(begin),
        int(last["line"]),
        last["function"],
        (last["source"] or "").strip(),
    )


def _phase_in(trace: str) -> str | None:
    functions = (frame["function"] for frame in _FRAME.finditer(trace))
    return next((name for name in functions if name in _PHASES), None)


def _places_in(trace: str | None) -> str | None:
    """The files and lines of a traceback, without what an error says."""
    if trace is None:
        return None
    places = (frame[0].partition("\n")[0] for frame in _FRAME.finditer(trace))
    return "\n".join(places) or None
