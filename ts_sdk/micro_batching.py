"""`MicroBatching`: a handler's batch in parts, whose phases overlap.

While the model runs on one part, the next is preprocessed and the one before postprocessed. A
handler asks for it in `initialize` with ``self.handle = MicroBatching(self, micro_batch_size=4)``.
"""

import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from threading import Thread
from typing import TYPE_CHECKING, Any

from ts_sdk.batch import Batch, current_batch, handling
from ts_sdk.errors import RequestError
from ts_sdk.handler import BaseHandler
from ts_sdk.imports import current_code
from ts_sdk.phases import answer
from ts_sdk.pipeline import Pipeline

if TYPE_CHECKING:
    from ts_sdk.context import Context
    from ts_sdk.handler import Row

HANDLER_METHODS = ("preprocess", "inference", "postprocess")
"""The phases, in the order in which they run; each is a method of the handler."""

_number: ContextVar[int | None] = ContextVar("ts_sdk_micro_batch", default=None)


class MicroBatching:
    """Runs a handler's phases in threads of their own, one part of the batch after the other.

    An error in a phase is raised to the caller. Answers come in the order of the requests, and
    several callers at once each get their own. In the threads the handler finds what it finds in
    `handle`: `self.context`, `self.reject`, its archive's modules. They end with the model.

    Args:
        parent_handler: The handler, with the methods `HANDLER_METHODS`.
        micro_batch_size: Most requests in a part.
        parallelism: Phase → how many parts may be in it at once; 1 for those that are not named.

    Attributes:
        handler: The handler.
        micro_batch_size: Most requests in a part.
    """

    def __init__(
        self,
        parent_handler: Any,  # noqa: ANN401 - any class with these methods
        micro_batch_size: int = 1,
        parallelism: Mapping[str, int] | None = None,
    ) -> None:
        if micro_batch_size < 1:
            raise ValueError(f"micro_batch_size must be 1 or more, not {micro_batch_size}")
        self.handler = parent_handler
        self.micro_batch_size = micro_batch_size
        self._parallelism = _checked(parallelism or {})
        self._pipeline = Pipeline(HANDLER_METHODS)
        self._pipeline.resize(self._parallelism)
        end = weakref.finalize(self, self._pipeline.close)
        code = current_code()
        if code is not None:
            code.at_close.callback(end)

    @property
    def parallelism(self) -> dict[str, int]:
        """Phase → how many parts may be in it at once, for the phases that were named.

        Setting it changes the phases that are named, and lets the others be.
        """
        return dict(self._parallelism)

    @parallelism.setter
    def parallelism(self, parallelism: Mapping[str, int]) -> None:
        self._parallelism |= _checked(parallelism)
        self._pipeline.resize(self._parallelism)

    @property
    def thread_groups(self) -> dict[str, list[Thread]]:
        """Phase → its threads."""
        return self._pipeline.threads()

    def shutdown(self) -> None:
        """End the threads and wait for them; calling it twice does nothing."""
        self._pipeline.shutdown()

    def handle(self, data: "list[Row]") -> list[Any]:
        """Answer *data*, one row a request, with the handler's three phases.

        Returns:
            One answer for each row, in order.

        Raises:
            Exception: What a phase raised; of several parts that failed, the first one's.
            RuntimeError: The threads were ended.
        """
        batch = current_batch()
        if batch is None or len(batch.rows) != len(data):
            batch = Batch(len(data), getattr(self.handler, "context", None), whole=False)
        size = self.micro_batch_size
        parts = [
            _MicroBatch(self.handler, number, data[start : start + size], start, batch)
            for number, start in enumerate(range(0, len(data), size))
        ]
        self._pipeline.run(parts)
        return [each for part in parts for each in part.answers]

    def get_micro_batch_idx(self) -> int | None:
        """Which part of the batch the running phase has, counted from 0; None outside of one."""
        return _number.get()

    def __call__(self, data: "list[Row]", context: "Context") -> Any:  # noqa: ANN401 - as BaseHandler.handle
        """Answer a batch, as `BaseHandler.handle` does."""
        if not isinstance(self.handler, BaseHandler):  # which knows its context by itself
            self.handler.context = context
        batch = current_batch()
        if batch is None or batch.context is not context:
            batch = Batch(len(data), context)
        elif len(data) != batch.size:
            batch = Batch(len(data), context, batch.times, whole=False)
        with handling(batch):
            return answer(self.handler, data, batch, lambda _, rows, __: self.handle(rows))


class _MicroBatch:
    """A part of a batch.

    Args:
        handler: The handler.
        number: Which part it is, counted from 0.
        rows: Its rows.
        start: Where its rows begin among those of the whole.
        whole: The whole batch.

    Attributes:
        answers: One for each row, once all phases are done.
    """

    def __init__(
        self,
        handler: Any,  # noqa: ANN401 - as above
        number: int,
        rows: "list[Row]",
        start: int,
        whole: Batch,
    ) -> None:
        self.answers: list[Any] = []
        self._handler = handler
        self._number = number
        self._value: Any = rows
        self._start = start
        self._whole = whole
        self._batch = Batch(len(rows), whole.context, whole.times, whole=False)

    def run(self, stage: str) -> bool:
        """Call the handler's method *stage*; False when no row is left for another."""
        _number.set(self._number)
        with handling(self._batch), self._batch.times.measure(stage):
            try:
                self._value = getattr(self._handler, stage)(self._value)
            except RequestError as error:
                error.index = self._position_of(error.index)
                raise
        is_last = stage == HANDLER_METHODS[-1]
        if not is_last and self._batch.keep_rest():
            return True
        self.answers = self._batch.merge(self._value if is_last else [])
        for row, rejection in self._batch.rejections.items():
            self._whole.reject(self._start + row, rejection.status, rejection.message)
        return False

    def _position_of(self, index: int | None) -> int | None:
        """The position in the whole of row *index* of the running phase, if it is known."""
        rows = self._batch.rows
        if index is None or not 0 <= index < len(rows) or not self._whole.whole:
            return None
        return self._whole.rows[self._start + rows[index]]


def _checked(parallelism: Mapping[str, int]) -> dict[str, int]:
    for phase, threads in parallelism.items():
        if phase not in HANDLER_METHODS:
            raise ValueError(f"there is no phase {phase!r}: there are {', '.join(HANDLER_METHODS)}")
        if threads < 1:
            raise ValueError(f"{phase} needs 1 thread or more, not {threads}")
    return dict(parallelism)
