"""`Stopwatch`: how long a block or a function takes, as a metric."""

import inspect
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from ts_sdk.batch import current_batch

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Record(Protocol):
    """Takes a duration."""

    def __call__(self, value: float, *, idx: int | None = None) -> None:
        """Record *value*, which is about request *idx*."""


class Stopwatch(AbstractContextManager[None]):
    """Measures a ``with`` block, or each call of the function that it decorates.

    Args:
        record: Takes the duration.
        per_second: How many of its units are a second.
        idx: Position in the batch of the request that it is about; all of them when None.
    """

    __slots__ = ("_idx", "_per_second", "_record", "_started")

    def __init__(self, record: Record, per_second: float, idx: int | None) -> None:
        self._record = record
        self._per_second = per_second
        self._idx = idx
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        elapsed_s = time.perf_counter() - self._started
        self._record(elapsed_s * self._per_second, idx=self._idx)

    def __call__(self, function: _Function) -> _Function:
        """*function*, each call of which is measured."""
        return measured(function, lambda: Stopwatch(self._record, self._per_second, self._idx))


def timed(name: str, *, unit: str | None = None) -> Callable[[_Function], _Function]:
    """Record how long each call of a handler's method takes, in the metrics of the running batch.

    Outside of a batch nothing is recorded.

    Args:
        name: The metric's name.
        unit: ``ms``, ``s`` or ``us``; None takes the declared one, else ``ms``.
    """

    def stopwatch() -> AbstractContextManager[None]:
        batch = current_batch()
        metrics = getattr(batch.context, "metrics", None) if batch is not None else None
        return nullcontext() if metrics is None else metrics.time(name, unit=unit)

    return lambda function: measured(function, stopwatch)


def measured(
    function: _Function, stopwatch: Callable[[], AbstractContextManager[None]]
) -> _Function:
    """*function* inside of a new *stopwatch* at each call; a coroutine until it has returned."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own
            with stopwatch():
                return await function(*args, **kwargs)

        return cast("_Function", awaited)

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own
        with stopwatch():
            return function(*args, **kwargs)

    return cast("_Function", called)
