"""What becomes of each request of a batch: an answer, or a `RequestError` in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ts_sdk.batch import WRONG_NUMBER, Batch, ErrorAnswer, as_list
from ts_sdk.context import Context
from ts_sdk.errors import HandlerContractError, RequestError

Outcome = Any
"""An answer, or the `RequestError` in its place."""

_OK = 200
_FIRST_ERROR_STATUS = 400


@dataclass(frozen=True)
class Reply:
    """What becomes of one request, with what the handler said about its response.

    Attributes:
        outcome: The answer, or the `RequestError` in its place.
        status: HTTP status.
        phrase: Reason phrase, empty unless the handler set one.
        headers: Response headers that the handler set.
        is_answered: Whether the handler answered; where *outcome* is an error all the same, its
            `answer` is what it said.
    """

    outcome: Outcome
    status: int = _OK
    phrase: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_answered: bool = True

    @classmethod
    def of_error(cls, error: RequestError) -> "Reply":
        """The reply to a request that the handler did not answer."""
        return cls(error, error.status, is_answered=False)


def replies_of(answers: object, batch: Batch, context: Context) -> list[Reply]:
    """The replies to *batch*, whose handler returned *answers*.

    Raises:
        HandlerContractError: They are no list with one item for each request.
    """
    listed = as_list(answers, "handle()")
    if len(listed) != batch.size:
        if not batch.rejections:
            raise HandlerContractError(
                f"handle() returned {len(listed)} answers for {batch.size} requests; "
                "return one for each row of data, in order",
                client_message=WRONG_NUMBER,
            )
        listed = batch.merge(listed, "handle()")
    return [reply_of(answer, index, context) for index, answer in enumerate(listed)]


def reply_of(answer: object, index: int, context: Context) -> Reply:
    """The reply to request *index* of *context*, whose handler answered *answer*."""
    status, phrase = context.get_response_status(index)
    status = _OK if status is None else status
    outcome = _outcome(answer, status, phrase)
    if isinstance(outcome, RequestError):
        status = outcome.status
    return Reply(outcome, status, phrase or "", dict(context.get_response_headers(index)))


def _outcome(answer: object, status: int, phrase: str | None) -> Outcome:
    """*answer*, or the error that the handler marked its request with."""
    if isinstance(answer, ErrorAnswer):
        return RequestError(answer.message, status=answer.status, answer=dict(answer))
    if status < _FIRST_ERROR_STATUS:
        return answer
    told = answer.get("message") if isinstance(answer, dict) else None
    spoken = answer if isinstance(answer, str) else ""
    message = (told if isinstance(told, str) else "") or phrase or spoken
    return RequestError(message or "the handler gave no reason", status=status, answer=answer)


def at(outcome: Outcome, index: int) -> Outcome:
    """*outcome*, which is that of request *index*."""
    if isinstance(outcome, RequestError):
        outcome.index = index
    return outcome


def copy_of(error: RequestError) -> RequestError:
    """*error* for one of several requests, each with an index of its own."""
    # A subclass of the user's may take other arguments, so it is not called.
    copied = type(error).__new__(type(error), *error.args)
    vars(copied).update(vars(error))
    copied.args = error.args
    copied.__cause__ = error.__cause__
    return copied.with_traceback(error.__traceback__)


def raise_first(outcomes: Sequence[Outcome]) -> None:
    """Raise the first error among *outcomes*, which says how many more there are."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, RequestError)]
    if errors:
        if len(errors) > 1:
            errors[0].add_note(f"{len(errors) - 1} more of {len(outcomes)} requests failed")
        raise errors[0]
