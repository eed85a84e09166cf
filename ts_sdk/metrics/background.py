"""`Background`: a sink's work in a thread of its own, so that no request waits for it."""

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Self

from ts_sdk.metrics.delivery import Delivery
from ts_sdk.metrics.errors import MetricValueError
from ts_sdk.metrics.sample import MetricTypes, Sample
from ts_sdk.metrics.sinks import Sink, as_sink

_PAUSE_S = 0.01


class Background:
    """Hands samples to a sink in a thread of its own, in the order in which they were recorded.

    A sample waits for a hundredth of a second, so that several are handed on together. `flush` and
    `close` hand on all that waits, and so do the model's `close` and the end of the program; only a
    process that is killed loses it. Where too many wait, those who record hand them on themselves:
    none is dropped.

    Args:
        sink: Takes the samples.
        most: How many samples may wait.

    Raises:
        MetricTypeError: *sink* is none.
        MetricValueError: *most* is less than 1.
    """

    def __init__(self, sink: Sink | Callable[[Sample], object], *, most: int = 10_000) -> None:
        if most < 1:
            raise MetricValueError(f"at least 1 sample must be able to wait, not {most}")
        self._sink = as_sink(sink)
        self._most = most
        self._queue = _Queue(self._sink)
        self.sample_types = getattr(self._sink, "sample_types", frozenset(MetricTypes))
        self.is_read: Callable[[], bool] | None = getattr(self._sink, "is_read", None)
        finish = weakref.finalize(self, self._queue.end)
        finish.atexit = False  # there, `_end_all` also waits

    def emit(self, sample: Sample) -> None:
        """Let *sample* wait for its turn."""
        queue = self._queue
        queue.waiting.append(sample)
        if queue.over.is_set() or len(queue.waiting) > self._most:
            queue.hand_on()
        elif not queue.called.is_set():
            queue.call()

    def flush(self) -> None:
        """Wait until the sink has all samples that were recorded before."""
        self._queue.hand_on()

    def close(self) -> None:
        """The same, and end the thread; later samples are handed on at once."""
        self._queue.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Background of {self._sink!r}>"


class _Queue:
    """What waits for a sink, and the thread that hands it on; it outlives its `Background`."""

    def __init__(self, sink: Sink) -> None:
        self.waiting: deque[Sample] = deque()
        self.called = threading.Event()
        self._delivery = Delivery([sink])
        self._handing = threading.RLock()  # the sink may record something itself
        self.over = threading.Event()
        self._thread: threading.Thread | None = None
        _queues.add(self)
        _watch_process()

    def call(self) -> None:
        """Have the thread hand on what waits, soon."""
        if self._thread is None:
            with self._handing:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._run, name="ts_sdk metrics", daemon=True
                    )
                    self._thread.start()
        self.called.set()

    def hand_on(self) -> None:
        """Give the sink what waits now."""
        with self._handing:
            for _ in range(len(self.waiting)):
                if self.waiting:  # the sink may have come here, too
                    self._delivery.hand_on(self.waiting.popleft())

    def end(self) -> None:
        """Let the thread hand on the rest and end; this does not wait for it."""
        self.over.set()
        if self._thread is not None:
            self.called.set()

    def finish(self) -> None:
        """Hand on the rest, and end."""
        self.end()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self.hand_on()

    def forked(self) -> None:
        """Begin anew in a forked process: what waits is its parent's, and no thread is here."""
        self.waiting.clear()
        self.called = threading.Event()
        self._handing = threading.RLock()  # another thread may have held it
        self._thread = None

    def _run(self) -> None:
        while not self.over.is_set():
            self.called.wait()
            self.over.wait(_PAUSE_S)
            self.called.clear()  # first: what comes from here on calls again
            self.hand_on()
        self.hand_on()


_queues: "weakref.WeakSet[_Queue]" = weakref.WeakSet()


@cache
def _watch_process() -> None:
    atexit.register(_end_all)
    if hasattr(os, "register_at_fork"):  # there is no forking on Windows
        os.register_at_fork(after_in_child=_begin_all)


def _end_all() -> None:
    for queue in list(_queues):
        queue.finish()


def _begin_all() -> None:
    for queue in list(_queues):
        queue.forked()
