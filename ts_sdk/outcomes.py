"""What becomes of each request of a batch: an answer, or a `RequestError` in its place."""

from collections.abc import Sequence
from typing import Any

from ts_sdk.batch import Batch, ErrorAnswer, as_list
from ts_sdk.context import Context
from ts_sdk.errors import HandlerContractError, RequestError

Outcome = Any
"""An answer, or the `RequestError` in its place."""

_FIRST_ERROR_STATUS = 400


def outcomes_of(answers: object, batch: Batch, context: Context) -> list[Outcome]:
    """The outcomes of *batch*, whose handler returned *answers*.

    Raises:
        HandlerContractError: They are no list with one item for each request.
    """
    listed = as_list(answers, "handle()")
    if len(listed) != batch.size:
        if not batch.rejections:
            raise HandlerContractError(
                f"handle() returned {len(listed)} answers for {batch.size} requests; "
                "return one for each row of data, in order"
            )
        listed = batch.merge(listed, "handle()")
    return [
        _outcome(answer, *context.get_response_status(index)) for index, answer in enumerate(listed)
    ]


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
