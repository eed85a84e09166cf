"""Promises about requests that are answered together."""

from collections.abc import Iterator
from typing import Any

from ts_sdk.errors import RequestError
from ts_sdk.rows import Request
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check

_BAD_REQUEST = 400
_SERVER_ERROR = 500
_LARGE_BATCH = 8
_EMPTY = "an empty body"


@check(compares=True)
def check_answers_ignore_batchmates(case: HandlerCase) -> None:
    """Each request gets in a batch of any size the answer that it gets alone.

    Look for a postprocess() that mixes rows (a softmax over dim 0), one that answers for data[0]
    only, padding that the model is not told to ignore, and a model that is not in eval().
    """
    requests = case.requests
    for size in sorted({2, len(requests), _LARGE_BATCH}):
        chosen = [index % len(requests) for index in range(size)]
        together = case.answers([requests[index] for index in chosen])
        for place, (answer, index) in enumerate(zip(together, chosen, strict=True)):
            seen = f"request {place} of a batch of {size} gets another answer than alone"
            case.assert_close(answer, case.alone[index], seen)


@check(compares=True)
def check_answers_keep_their_order(case: HandlerCase) -> None:
    """The answers come in the order of the requests.

    Put the answers back in the order of data where requests are sorted or grouped.
    """
    backwards = case.answers(case.requests[::-1])[::-1]
    for index, (answer, expected) in enumerate(zip(backwards, case.together, strict=True)):
        seen = f"with the batch turned round, request {index} gets another answer"
        case.assert_close(answer, expected, seen)


@check(compares=True)
def check_a_bad_request_fails_alone(case: HandlerCase) -> None:
    """A request that is refused leaves the answers to the others of its batch as they are.

    Call self.reject(index, message) for the row at fault and go on with the others; do not answer a
    whole batch from one except block.
    """
    good = case.requests[0]
    expected = case.alone[0]
    for name, bad, is_refused in _bad(case):
        outcomes = case.outcomes([good, bad, case.requests[0]])
        for index in (0, 2):
            if isinstance(outcomes[index], RequestError):
                raise PromiseBroken(
                    f"beside {name}, request {index} failed too: {outcomes[index].message}"
                )
            case.assert_close(
                outcomes[index], expected, f"beside {name}, request {index} gets another answer"
            )
        if is_refused and not isinstance(outcomes[1], RequestError):
            raise PromiseBroken(f"{name} fails alone, but is answered in a batch: {outcomes[1]!r}")


@check()
def check_a_bad_request_is_told_so(case: HandlerCase) -> None:
    """A request that cannot be answered gets a status from 400 to 499, and its place in the batch.

    Call self.reject(index, message), or context.set_response_status(400, message, index), for what
    the sender has done wrong; an error that is raised is taken for the handler's fault.
    """
    for name, bad, is_refused in _bad(case):
        if name == _EMPTY or not is_refused:
            continue  # which other promises are about
        outcome = case.outcomes([case.requests[0], bad])[1]
        if not isinstance(outcome, RequestError):
            continue  # which is another promise's to judge
        if not _BAD_REQUEST <= outcome.status < _SERVER_ERROR:
            raise PromiseBroken(
                f"{name} got status {outcome.status}: {outcome.message}"
            ) from outcome
        if outcome.index != 1:
            raise PromiseBroken(f"{name} was request 1, but the error is about {outcome.index}")


def _bad(case: HandlerCase) -> Iterator[tuple[str, Request, bool]]:
    """Bad requests, each with what it is before it, and behind it whether it is refused alone.

    Raises:
        CheckSkipped: It refuses none.
    """
    known = [(f"bad request {index}", bad) for index, bad in enumerate(case.bad_requests)]
    found = False
    for name, bad in known or _candidates(case):
        is_refused = isinstance(case.outcomes([bad])[0], RequestError)
        if known and not is_refused:
            raise PromiseBroken(f"{name} was given as one that is refused, but is answered")
        found |= is_refused
        yield name, bad, is_refused
    if not found:
        raise CheckSkipped("the handler answers whatever it is sent; give bad_requests")


def _candidates(case: HandlerCase) -> Iterator[tuple[str, Request]]:
    """What a handler has reason to refuse, shaped as its good requests are."""
    first = case.requests[0]
    contents: dict[str, Any] = {
        _EMPTY: bytearray(),
        "a body of other bytes": bytearray(b"\x00\xff" * 16),
        "a body that is null": None,
    }
    for name, content in contents.items():
        yield name, Request(dict.fromkeys(first.parts, content), first.headers, first.content_types)
