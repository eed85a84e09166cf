"""Threads that pass parts of a work from one stage to the next.

A thread holds nothing but its stage, so that whoever owns a pipeline can be forgotten while the
threads wait.
"""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Protocol


class Part(Protocol):
    """A part of a work."""

    def run(self, stage: str) -> bool:
        """Do what *stage* does; False when it needs no stage after this one."""


class Pipeline:
    """Runs works in parts; several works may be in it at once.

    Args:
        stages: Names of the stages, in order; each starts with one thread.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        self._stages: dict[str, _Stage] = {}
        after: _Stage | None = None
        for name in reversed(stages):
            after = self._stages[name] = _Stage(name, after)
        self.resize(dict.fromkeys(stages, 1))

    def run(self, parts: Sequence[Part]) -> None:
        """Take all *parts* through the stages, with the caller's context variables.

        Raises:
            BaseException: What a part raised; of several, the first one's. The others are not
                carried on.
            RuntimeError: The pipeline is closed.
        """
        work = _Work(len(parts))
        first = self._stages[next(reversed(self._stages))]
        for number, part in enumerate(parts):
            first.put(_Job(number, part, work))
        work.wait()

    def resize(self, threads: Mapping[str, int]) -> None:
        """Set the number of threads of the stages that are named."""
        for name, wanted in threads.items():
            self._stages[name].resize(wanted)

    def threads(self) -> dict[str, list[threading.Thread]]:
        """Stage → its threads."""
        return {name: list(stage.threads) for name, stage in reversed(self._stages.items())}

    def close(self) -> None:
        """Let the threads end; parts that still wait for one fail. Calling it twice is no harm."""
        for stage in self._stages.values():
            stage.close()

    def shutdown(self) -> None:
        """As `close`, and wait until the threads have ended."""
        threads = [thread for group in self.threads().values() for thread in group]
        self.close()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()


class _Work:
    """The parts that one caller waits for."""

    def __init__(self, parts: int) -> None:
        self._changed = threading.Condition()
        self._open = parts
        self._errors: dict[int, BaseException] = {}
        self.has_failed = False

    def finish(self, number: int, error: BaseException | None = None) -> None:
        with self._changed:
            self._open -= 1
            if error is not None:
                self._errors[number] = error
                self.has_failed = True
            self._changed.notify_all()

    def wait(self) -> None:
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._open <= 0)
        finally:
            self.has_failed = True  # if the wait itself was interrupted, nobody needs the rest
        if self._errors:
            error = self._errors[min(self._errors)]
            self._errors.clear()  # the error's frames hold this object
            raise error


class _Job:
    """A part on its way."""

    def __init__(self, number: int, part: Part, work: _Work) -> None:
        self._number = number
        self._part = part
        self._work = work
        self._context = copy_context()  # one a part: two threads cannot be in the same

    def advance(self, stage: "_Stage") -> None:
        """Run *stage* and go on to the next."""
        try:
            goes_on = not self._work.has_failed and self._context.run(self._part.run, stage.name)
        except BaseException as error:  # noqa: BLE001 - it is raised where the work is waited for
            self._work.finish(self._number, error)
            return
        if goes_on and stage.after is not None:
            stage.after.put(self)
        else:
            self._work.finish(self._number)

    def give_up(self) -> None:
        """End without the stages that are left."""
        error = RuntimeError("the threads that were to handle this batch have been shut down")
        self._work.finish(self._number, error)


class _Stage:
    """Threads that do the same to one part after the other."""

    def __init__(self, name: str, after: "_Stage | None") -> None:
        self.name = name
        self.after = after
        self.threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._wanted = 0
        self._closed = False

    def put(self, job: _Job) -> None:
        with self._changed:
            if not self._closed:
                self._waiting.append(job)
                self._changed.notify()
                return
        job.give_up()

    def serve(self) -> bool:
        """Take one job through; False when the thread is no longer wanted."""
        job = self._next()
        if job is None:
            return False
        job.advance(self)
        return True

    def resize(self, wanted: int) -> None:
        with self._changed:
            if self._closed:
                return
            self._wanted = wanted
            while len(self.threads) < wanted:
                thread = threading.Thread(
                    target=_serve, args=(self,), name=f"ts_sdk {self.name}", daemon=True
                )
                self.threads.append(thread)
                thread.start()
            self._changed.notify_all()
            if threading.current_thread() not in self.threads:
                self._changed.wait_for(lambda: len(self.threads) <= self._wanted)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._wanted = 0
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for job in waiting:
            job.give_up()

    def _next(self) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or len(self.threads) > self._wanted)
            if len(self.threads) > self._wanted:
                self.threads.remove(threading.current_thread())
                self._changed.notify_all()
                return None
            return self._waiting.popleft()


def _serve(stage: _Stage) -> None:
    while stage.serve():
        pass
