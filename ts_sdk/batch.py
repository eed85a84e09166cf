"""The batch that is being handled: which of its requests were rejected, and where it stands.

It lives in a context variable, not on the handler, so that batches in other threads never mix with
it, and so that it also works where the handler runs under a server that knows nothing of it.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any

from ts_sdk.errors import HandlerContractError
from ts_sdk.timing import PhaseTimes

WRONG_NUMBER = "number of batch response mismatched"
"""What TorchServe tells the sender of a request whose batch has too many or too few answers."""

_OK = 200
_FIRST_SERVER_ERROR = 500


class ErrorAnswer(dict[str, object]):
    """What a rejected request is answered, in the shape of the old server's errors.

    Attributes:
        status: HTTP status.
        message: Why it was rejected.
    """

    def __init__(self, status: int, message: str) -> None:
        ours = status >= _FIRST_SERVER_ERROR
        kind = "InternalServerException" if ours else "BadRequestException"
        super().__init__(code=status, type=kind, message=message)
        self.status = status
        self.message = message


@dataclass
class Batch:
    """The requests that one call of `handle` answers.

    Attributes:
        size: How many requests came.
        context: What `handle` was given as its context.
        times: Where the phases' durations go.
        whole: Whether these are all the requests that *context* knows; when not, their positions
            there are not known.
        tried: Whether `handle` has begun with it.
        rejections: Position in the batch → the answer in its place.
        answers: Position in the batch → the answer to a request that asked for no prediction.
        rows: Positions of the requests that the running phase was given.
        notes: What a phase leaves for a later one, under a name of the handler's own.
    """

    size: int
    context: Any
    times: PhaseTimes = field(default_factory=PhaseTimes)
    whole: bool = True
    tried: bool = False
    rejections: dict[int, ErrorAnswer] = field(default_factory=dict)
    answers: dict[int, object] = field(default_factory=dict)
    rows: list[int] = field(init=False)
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = list(range(self.size))

    def begin(self) -> list[int]:
        """Start with the requests that are not rejected, or with all when it was tried before.

        Returns:
            Their positions.
        """
        if self.tried:
            for position in self.rejections:
                self._mark(position, _OK, "")
            self.rejections.clear()
        self.tried = True
        self.answers.clear()
        self.rows = list(range(self.size))
        return self.keep_rest()

    def reject(self, index: int, status: int, message: str) -> None:
        """Leave out row *index* of those that the running phase was given.

        Raises:
            HandlerContractError: There is no such row.
        """
        if not 0 <= index < len(self.rows):
            raise HandlerContractError(
                f"reject({index}, ...) was called, but there are {len(self.rows)} rows, counted "
                "from 0"
            )
        position = self.rows[index]
        self.rejections[position] = ErrorAnswer(status, message)
        # The old server puts the phrase into the first line of its response.
        self._mark(position, status, " ".join(message.split()))

    def keep_rest(self) -> list[int]:
        """Let the next phase see only the rows that are still open; returns their positions."""
        self.rows = [
            row for row in self.rows if row not in self.rejections and row not in self.answers
        ]
        return self.rows

    def merge(self, answers: object, source: str = "postprocess()") -> list[object]:
        """Put error answers at the places of the rejected requests.

        Args:
            answers: One answer for each row that the last phase was given; those of rows which it
                rejected itself may be there or be left out.
            source: Who returned them.

        Returns:
            One answer for each of the `size` requests.

        Raises:
            HandlerContractError: They are no list, or their number fits neither way.
        """
        given = self.rows
        kept = [row for row in given if row not in self.rejections]
        listed = as_list(answers, source)
        rows = given if len(listed) == len(given) else kept
        if len(listed) != len(rows):
            before = len(self.rejections.keys() - set(given))
            raise HandlerContractError(
                f"{source} returned {len(listed)} answers for {len(given)} requests"
                f"{f' ({before} more were rejected before)' if before else ''}; "
                "return one for each of them, in order",
                client_message=WRONG_NUMBER,
            )
        answered = {**self.answers, **dict(zip(rows, listed, strict=True)), **self.rejections}
        return [answered[row] for row in range(self.size)]

    def _mark(self, position: int, status: int, phrase: str) -> None:
        if self.whole and self.context is not None:
            self.context.set_response_status(status, phrase, position)


def as_list(answers: object, source: str) -> list[object]:
    """*answers* if they are a list.

    Raises:
        HandlerContractError: They are not.
    """
    if isinstance(answers, list):
        return answers
    kind = "None" if answers is None else f"a {type(answers).__name__}"
    advice = "call tolist() on it" if hasattr(answers, "tolist") else "return the answers as a list"
    raise HandlerContractError(
        f"{source} returned {kind}, not a list with one answer for each request; {advice}"
    )


_current: ContextVar[Batch | None] = ContextVar("ts_sdk_batch", default=None)


def current_batch() -> Batch | None:
    """The batch being handled in this thread or task, None outside of `handle`."""
    return _current.get()


class handling(AbstractContextManager[Batch]):  # noqa: N801 - it reads as a function
    """Make *batch* the current one for the ``with`` block."""

    __slots__ = ("_batch", "_token")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._token: Token[Batch | None] | None = None

    def __enter__(self) -> Batch:
        self._token = _current.set(self._batch)
        return self._batch

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
