"""Answers in pieces: generators, intermediate responses, and sequences that go on until stopped.

Three ways of TorchServe's handlers lead here. `send_intermediate_predict_response` hands a piece
to the context. A handler that returns a generator yields one list of answers after the other. And a
handler of a `continuousBatching` archive sets ``context.stopping_criteria``: it is called again,
without new data, for each request whose criterion says that more follows.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ts_sdk.batch import current_batch
from ts_sdk.errors import HandlerContractError, RequestError
from ts_sdk.outcomes import Reply, reply_of
from ts_sdk.torchserve.frames import FrameSocket

if TYPE_CHECKING:
    from ts_sdk.context import Context
    from ts_sdk.runtime.awaiting import Loop
    from ts_sdk.runtime.runner import Emit

_MORE_FOLLOWS = "ts_stream_next"

_Call = Callable[[Sequence[int], list[dict[str, Any]]], "tuple[list[Reply], Context]"]


class Stream:
    """The pieces of one batch's answers on their way to whoever reads them.

    Args:
        emit: Takes a piece of the answer to a request; None when nobody reads them.
        positions: The request that each row of the batch belongs to.

    Attributes:
        has_begun: Whether a piece was sent, so that the batch must not be run again.
    """

    def __init__(self, emit: "Emit | None", positions: Sequence[int]) -> None:
        self._emit = emit
        self._positions = positions
        self.has_begun = False

    def attach(self, context: "Context", kept: Sequence[int]) -> None:
        """Take what the handler sends through *context*, whose requests are the rows *kept*."""

        def take(answers: Sequence[object]) -> None:
            if len(answers) != len(kept):
                raise HandlerContractError(
                    f"an intermediate response has {len(answers)} answers for {len(kept)} "
                    "requests; send one for each, in order"
                )
            for index, answer in enumerate(answers):
                context.set_response_header(index, _MORE_FOLLOWS, "true")
                self._send(kept[index], reply_of(answer, index, context))

        context.send_intermediate = take
        context.cl_socket = FrameSocket(take)

    def last_of(self, returned: Any, loop: "Loop") -> Any:  # noqa: ANN401 - what the handler returned
        """What the handler answers: *returned*, or the last item that it yields.

        Raises:
            HandlerContractError: It is a generator that yields nothing.
        """
        if inspect.isgenerator(returned):
            return self._drain(returned)
        if inspect.isasyncgen(returned):
            return self._drain(loop.items_of(returned))
        return returned

    def until_stopped(self, rows: list[dict[str, Any]], call: _Call) -> list[Reply]:
        """The last reply to each row, of as many calls of the handler as it wants.

        Args:
            rows: The rows of the batch.
            call: Calls the handler with rows, and says which of the batch's rows they are.
        """
        replies: dict[int, Reply] = {}
        kept, given = list(range(len(rows))), rows
        while kept:
            answered, context = call(kept, given)
            criteria = context.stopping_criteria
            going_on = []
            for index, row in enumerate(kept):
                stops = _stops(answered[index].outcome, criteria and criteria[index])
                reply = _with_header(answered[index], stops)
                if stops is False:
                    going_on.append(index)
                    self._send(row, reply)
                else:
                    replies[row] = reply
            # What a request holds came with its first call: the handler has kept what it needs.
            kept = [kept[index] for index in going_on]
            given = [{} for _ in kept]
        return [replies[row] for row in range(len(rows))]

    def _drain(self, items: Iterator[Any]) -> Any:  # noqa: ANN401 - as above
        batch = current_batch()
        last: list[object] | None = None
        for item in items:
            if last is not None and batch is not None:
                batch.context.send_intermediate(last)
            if not isinstance(item, list):
                raise HandlerContractError(
                    f"handle() returned a generator, not a list, and it yielded a "
                    f"{type(item).__name__}; yield lists with one answer for each request"
                )
            last = item
        if last is None:
            raise HandlerContractError("handle() returned a generator that yielded no answers")
        return last

    def _send(self, row: int, reply: Reply) -> None:
        self.has_begun = True
        if self._emit is not None:
            self._emit(self._positions[row], reply)


def _stops(outcome: object, criterion: Callable[[Any], Any] | None) -> bool | None:
    """Whether an answer is the last one; None where nothing says so."""
    if not criterion or isinstance(outcome, RequestError):
        return None
    said = criterion(outcome)
    return None if said is None else bool(said)


def _with_header(reply: Reply, stops: bool | None) -> Reply:  # noqa: FBT001 - as `_stops` says
    """*reply* with the header that says whether more follow, where one is due."""
    if stops is None and reply.headers.get(_MORE_FOLLOWS) != "true":
        return reply
    return replace(reply, headers={**reply.headers, _MORE_FOLLOWS: str(stops is False).lower()})
