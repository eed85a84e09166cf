"""Keeps a handler's process running: a new one follows each that dies."""

import logging
import os
import threading
import time
import weakref
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from ts_sdk.errors import HandlerLoadError, ModelClosedError, SdkError, WorkerError
from ts_sdk.runtime.child import Child, Keep, Launch
from ts_sdk.runtime.endings import Died
from ts_sdk.runtime.failures import RemoteTraceback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ts_sdk.explain.requests import Explained
    from ts_sdk.outcomes import Reply
    from ts_sdk.runtime.messages import Ready
    from ts_sdk.runtime.pickling import Packed
    from ts_sdk.runtime.runner import Emit

_T = TypeVar("_T")

_logger = logging.getLogger(__name__)

# What TorchServe's frontend answers: for a worker that died or took too long, for one that was
# killed (which it takes for a want of memory), and where there is none.
_DIED = 500
_KILLED = 507
_NOT_THERE = 503

_LONGEST_PAUSE_S = 60.0


class Supervisor:
    """Starts a process, and a new one after each that died; calls from several threads are safe.

    A new process starts as soon as its predecessor is known to be dead, and the next batch waits
    for it. When starting fails, it is tried again for a later batch, after 1, 2, 4 ... 60 seconds;
    batches in between are answered at once.

    Args:
        name: The model's name.
        launch: How a process is started.
        keep: Takes what a process has measured.
    """

    def __init__(self, name: str, launch: Launch, keep: Keep) -> None:
        self._name = name
        self._launch = launch
        self._keep = keep
        self._lock = threading.Lock()
        self._turn: AbstractContextManager[Any] = threading.RLock()
        self._child: Child | None = None
        self._closed = False
        self._failed_starts = 0
        self._not_before = 0.0
        self._why_not = ""
        _supervisors.add(self)
        _watch_forks()

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """What a batch holds while it is handled; nothing where the handler takes several."""
        return self._turn

    @property
    def pid(self) -> int | None:
        """The number of the process, None when there is none."""
        child = self._child
        return None if child is None else child.pid

    def start(self) -> "Ready":
        """Start the first process, and wait for it.

        Raises:
            SdkError: It cannot be started, or what the handler's start raised.
        """
        try:
            ready = self._current().wait_until_ready()
        except WorkerError as error:
            self.close()
            raise HandlerLoadError(
                f"the handler's process cannot be started: {self._why_not}", phase="start process"
            ) from error.__cause__
        except Died as died:
            self.close()
            raise HandlerLoadError(
                f"the handler's process {died.how} while it started",
                phase="start process",
            ) from _report_of(died)
        except BaseException:
            self.close()
            raise
        if ready.concurrent:
            self._turn = nullcontext()
        return ready

    def ask(self, batch: "Sequence[Packed]", emit: "Emit | None") -> "list[Reply]":
        """The replies to a batch.

        Args:
            batch: The packed requests.
            emit: Takes the pieces of streamed answers.

        Raises:
            WorkerError: The process died over it, took too long, or is not there.
            ModelClosedError: `close` was called.
        """
        return self._twice(lambda child: child.ask(batch, emit), len(batch))

    def explain(
        self, asked: "Sequence[Packed]", count: int, on_progress: "Callable[[int], None]"
    ) -> "list[Explained]":
        """The explanations of *count* answers; see `Child.explain`.

        Raises:
            WorkerError: The process died over it, took too long, or is not there.
            ModelClosedError: `close` was called.
            SdkError: What is wrong with all of them.
        """
        found = self._twice(lambda child: child.explain(asked, on_progress), count)
        if isinstance(found, SdkError):
            raise found
        return found

    def check_open(self) -> None:
        """Raise what a call after `close` gets.

        Raises:
            ModelClosedError: `close` was called.
        """
        if self._closed:
            raise ModelClosedError(f"{self._name} is closed: load it again to predict")

    def wait_for_successor(self) -> None:
        """Wait until the process that followed one that died is ready, or ended itself."""
        if self._child is not None:
            with suppress(SdkError):  # the next batch is told
                self._started()

    def close(self) -> None:
        """End the process; again, it does nothing."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is not None:
            child.close()

    def let_go(self) -> None:
        """Leave the process to the program that this one was forked from."""
        self._lock = threading.Lock()  # another thread may have held it, and is not here
        if not isinstance(self._turn, nullcontext):
            self._turn = threading.RLock()
        child, self._child = self._child, None
        if child is not None:
            child.let_go()

    def _twice(self, talk: "Callable[[Child], _T]", count: int) -> _T:
        """What comes of a *talk* about *count* requests, with another process if one is needed."""
        try:
            return self._attempt(talk)
        except Died as died:
            if not died.unread:
                raise self._error(died, count) from _report_of(died)
        # It was dead before it could begin.
        try:
            return self._attempt(talk)
        except Died as died:
            raise self._error(died, count) from _report_of(died)

    def _attempt(self, talk: "Callable[[Child], _T]") -> _T:
        child = self._started()
        try:
            return talk(child)
        except Died:
            self._follow(child)
            raise
        except BaseException:
            child.kill()  # nobody waits any more for what it does
            raise

    def _error(self, died: Died, count: int) -> WorkerError:
        return WorkerError(
            f"the handler's process {died.how} over {count} request{'s' if count > 1 else ''}; "
            "a new one takes its place",
            status=_KILLED if died.by_kill else _DIED,
            worker_traceback="\n".join(filter(None, (died.output, died.report))) or None,
        )

    def _started(self) -> Child:
        """A process whose handler has started."""
        child = self._current()
        try:
            child.wait_until_ready()
        except (Died, SdkError) as error:
            child.kill()
            self.check_open()
            with self._lock:
                if self._child is child:  # no other thread has noted it
                    self._note_failure(f"it {error.how}" if isinstance(error, Died) else str(error))
            raise self._not_there() from (_report_of(error) if isinstance(error, Died) else error)
        except BaseException:
            child.kill()
            raise
        self._failed_starts = 0
        return child

    def _current(self) -> Child:
        """The process, a new one where the last has ended."""
        with self._lock:
            self.check_open()
            child = self._child
            if child is not None and child.is_alive:
                return child
            if child is not None:
                child.kill()  # which waits for it, and ends what it has started
                _logger.warning(
                    "%s: the handler's process %s while it idled; a new one takes its place",
                    self._name,
                    child.ending,
                )
            elif time.monotonic() < self._not_before:
                raise self._not_there()
            return self._launched()

    def _follow(self, dead: Child) -> None:
        """Start the next process, unless another thread has."""
        with self._lock:
            self.check_open()
            if self._child is dead:
                with suppress(WorkerError):  # the next batch is told
                    self._launched()

    def _launched(self) -> Child:
        try:
            self._child = Child(self._launch, self._keep)
        except OSError as error:
            self._note_failure(str(error))
            raise self._not_there() from error
        return self._child

    def _note_failure(self, why: str) -> None:
        self._child = None
        self._why_not = why
        pause_s = min(2.0**self._failed_starts, _LONGEST_PAUSE_S)
        self._not_before = time.monotonic() + pause_s
        self._failed_starts += 1

    def _not_there(self) -> WorkerError:
        left_s = max(self._not_before - time.monotonic(), 0)
        return WorkerError(
            f"the handler's process could not be started again: {self._why_not}; a request that "
            f"comes in {left_s:.0f} s or later tries once more",
            status=_NOT_THERE,
        )


def _report_of(died: Died) -> RemoteTraceback | None:
    # What it printed was passed on already.
    return RemoteTraceback(died.report) if died.report else None


_supervisors: "weakref.WeakSet[Supervisor]" = weakref.WeakSet()


@cache
def _watch_forks() -> None:
    """A forked program shares sockets with its parent: neither could tell whose answer came."""
    os.register_at_fork(after_in_child=_let_all_go)


def _let_all_go() -> None:
    for supervisor in list(_supervisors):
        supervisor.let_go()
