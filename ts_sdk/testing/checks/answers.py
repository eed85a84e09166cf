"""Promises about the answers themselves."""

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ts_sdk.errors import HandlerContractError
from ts_sdk.responses import encode
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.closeness import Tolerance, differences
from ts_sdk.testing.promise import PromiseBroken, check

_EXACT = Tolerance(rtol=0, atol=0, picture_mean=0, picture_max=0)


@check()
def check_one_answer_per_request(case: HandlerCase) -> None:
    """Each request gets one answer, in order.

    Return from handle() a list with one answer for each row of data, for a batch of one and for
    batches of any other size too.
    """
    requests = case.requests
    for size in sorted({1, 2, len(requests), len(requests) + 1}):
        batch = [requests[index % len(requests)] for index in range(size)]
        for index, answer in enumerate(case.answers(batch)):
            if answer is None:
                raise PromiseBroken(f"request {index} of a batch of {size} got no answer, but None")


@check()
def check_answers_can_be_sent(case: HandlerCase) -> None:
    """Answers are bytes, text, a tensor or what JSON knows.

    Convert tensors with .tolist() or .item(), arrays likewise, and objects to dicts, at the end of
    postprocess(): a server cannot send them, TorchServe answers 503.
    """
    for index, answer in enumerate(case.together):
        try:
            encode(answer)
        except HandlerContractError as error:
            raise PromiseBroken(f"the answer to request {index} cannot be sent: {error}") from error


@check()
def check_answers_are_finite(case: HandlerCase) -> None:
    """No answer holds NaN or an infinite number.

    Look for a division by zero or a logarithm of zero in postprocess(), and at the model's weights;
    JSON has no word for such numbers.
    """
    for index, answer in enumerate(case.together):
        for path, number in _numbers(answer):
            if not math.isfinite(number):
                raise PromiseBroken(f"the answer to request {index} holds {number} at {path}")


@check()
def check_answers_have_one_shape(case: HandlerCase) -> None:
    """All answers are of one type, and so are the items of those that are lists.

    Return the same kind of value for each request, such as a list of records, which may be empty.
    """
    answers = case.together
    kinds = {_kind(answer) for answer in answers}
    if len(kinds) > 1:
        raise PromiseBroken(f"the requests got {len(kinds)} kinds: {', '.join(sorted(kinds))}")
    items = {_kind(item) for answer in answers if _kind(answer) == "list" for item in answer}
    if len(items) > 1:
        raise PromiseBroken(f"the lists hold {len(items)} kinds: {', '.join(sorted(items))}")


@check()
def check_requests_are_left_as_they_were(case: HandlerCase) -> None:
    """The values of a request are as they were after it is answered.

    Copy a value before you change it in place: a batch that fails is answered again in parts, from
    the same values.
    """
    requests = case.requests
    before = copy.deepcopy([request.parts for request in requests])
    case.answers(requests)
    for index, (request, parts) in enumerate(zip(requests, before, strict=True)):
        found = differences(request.parts, parts, tolerance=_EXACT, equal_nan=True)
        if found:
            raise PromiseBroken(f"request {index} was changed: {found[0]}")


def _numbers(answer: Any, path: str = "$") -> Iterator[tuple[str, float]]:  # noqa: ANN401 - any answer
    """Each real number in *answer*, with its place."""
    if isinstance(answer, bool):
        return
    if isinstance(answer, int | float):
        yield path, answer
    elif isinstance(answer, Mapping):
        for key, value in answer.items():
            yield from _numbers(value, f"{path}.{key}")
    elif isinstance(answer, list | tuple):
        for index, value in enumerate(answer):
            yield from _numbers(value, f"{path}[{index}]")
    elif hasattr(answer, "tolist"):
        yield from _numbers(answer.tolist(), path)


def _kind(answer: Any) -> str:  # noqa: ANN401 - any answer
    if isinstance(answer, bool | int | float):
        return "number" if not isinstance(answer, bool) else "truth value"
    if isinstance(answer, Mapping):
        return "dict"
    if isinstance(answer, list | tuple):
        return "list"
    return type(answer).__name__
