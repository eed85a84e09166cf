"""Promises about what a request leaves behind."""

from typing import Any

from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check
from ts_sdk.testing.watching.kept import held_by, news


@check(compares=True)
def check_answers_do_not_depend_on_earlier_requests(case: HandlerCase) -> None:
    """A request gets the same answer whatever was asked before.

    Keep in local variables, or in what preprocess() returns, what belongs to a request; self
    outlives it.
    """
    with case.load() as model:
        if model._facts.stateful:  # noqa: SLF001 - no caller but tests needs it
            raise CheckSkipped("the archive is for sequences of requests, which depend on another")
        case.outcomes(case.requests[::-1], model)
        for bad in case.bad_requests:
            case.outcomes([bad], model)
        seen = "after other requests, the same request gets another answer"
        case.assert_close(case.answers(case.requests[:1], model)[0], case.alone[0], seen)


@check()
def check_nothing_of_a_request_is_kept(case: HandlerCase) -> None:
    """Nothing of a request stays on the handler after it is answered.

    Do not assign to self in preprocess(), inference(), postprocess() or handle(), self.context
    included (BaseHandler's is the batch's already); pass what the next phase needs along.
    """
    with case.load() as model:
        if model.handler is None:
            raise CheckSkipped("the handler is a function, or in another process")
        case.answers(case.requests, model)  # what is made once, at the first request, is not meant
        before = _held(case, model)
        for request in case.requests:
            case.answers([request], model)
        kept = news(before, _held(case, model))
        if kept:
            what = ", ".join(f"{each.path} ({each.kind})" for each in kept[:3])
            more = f" and {len(kept) - 3} more" if len(kept) > 3 else ""  # noqa: PLR2004 - as many as are named
            raise PromiseBroken(f"after a request, the handler holds {what}{more}")


def _held(case: HandlerCase, model: Any) -> dict[str, Any]:  # noqa: ANN401 - a model
    return case.use(model, held_by)
