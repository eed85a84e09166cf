"""Promises about explanations."""

import importlib.util
import math
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import ExplanationError, RequestError
from ts_sdk.rows import Request
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check

if TYPE_CHECKING:
    from ts_sdk.explain import Explanation

_COMPLETE = 0.05
"""How much of the score's change attributions that promise to add up to it may miss."""

_STEPS = 50
_MORE_STEPS = 200
"""Of the integral, where the usual number of steps is too coarse for a deep model."""

_ENOUGH = 2
"""Requests that are explained: it takes long."""

_NO_CLASS = 1_000_000_007
_SERVER_ERROR = 500


@check(deep=True)
def check_each_request_gets_one_explanation(case: HandlerCase) -> None:
    """Requests with the header `explain: True` get one explanation each, beside predictions too.

    Return from explain_handle(), or get_insights(), a list with one explanation, which can be sent.
    """
    case.require_explaining()
    asked = [_explained(request) for request in case.requests[:_ENOUGH]]
    outcomes = case.outcomes(asked)
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, RequestError) and outcome.status < _SERVER_ERROR:
            raise CheckSkipped(f"request {index} cannot be explained: {outcome.message}")
    explained = case.answers(asked)
    if any(each is None for each in explained):
        raise PromiseBroken("a request that asks for an explanation got None")
    beside = case.answers([asked[0], case.requests[-1]])[1]
    seen = "beside a request for an explanation, a prediction is another"
    case.assert_close(beside, case.alone[-1], seen)


@check(deep=True)
def check_attributions_fit_the_input(case: HandlerCase) -> None:
    """An explanation has a number for each value of the model's input, finite and complete.

    Look for a preprocess() that hands the model something that gradients do not come back through;
    what a method promises to add up to the score's change misses it by a twentieth at most.
    """
    explanation = _explanation(case, steps=_STEPS)
    numbers = explanation.attributions
    if not _all_finite(numbers):
        raise PromiseBroken("the explanation of request 0 holds NaN or infinity")
    if explanation.picture is not None and numbers.shape[-2:] != explanation.picture.size[::-1]:
        raise PromiseBroken(
            f"the explanation of request 0 is {numbers.shape[-2:]}, the input is "
            f"{explanation.picture.size[::-1]}"
        )
    if _misses(explanation):
        explanation = _explanation(case, steps=_MORE_STEPS)
    if _misses(explanation):
        raise PromiseBroken(
            f"the explanation of request 0 by {explanation.method} adds up to "
            f"{explanation.attributions.sum():.3g} and misses the score's change by "
            f"{abs(explanation.delta or 0):.3g}, in {_MORE_STEPS} steps"
        )


@check()
def check_a_wrong_target_is_refused(case: HandlerCase) -> None:
    """An explanation for a class that does not exist is refused with a status from 400 to 499.

    Compare the target with the number of classes in get_insights(), and raise RequestError.
    """
    case.require_explaining()
    outcome = case.outcomes([_explained(case.requests[0], target=_NO_CLASS)])[0]
    if not isinstance(outcome, RequestError):
        raise PromiseBroken(f"target {_NO_CLASS} got an explanation")
    if outcome.status >= _SERVER_ERROR:
        raise PromiseBroken(
            f"target {_NO_CLASS} got status {outcome.status}: {outcome.message}"
        ) from outcome


def _explained(request: Request, target: int | None = None) -> Request:
    parts = dict(request.parts) if target is None else {**request.parts, "target": target}
    return Request(parts, {**request.headers, "explain": "True"}, request.content_types)


def _explanation(case: HandlerCase, *, steps: int) -> "Explanation":
    """Why the first request is answered as it is."""
    if importlib.util.find_spec("captum") is None:
        raise CheckSkipped("captum is not installed: pip install 'ts-sdk[explain]'")
    try:
        return case.model.explain(case.requests[0], steps=steps)
    except ExplanationError as error:
        raise CheckSkipped(f"its answers cannot be explained: {error}") from error
    except RequestError as error:
        raise PromiseBroken(f"request 0 was not explained: {error.message}") from error


def _misses(explanation: "Explanation") -> bool:
    """Whether attributions that promise to add up to the score's change do not."""
    if explanation.delta is None:
        return False
    change = abs(float(explanation.attributions.sum()))
    return abs(explanation.delta) > _COMPLETE * max(change, 1.0)


def _all_finite(numbers: Any) -> bool:  # noqa: ANN401 - an array
    return all(map(math.isfinite, numbers.ravel().tolist()))
