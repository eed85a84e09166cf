"""Handlers that are coroutines: one event loop a model, made when it is first needed."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any


class Loop:
    """Waits for what asynchronous handlers return; safe with threads.

    The loop runs in a thread of its own, so that it also works where the caller's thread runs a
    loop already (a notebook), and so that clients which a handler opens stay bound to one loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def result_of(self, returned: object) -> Any:  # noqa: ANN401 - what the handler answers
        """*returned*, awaited when it is awaitable."""
        if not inspect.isawaitable(returned):
            return returned
        if not inspect.iscoroutine(returned):
            returned = _awaited(returned)
        return self._wait(returned)

    def items_of(self, returned: AsyncIterator[Any]) -> Iterator[Any]:
        """The items of an asynchronous generator, one after the other."""
        while True:
            try:
                yield self._wait(_next(returned))
            except StopAsyncIteration:
                return

    def close(self) -> None:
        """Stop the loop, after what runs in it was cancelled; calling it twice does nothing."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - as above
        # The context variables of the calling thread (its batch, its archive) go with it.
        return asyncio.run_coroutine_threadsafe(coroutine, self._running()).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="ts_sdk handler loop", daemon=True
                )
                self._thread.start()
            return self._loop


async def _awaited(awaitable: Any) -> Any:  # noqa: ANN401 - as above
    return await awaitable


async def _next(items: AsyncIterator[Any]) -> Any:  # noqa: ANN401 - as above
    return await anext(items)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
