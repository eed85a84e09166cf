"""`Job`: a request on its way through a pool, and the future that takes its answer."""

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import RequestError
from ts_sdk.outcomes import Outcome
from ts_sdk.rows import Request

if TYPE_CHECKING:
    from collections.abc import Callable


class Answer(Future[Any]):
    """A future whose request leaves the queue at once when it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.on_cancel: Callable[[], None] | None = None

    def cancel(self) -> bool:
        """Take the request back, which a worker that has it already does not notice."""
        cancelled = super().cancel()
        on_cancel, self.on_cancel = self.on_cancel, None
        if cancelled and on_cancel is not None:
            on_cancel()
        return cancelled


@dataclass(eq=False, slots=True)
class Job:
    """One request in a pool.

    Attributes:
        request_id: Its id, which it keeps when it is tried again.
        request: The request.
        arrived: When it came.
        deadline: When it is no longer of interest.
        sequence: The sequence that it belongs to, None for none.
        likeness: Requests of nearly the same number go well together; None where it plays no part.
        answer: Takes what becomes of it.
        has_begun: Whether a worker had it, so that it can no longer be cancelled.
        moves: How often it went on to another worker, since one could not begin with it.
    """

    request_id: str
    request: Request
    arrived: float
    deadline: float = inf
    sequence: object = None
    likeness: float | None = None
    answer: Answer = field(default_factory=Answer)
    has_begun: bool = False
    moves: int = 0

    def begin(self) -> bool:
        """Whether it is still wanted; from then on it cannot be cancelled."""
        self.has_begun = self.has_begun or self.answer.set_running_or_notify_cancel()
        return self.has_begun

    def settle(self, outcome: Outcome) -> None:
        """Hand *outcome*, an answer or the error in its place, to whoever waits for it."""
        self.answer.on_cancel = None  # which leads back here: nobody shall have to look for cycles
        with suppress(InvalidStateError):  # the program has set it itself
            if isinstance(outcome, RequestError):
                self.answer.set_exception(outcome)
            else:
                self.answer.set_result(outcome)
