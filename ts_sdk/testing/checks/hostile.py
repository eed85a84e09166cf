"""Promises about requests that nobody should send, and somebody will."""

from collections.abc import Iterable

from ts_sdk.errors import RequestError
from ts_sdk.rows import Request
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import PromiseBroken, check

_SERVER_ERROR = 500
_HUGE_BYTES = 16 << 20


@check()
def check_an_empty_body_is_no_crash(case: HandlerCase) -> None:
    """A request with an empty body is answered, or refused with a status from 400 to 499.

    Look whether there is anything before you decode it, and call self.reject(index, message).
    """
    _must_not_crash(case, "an empty body", [_with(case, bytearray()), _with(case, "")])


@check()
def check_a_wrong_content_type_is_no_crash(case: HandlerCase) -> None:
    """A body that is not what its content type says is answered, or refused with a 4xx.

    Expect bytes where text or JSON was promised: what cannot be decoded is handed on as it came.
    """
    kinds = ("text/plain", "application/json", "image/jpeg")
    sent = [_with(case, bytearray(range(128, 256)), kind) for kind in kinds]
    _must_not_crash(case, "a wrong content type", sent)


@check(deep=True)
def check_a_huge_body_is_no_crash(case: HandlerCase) -> None:
    """A body of 16 MiB is answered, or refused with a 4xx.

    Bound what you decode; look at len(body) first.
    """
    bodies = (bytearray(_HUGE_BYTES), "huge " * (_HUGE_BYTES // 5))
    _must_not_crash(case, "a huge body", [_with(case, body) for body in bodies])


def _with(case: HandlerCase, content: object, content_type: str | None = None) -> Request:
    """A request shaped as the good ones are, with *content* in each part."""
    first = case.requests[0]
    kinds = (
        first.content_types if content_type is None else dict.fromkeys(first.parts, content_type)
    )
    return Request(dict.fromkeys(first.parts, content), first.headers, kinds)


def _must_not_crash(case: HandlerCase, what: str, requests: Iterable[Request]) -> None:
    for request in requests:
        outcome = case.outcomes([request])[0]
        if isinstance(outcome, RequestError) and outcome.status >= _SERVER_ERROR:
            raise PromiseBroken(
                f"{what} got status {outcome.status}: {outcome.message}"
            ) from outcome
