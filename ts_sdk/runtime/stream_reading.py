"""Reading the pieces of an answer while the handler is still at work."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import RequestError
from ts_sdk.outcomes import Reply

if TYPE_CHECKING:
    from ts_sdk.runtime.runner import Emit

_Arrived = queue.SimpleQueue[Reply | BaseException | None]


def read_while_running(run: "Callable[[Emit], Reply]") -> Iterator[Any]:
    """The pieces that *run* emits, as they come, then what it returns.

    Args:
        run: Handles one request in a thread of its own, with the caller's context variables.

    Raises:
        RequestError: A piece, or the last reply, is one.
        BaseException: What *run* raised.
    """
    arrived: _Arrived = queue.SimpleQueue()

    def running() -> None:
        try:
            arrived.put(run(lambda _, piece: arrived.put(piece)))
        except BaseException as error:  # noqa: BLE001 - it is raised where the stream is read
            arrived.put(error)
        arrived.put(None)

    thread = threading.Thread(
        target=copy_context().run, args=(running,), name="ts_sdk stream", daemon=True
    )
    thread.start()
    return _outcomes_in(arrived)


def _outcomes_in(arrived: _Arrived) -> Iterator[Any]:
    while (found := arrived.get()) is not None:
        if isinstance(found, BaseException):
            raise found
        if isinstance(found.outcome, RequestError):
            raise found.outcome
        yield found.outcome
