"""Explanations that are made in a handler's process: what is asked, and what comes back.

What is asked is one part for how and of what, then one for each request. What comes back is one
part of notes, then one for each request; or the error that is of all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import ExplanationError, HandlerContractError, RequestError, SdkError
from ts_sdk.runtime.channel import Channel, Kind, Unreadable
from ts_sdk.runtime.failures import Failure, put_together, take_apart
from ts_sdk.runtime.messages import Notes, request_in
from ts_sdk.runtime.pickling import Foreign, Packed, pack

if TYPE_CHECKING:
    from ts_sdk.explain.requests import Explained, Question
    from ts_sdk.precision import Precision
    from ts_sdk.runtime.in_process import InProcessRunner

_HERE = "load with isolation='archive' to have it explained"


def pack_wish(options: Mapping[str, Any], questions: "Sequence[Question]") -> Packed:
    """How *questions* are to be answered, and what they are about.

    Raises:
        ExplanationError: Something in it cannot be sent.
    """
    told = {name: value for name, value in options.items() if name not in {"on_progress", "region"}}
    try:
        return pack((told, [(each.target, each.region) for each in questions]))
    except Exception as error:  # whatever a value's class raises
        raise ExplanationError(
            f"how to explain cannot be told to the handler's process: {error}; give numbers, text "
            "and arrays"
        ) from error


def explain_here(
    runner: "InProcessRunner",
    parts: Sequence[Any],
    precision: "Precision",
    on_progress: Callable[[int], None],
    foreign: Foreign,
) -> list[Packed]:
    """What the program is told that has asked for explanations.

    Args:
        runner: Where the handler is.
        parts: What was asked.
        precision: What the model computes in.
        on_progress: Is told how many more rows the model has answered.
        foreign: Tells of modules that only this process has.

    Raises:
        SdkError: What is wrong with all of it.
    """
    from ts_sdk.explain.asking import wish_of
    from ts_sdk.explain.requests import explain_requests

    told, *requests = parts
    if isinstance(told, Unreadable):
        raise ExplanationError(
            f"the handler's process cannot read how to explain: {told.error}; give numbers, text "
            "and arrays"
        )
    options, aims = told
    questions = [_question_in(*each) for each in zip(requests, aims, strict=True)]
    wish = wish_of({**options, "on_progress": on_progress})
    try:
        found = explain_requests(runner, questions, wish, precision)
    except SdkError:
        raise
    except Exception as error:
        raise ExplanationError(f"explaining failed: {type(error).__name__}: {error}") from error
    return [_packed(each, foreign) for each in found]


def read_explained(
    channel: Channel,
    limit_s: float | None,
    keep: Callable[[Notes], None],
    on_progress: Callable[[int], None],
) -> "list[Explained] | SdkError":
    """What the handler's process answers to a question.

    Args:
        channel: The channel that it was asked over.
        limit_s: The longest time to the next sign of progress, None for any.
        keep: Takes what was measured.
        on_progress: Is told how many more rows the model has answered.

    Raises:
        ChannelClosedError: The process is gone.
        TimeoutError: There was no sign in that time.
    """
    while True:
        message = channel.receive(limit_s)
        if message.kind is Kind.FAILED:
            error: SdkError = put_together(message.parts[0])
            return error
        if message.kind is Kind.REPLIES:
            keep(message.parts[0])
            return [_explained_in(part) for part in message.parts[1:]]
        on_progress(message.parts[0])


def _explained_in(part: Any) -> "Explained":  # noqa: ANN401 - what was received
    if isinstance(part, Unreadable):
        return _contract_error(f"cannot be read outside of the handler's process: {part.error}")
    found: Explained = put_together(part) if isinstance(part, Failure) else part
    return found


def _question_in(part: Any, aim: tuple[Any, Any]) -> "Question | RequestError":  # noqa: ANN401 - as above
    from ts_sdk.explain.requests import Question

    asked = request_in(part)
    return asked if isinstance(asked, RequestError) else Question(asked[1], *aim)


def _packed(found: "Explained", foreign: Foreign) -> Packed:
    if isinstance(found, Exception):
        return pack(take_apart(found, foreign))
    try:
        return pack(found, foreign)
    except Exception as error:  # noqa: BLE001 - whatever the answer's class raises
        return pack(take_apart(_contract_error(f"cannot leave the handler's process: {error}")))


def _contract_error(why: str) -> HandlerContractError:
    return HandlerContractError(f"the explanation with what the handler answered {why}; {_HERE}")
