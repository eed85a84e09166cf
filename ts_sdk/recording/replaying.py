"""`replay`: what becomes of recorded requests now."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import RequestError
from ts_sdk.recording.failures import RecordedFailure
from ts_sdk.recording.recorded import Recorded, read_recorded

if TYPE_CHECKING:
    from ts_sdk.model import Model


class Verdict(StrEnum):
    """What has become of a recorded outcome.

    Attributes:
        FIXED: It failed, and is answered now.
        SAME_FAILURE: It fails as before.
        OTHER_FAILURE: It fails, and otherwise.
        EQUAL: The answer is the same, within the precision's tolerance.
        DIFFERS: The answer is another.
        ANSWERED: It is answered as before; the answer was not kept, so they are not compared.
        BROKEN: It was answered, and fails now.
    """

    FIXED = "fixed"
    SAME_FAILURE = "same failure"
    OTHER_FAILURE = "other failure"
    EQUAL = "answer equal"
    DIFFERS = "answer differs"
    ANSWERED = "answered"
    BROKEN = "fails now"


_GOOD = frozenset({Verdict.FIXED, Verdict.EQUAL, Verdict.ANSWERED})


@dataclass(frozen=True)
class Replayed:
    """A recorded request, asked again.

    Attributes:
        recorded: The request, and what became of it then.
        outcome: The answer now, or the `RequestError` in its place.
        failure: What is known of that error; None when there is an answer.
        verdict: What has become of it.
        differences: Where the answer is another, one text each.
    """

    recorded: Recorded
    outcome: Any
    failure: RecordedFailure | None
    verdict: Verdict
    differences: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether it is answered, and as it was before if that is known."""
        return self.verdict in _GOOD


def replay(folder: str | os.PathLike[str], model: "Model") -> list[Replayed]:
    """Ask a model what was recorded, each request by itself.

    Args:
        folder: As for `read_recorded`.
        model: The model, of the same archive or of a changed one.

    Returns:
        One item for each request, the oldest first.

    Raises:
        RecordingError: There is nothing recorded, or it cannot be read.
        SampleError: A request cannot be read.
        ModelClosedError: The model was closed.
    """
    return list(replay_each(read_recorded(folder), model))


def replay_each(recorded: list[Recorded], model: "Model") -> Iterator[Replayed]:
    """As `replay`, one at a time."""
    folder = Path(model.context.system_properties["model_dir"])
    for each in recorded:
        (outcome,) = model.predict_batch([each.request()])
        if isinstance(outcome, RequestError):
            failure = RecordedFailure.of(outcome, folder)
            yield Replayed(each, outcome, failure, _of_failure(each, failure))
        elif each.failure is not None:
            yield Replayed(each, outcome, None, Verdict.FIXED)
        else:
            yield _compared(each, outcome, str(model.precision))


def _of_failure(recorded: Recorded, failure: RecordedFailure) -> Verdict:
    if recorded.failure is None:
        return Verdict.BROKEN
    is_same = failure.is_like(recorded.failure)
    return Verdict.SAME_FAILURE if is_same else Verdict.OTHER_FAILURE


def _compared(recorded: Recorded, answer: object, precision: str) -> Replayed:
    """Compare *answer* with the recorded one, as the coarser of the two precisions allows."""
    if not recorded.has_answer:
        return Replayed(recorded, answer, None, Verdict.ANSWERED)
    from ts_sdk.testing import Tolerance, differences

    allowed = max(
        (Tolerance.for_precision(word) for word in (precision, recorded.precision)),
        key=lambda tolerance: tolerance.rtol,
    )
    found = differences(answer, recorded.answer, tolerance=allowed, equal_nan=True)
    verdict = Verdict.DIFFERS if found else Verdict.EQUAL
    return Replayed(recorded, answer, None, verdict, tuple(map(str, found)))
