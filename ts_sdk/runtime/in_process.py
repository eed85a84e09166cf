"""A handler that runs in this process."""

import gc
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ts_sdk.batch import Batch, handling
from ts_sdk.blame import explain, phase_of
from ts_sdk.entry_points import EntryPoint
from ts_sdk.errors import HandlerContractError, ModelClosedError, RequestError
from ts_sdk.imports import ArchiveCode
from ts_sdk.outcomes import Reply, copy_of, replies_of
from ts_sdk.runtime.awaiting import Loop
from ts_sdk.runtime.streaming import Stream
from ts_sdk.timing import PhaseTimes

if TYPE_CHECKING:
    from ts_sdk.context import Context
    from ts_sdk.runtime.runner import Asked, Emit

_T = TypeVar("_T")

_HANDLER_FAILED = 503
_OUT_OF_MEMORY = 507
_TOLD_AS_FAILED = "Prediction failed"
_TOLD_AS_OUT_OF_MEMORY = "Out of resources"


@dataclass(frozen=True)
class Behaviour:
    """What a handler's requests have in common.

    Attributes:
        name: The model's name.
        stateful: Whether requests belong to sequences, so that no batch may be run twice.
        concurrent: Whether batches may be handled at the same time.
    """

    name: str
    stateful: bool
    concurrent: bool


class InProcessRunner:
    """Runs a handler in the calling thread; threads take turns unless it is *concurrent*."""

    def __init__(  # noqa: PLR0917 - what a started handler consists of
        self,
        behaviour: Behaviour,
        entry: EntryPoint,
        context: "Context",
        code: ArchiveCode,
        times: PhaseTimes,
        loop: Loop,
        resources: ExitStack,
    ) -> None:
        self._behaviour = behaviour
        self._entry = entry
        self._context = context
        self._code = code
        self._times = times
        self._loop = loop
        self._resources = resources
        self._closed = False
        self._turn: AbstractContextManager[Any] = (
            nullcontext() if behaviour.concurrent else threading.RLock()
        )

    @property
    def handler(self) -> Any:  # noqa: ANN401 - the user's own class
        """The handler's instance; None when the archive's handler is a module's function."""
        return self._entry.handler

    @property
    def context(self) -> "Context":
        """The archive's context, shared by all batches."""
        return self._context

    @property
    def concurrent(self) -> bool:
        """Whether batches may be handled at the same time."""
        return self._behaviour.concurrent

    def run(self, asked: "Sequence[Asked]", emit: "Emit | None" = None) -> list[Reply]:
        """One reply a request; after an error of the whole batch, its halves are tried."""
        replies: dict[int, Reply] = {}
        pending = [list(range(len(asked)))] if asked else []
        while pending:
            positions = pending.pop()
            stream = Stream(emit, positions)
            known, parts = self._attempt([asked[position] for position in positions], stream)
            replies |= {positions[row]: reply for row, reply in known.items()}
            pending += [[positions[row] for row in part] for part in reversed(parts)]
        return [replies[position] for position in range(len(asked))]

    def use(self, work: "Callable[[Any], _T]") -> "_T":
        """What *work* gives, which is called with the handler, in its turn and with its code.

        Raises:
            ModelClosedError: The runner was closed.
        """
        with self._turn:
            if self._closed:
                raise ModelClosedError(
                    f"{self._behaviour.name} is closed: load it again to explain its answers"
                )
            with self._code.running():
                return work(self._entry.handler)

    def close(self) -> None:
        """Let go of the model and of its files; calling it twice does nothing."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            kept_by_module = self._entry.kept_by_module
            self._entry = EntryPoint(_closed, _closed)
            self._resources.close()
            if kept_by_module:
                # A module and its functions hold each other, and so would the model's memory be.
                gc.collect()

    def _attempt(
        self, asked: "Sequence[Asked]", stream: Stream
    ) -> tuple[dict[int, Reply], list[list[int]]]:
        """The replies that are known by row, and the rows to try again, each list as a batch."""
        rows = list(range(len(asked)))
        try:
            return dict(enumerate(self._handle(asked, stream))), []
        except HandlerContractError as error:
            return {row: Reply.of_error(copy_of(error)) for row in rows}, []
        except (Exception, SystemExit) as error:
            if self._closed:
                raise
            if len(rows) == 1 or self._behaviour.stateful or stream.has_begun:
                return {row: Reply.of_error(self._failure(error)) for row in rows}, []
            culprit = error.index if isinstance(error, RequestError) else None
            if culprit in rows:
                others = [row for row in rows if row != culprit]
                return {culprit: Reply.of_error(self._failure(error))}, [others]
            middle = len(rows) // 2
            return {}, [rows[:middle], rows[middle:]]

    def _handle(self, asked: "Sequence[Asked]", stream: Stream) -> list[Reply]:
        headers = [request.all_headers for _, request in asked]
        rows = [dict(request.parts) for _, request in asked]
        numbers = [number for number, _ in asked]
        with self._turn:
            if self._closed:
                raise ModelClosedError(
                    f"{self._behaviour.name} is closed: load it again to predict"
                )
            with self._code.running():
                return stream.until_stopped(
                    rows, lambda kept, rest: self._call(rest, kept, headers, numbers, stream)
                )

    def _call(
        self,
        rows: list[dict[str, Any]],
        kept: Sequence[int],
        headers: Sequence[Mapping[str, Any]],
        numbers: Sequence[str],
        stream: Stream,
    ) -> tuple[list[Reply], "Context"]:
        """Call the handler once with *rows*, which are those of the requests *kept*."""
        context = self._context.for_batch(
            [headers[row] for row in kept], [numbers[row] for row in kept]
        )
        stream.attach(context, kept)
        batch = Batch(len(rows), context, self._times)
        started = time.perf_counter()
        try:
            with handling(batch), self._times.measure("handle"):
                returned = self._loop.result_of(self._entry.handle(rows, context))
                answers = stream.last_of(returned, self._loop)
                replies = replies_of(answers, batch, context)
                elapsed_ms = round((time.perf_counter() - started) * 1e3, 2)
                if context.metrics is not None:
                    context.metrics.add_time("PredictionTime", elapsed_ms)
        finally:
            context.finish()
        return replies, context

    def _failure(self, error: BaseException) -> RequestError:
        """*error* as what became of one request, with the handler's line."""
        if isinstance(error, RequestError):
            return copy_of(error)
        phase = phase_of(error)
        out_of_memory = _is_out_of_memory(error)
        failure = RequestError(
            f"the handler failed{f' in {phase}' if phase else ''}: "
            f"{explain(error, self._code.folder)}",
            status=_OUT_OF_MEMORY if out_of_memory else _HANDLER_FAILED,
            client_message=_TOLD_AS_OUT_OF_MEMORY if out_of_memory else _TOLD_AS_FAILED,
        )
        failure.raised = type(error).__name__
        failure.__cause__ = error
        return failure


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether *error* is a want of memory; TorchServe takes any text about CUDA for one."""
    torch = sys.modules.get("torch")  # without it there is no such error
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, Exception) and "CUDA" in str(error)


def _closed(*_: object) -> object:
    raise ModelClosedError("the model is closed")
