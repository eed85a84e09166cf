"""`Check`: one promise that a handler keeps, and what is said when it does not.

::

    PromiseBroken     the handler does not keep a promise     (an AssertionError)
    CheckSkipped      a promise cannot be judged here, and why
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ts_sdk.testing.case import HandlerCase

ANSWERS = "one_answer_per_request"
"""The promise without which no other about answers can be judged."""

SAMENESS = "the_same_request_gets_the_same_answer"
"""The promise without which answers cannot be compared."""

CheckFunction = Callable[["HandlerCase"], None]


class PromiseBroken(AssertionError):  # noqa: N818 - it says what happened, as assertions do
    """A handler does not keep a promise; the message says what was seen and what to change."""


class CheckSkipped(Exception):  # noqa: N818 - no error: the promise cannot be judged here
    """A promise cannot be judged here; the message says why."""


@dataclass(frozen=True)
class Check:
    """One promise that a handler keeps.

    Attributes:
        name: The function's name, without ``check_``.
        promise: What is promised, in a sentence.
        repair: What to change in a handler that breaks it.
        function: Raises `PromiseBroken` or `CheckSkipped`, or returns.
        deep: Whether it takes long enough to be run only when asked for.
        needs_requests: Whether it needs requests that the handler answers.
        compares: Whether it compares answers that should be the same.
    """

    name: str
    promise: str
    repair: str
    function: CheckFunction
    deep: bool = False
    needs_requests: bool = True
    compares: bool = False

    def __call__(self, case: "HandlerCase") -> None:
        """Judge *case*.

        Raises:
            PromiseBroken: The handler does not keep the promise.
            CheckSkipped: It cannot be judged here.
        """
        __tracebackhide__ = True  # pytest shows the caller's line
        if self.needs_requests:
            case.require_answers(self.name)
        if self.compares:
            case.require_sameness(self.name)
        try:
            self.function(case)
        except PromiseBroken as broken:
            raise PromiseBroken(
                f"{self.name}: {broken}\nThe promise: {self.promise}\n{self.repair}"
            ) from broken.__cause__


def check(
    *, deep: bool = False, needs_requests: bool = True, compares: bool = False
) -> Callable[[CheckFunction], Check]:
    """Make a function ``check_…`` a `Check`.

    The first line of its docstring is the promise; the rest says what to change.

    Args:
        deep: Whether it takes long enough to be run only when asked for.
        needs_requests: Whether it needs requests that the handler answers.
        compares: Whether it compares answers that should be the same.
    """

    def make(function: CheckFunction) -> Check:
        promise, _, rest = (function.__doc__ or "").partition("\n")
        name = function.__name__.removeprefix("check_")
        repair = " ".join(rest.split())
        return Check(name, promise.strip(), repair, function, deep, needs_requests, compares)

    return make
