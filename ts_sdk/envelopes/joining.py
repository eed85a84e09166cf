"""Envelopes whose requests hold several rows each: joined into one batch, and parted again."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ts_sdk.batch import WRONG_NUMBER, Batch, ErrorAnswer, as_list
from ts_sdk.envelopes.base import Answer, BaseEnvelope, BatchContext
from ts_sdk.envelopes.rows_context import asks_for, batch_of, call_handler, view_of_rows
from ts_sdk.errors import HandlerContractError, RequestError


@dataclass
class Share:
    """What one request has in the handler's batch.

    Attributes:
        position: Which request of the batch it is.
        rows: Its rows.
        asked: What the envelope keeps of the request until it is answered.
        is_plain: Whether its row and its answer stay as they are.
        answer_count: How many of the handler's answers are its own.
        answers: Those answers.
    """

    position: int
    rows: list[Any]
    asked: Any = None
    is_plain: bool = False
    answer_count: int = field(init=False)
    answers: Any = None

    def __post_init__(self) -> None:
        self.answer_count = len(self.rows)


@dataclass(frozen=True)
class _Exchange:
    """A batch between `parse_input` and `format_output`.

    Attributes:
        requests: The batch's requests, and which of them were refused.
        shares: What the others have in the handler's batch, in order.
    """

    requests: Batch
    shares: list[Share]


_exchange: ContextVar[_Exchange | None] = ContextVar("ts_sdk_envelope_exchange", default=None)


class JoiningEnvelope(BaseEnvelope):
    """Joins the rows of all requests, calls the handler once, and parts its answers.

    A subclass says how a request is opened and its answer sealed. A request that cannot be opened
    is refused, and the others are answered. Nothing of a batch is kept on the instance.
    """

    @abstractmethod
    def open(self, row: Any, position: int) -> Share:  # noqa: ANN401 - a row holds what was sent
        """The rows that request *position*, which came as *row*, has for the handler.

        Raises:
            RequestError: The request is not in the envelope's format.
        """

    @abstractmethod
    def seal(self, share: Share) -> Answer:
        """What the request of *share* is answered.

        Raises:
            RequestError: Its answers cannot be put into the envelope's format.
        """

    def name_of_row(self, share: Share, row: int) -> str:  # noqa: ARG002 - for overriding
        """What the request's sender calls row *row* of *share*."""
        return f"instance {row}"

    def telling(
        self,
        view: BatchContext,  # noqa: ARG002 - for overriding
        shares: Sequence[Share],  # noqa: ARG002 - as above
    ) -> AbstractContextManager[None]:
        """Around a call of the handler: what it is told through its context *view*."""
        return nullcontext()

    def handle(self, data: Any, context: BatchContext) -> Any:  # noqa: ANN401 - as handlers have it
        """Answer a batch of requests in the envelope's format.

        Args:
            data: One row a request; None, an empty batch and the row of a request for the model's
                description go to the handler as they are.
            context: The context of the batch.

        Returns:
            One answer for each request, in order; a refused request has an error answer.

        Raises:
            HandlerContractError: The handler's answers are not one for each row.
        """
        if not data:
            return self._handle_fn(data, context)
        token = _exchange.set(None)
        try:
            with self._handling(context):
                rows = self.parse_input(data)
                return self.format_output(self._ask(rows, _current().shares))
        finally:
            _exchange.reset(token)

    def parse_input(self, data: list[Any]) -> list[Any]:
        """The rows of all requests that are in the envelope's format."""
        requests = batch_of(len(data), self.context)
        shares: list[Share] = []
        for position, row in enumerate(data):
            try:
                shares.append(self._opened(row, position))
            except RequestError as error:
                requests.reject(position, error.status, error.message)
        requests.keep_rest()
        _exchange.set(_Exchange(requests, shares))
        return [row for share in shares for row in share.rows]

    def format_output(self, data: Answer) -> list[Answer]:
        """One answer for each request, made of the handler's answers *data*."""
        exchange = _current()
        self._part(data, exchange.shares)
        sealed = []
        for index, share in enumerate(exchange.shares):
            try:
                self._raise_refusal(share)
                sealed.append(share.answers[0] if share.is_plain else self.seal(share))
            except RequestError as error:
                exchange.requests.reject(index, error.status, error.message)
        return exchange.requests.merge(sealed)

    def _opened(self, row: Any, position: int) -> Share:  # noqa: ANN401 - as above
        if asks_for(self.context, position, "describe"):
            return Share(position, [row], is_plain=True)
        return self.open(row, position)

    def _ask(self, rows: list[Any], shares: Sequence[Share]) -> Answer:
        """The handler's answers to *rows*, which are those of *shares*."""
        if not shares:
            return []
        owners = [share.position for share in shares for _ in share.rows]
        names = [self._name(share, row) for share in shares for row in range(len(share.rows))]
        view = view_of_rows(self.context, owners)
        with self.telling(view, shares):
            return call_handler(self._handle_fn, rows, view, owners, names, self.context)

    def _part(self, answers: Answer, shares: Sequence[Share]) -> None:
        """Give each of *shares* its own of *answers*."""
        listed = listed_answers(answers)
        expected = sum(share.answer_count for share in shares)
        if len(listed) != expected:
            raise HandlerContractError(
                f"handle() returned {len(listed)} answers for the {expected} rows of "
                f"{len(shares)} requests; return one for each row of data, in order",
                client_message=WRONG_NUMBER,
            )
        rest = iter(listed)
        for share in shares:
            share.answers = [next(rest) for _ in range(share.answer_count)]

    def _raise_refusal(self, share: Share) -> None:
        """Raise the first refusal among the answers of *share*."""
        for row, refusal in _refusals(share.answers):
            raise RequestError(
                f"{self._name(share, row)}: {refusal.message}", status=refusal.status
            )

    def _name(self, share: Share, row: int) -> str:
        return "its description" if share.is_plain else self.name_of_row(share, row)


def listed_answers(answers: Answer) -> list[Answer]:
    """*answers* as a list.

    Raises:
        HandlerContractError: They are no list or tuple.
    """
    return list(answers) if isinstance(answers, tuple) else as_list(answers, "handle()")


def _refusals(answers: Answer) -> Iterator[tuple[int, ErrorAnswer]]:
    if isinstance(answers, list | tuple):
        for row, answer in enumerate(answers):
            if isinstance(answer, ErrorAnswer):
                yield row, answer


def _current() -> _Exchange:
    exchange = _exchange.get()
    if exchange is None:
        raise RuntimeError("format_output() was called without a parse_input() before it")
    return exchange
