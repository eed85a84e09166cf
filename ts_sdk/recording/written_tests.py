"""`write_tests`: a test of recorded requests that anybody may read, run and change."""

import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ts_sdk.recording.answers import write_answer
from ts_sdk.recording.errors import RecordingError
from ts_sdk.recording.module_source import ANSWER_FILE, Case, Expectation, module_source
from ts_sdk.recording.recorded import Recorded
from ts_sdk.recording.replaying import Replayed, Verdict
from ts_sdk.samples.stored import write_request
from ts_sdk.working_directory import from_program

FOLDER = "recorded"
"""The folder of the requests, beside the test."""

_REJECTED = range(400, 500)
_NAMED_BY_RECORDER = re.compile(r"(\d{8})T(\d{6})\.\d+Z-\d+-([0-9a-f]+)")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 56
"""So that each line of the module is shorter than 88 characters."""


@dataclass(frozen=True)
class _Planned:
    case: Case
    recorded: Recorded
    folder: Path


def write_tests(
    replayed: Sequence[Replayed],
    target: str | os.PathLike[str],
    archive: str | os.PathLike[str],
    *,
    options: Mapping[str, object] | None = None,
    force: bool = False,
) -> Path:
    """Write a pytest module with a test for each request, and the requests beside it.

    A request must be answered; as it was, where the answer was recorded. One that was rejected
    with a status of 4xx, and still is, must be rejected so.

    Args:
        replayed: What `replay` has found.
        target: The module, such as ``tests/test_recorded.py``; the requests are in the folder
            ``recorded`` beside it.
        archive: The archive that it loads.
        options: Options of `ts_sdk.load` that it loads it with: texts and truth values.
        force: Whether a module, and requests, that are there are replaced.

    Returns:
        The module.

    Raises:
        RecordingError: Something is there already, and nothing was written; or the folder cannot
            be written to.
        SampleError: A request cannot be read.
    """
    module = from_program(target)
    planned = _plan(replayed, module.parent / FOLDER)
    if not force:
        _refuse_existing(module, planned)
    source = module_source([each.case for each in planned], _path_between(module, archive), options)
    try:
        module.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as drafts:
            draft = module.parent / f".{FOLDER}-{secrets.token_hex(4)}"
            drafts.callback(shutil.rmtree, draft, ignore_errors=True)
            _write_requests(planned, draft)
            (draft / module.name).write_text(source, "utf-8")
            _move(planned, draft)
            (draft / module.name).replace(module)
    except OSError as error:
        raise RecordingError(f"{target} cannot be written: {error.strerror or error}") from error
    return module


def _plan(replayed: Sequence[Replayed], folder: Path) -> list[_Planned]:
    planned: list[_Planned] = []
    taken: set[str] = set()
    for each in replayed:
        name = _free_name(each.recorded, taken)
        case = Case(name, each.recorded, _expectation(each))
        planned.append(_Planned(case, each.recorded, folder / name))
    return planned


def _expectation(replayed: Replayed) -> Expectation:
    recorded = replayed.recorded
    if recorded.failure is None:
        return Expectation.SAME_ANSWER if recorded.has_answer else Expectation.ANSWER
    is_rejected = recorded.failure.status in _REJECTED and replayed.verdict is not Verdict.FIXED
    return Expectation.REJECTION if is_rejected else Expectation.ANSWER


def _free_name(recorded: Recorded, taken: set[str]) -> str:
    name = wanted = _name_of(recorded)
    count = 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name


def _name_of(recorded: Recorded) -> str:
    """A name that says what happened, or that which somebody has given the folder."""
    by_recorder = _NAMED_BY_RECORDER.fullmatch(recorded.name)
    if by_recorder is None:
        return _slug(recorded.name, _LONGEST_NAME - 4) or "request"
    when = "_".join(by_recorder.groups())
    return f"{_slug(_what_happened(recorded), _LONGEST_NAME - len(when) - 5)}_{when}"


def _what_happened(recorded: Recorded) -> str:
    failure = recorded.failure
    if failure is None:
        return "answered"
    what = _CAPITAL.sub("_", failure.raised) if failure.raised else f"status_{failure.status}"
    return f"{what}_in_{failure.phase}" if failure.phase else what


def _slug(text: str, longest: int) -> str:
    return _NOT_IN_NAMES.sub("_", text.lower())[:longest].strip("_")


def _refuse_existing(module: Path, planned: Sequence[_Planned]) -> None:
    there = [path for path in (module, *(each.folder for each in planned)) if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise RecordingError(
            f"{there[0]}{more} is there already: name another file, or replace it with force=True "
            "(--force)"
        )


def _path_between(module: Path, archive: str | os.PathLike[str]) -> str:
    """The path of *archive* from the folder of *module*, with slashes."""
    absolute = from_program(archive)
    try:
        return Path(os.path.relpath(absolute, module.parent)).as_posix()
    except ValueError:  # on another drive
        return absolute.as_posix()


def _write_requests(planned: Sequence[_Planned], draft: Path) -> None:
    draft.mkdir()
    for each in planned:
        made = draft / each.case.name
        write_request(each.recorded.request(), made)
        if each.case.expectation is Expectation.SAME_ANSWER:
            write_answer(each.recorded.answer, made / ANSWER_FILE)


def _move(planned: Sequence[_Planned], draft: Path) -> None:
    for each in planned:
        each.folder.parent.mkdir(exist_ok=True)
        if each.folder.exists():
            each.folder.rename(draft / f"{each.case.name}.old")
        (draft / each.case.name).rename(each.folder)
