"""What an envelope is: it unwraps requests for a handler, and wraps the handler's answers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Answer = Any
"""What a handler answers one row."""

BatchContext = Any
"""The `ts_sdk.Context` of a batch, or what a test puts in its place."""

HandleFunction = Callable[[Any, BatchContext], Any]
"""A handler's ``handle(data, context)``."""


class BaseEnvelope(ABC):
    """Stands around a handler; override `parse_input` and `format_output`.

    Args:
        handle_fn: The handler's ``handle(data, context)``.
    """

    _context: BatchContext = None

    def __init__(self, handle_fn: HandleFunction) -> None:
        self._handle_fn = handle_fn

    @property
    def context(self) -> BatchContext:
        """The context of the batch that this thread has given to `handle`; None outside of it."""
        call = _call.get()
        return self._context if call is None or call[0] is not self else call[1]

    @context.setter
    def context(self, context: BatchContext) -> None:
        self._context = context

    def handle(self, data: Any, context: BatchContext) -> Any:  # noqa: ANN401 - as handlers have it
        """Answer a batch of requests in the envelope's format.

        Args:
            data: One row a request; None, which initialises a module's function, and an empty
                batch go to the handler as they are.
            context: The context of the batch.

        Returns:
            What `format_output` makes of the handler's answers: one for each request.
        """
        with self._handling(context):
            rows = self.parse_input(data) if data else data
            answers = self._handle_fn(rows, context)
            return self.format_output(answers) if answers else answers

    @abstractmethod
    def parse_input(self, data: list[Any]) -> list[Any]:
        """What the handler is given for the rows *data*."""

    @abstractmethod
    def format_output(self, data: Any) -> Any:  # noqa: ANN401 - whatever the handler answers
        """What the requests are answered where the handler answers *data*."""

    @contextmanager
    def _handling(self, context: BatchContext) -> Iterator[None]:
        token = _call.set((self, context))
        try:
            yield
        finally:
            _call.reset(token)


_call: ContextVar[tuple[BaseEnvelope, BatchContext] | None] = ContextVar(
    "ts_sdk_envelope_call", default=None
)
