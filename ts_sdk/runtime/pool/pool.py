"""`Pool`: requests go in one by one, and are answered in batches by workers."""

import asyncio
import os
import threading
import time
import weakref
from math import inf
from numbers import Real
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from ts_sdk.errors import ModelClosedError, RequestError
from ts_sdk.rows import decode
from ts_sdk.runtime.pool.alarm import Alarm
from ts_sdk.runtime.pool.deployment import Deployment, PooledModel
from ts_sdk.runtime.pool.directory import Directory
from ts_sdk.runtime.pool.forgotten import end_forgotten
from ts_sdk.runtime.pool.job import Answer
from ts_sdk.runtime.pool.loading import ModelLoader
from ts_sdk.runtime.pool.scheduler import Scheduler
from ts_sdk.runtime.pool.settings import ArchivePath, ServingSettings
from ts_sdk.runtime.pool.stats import PoolStats
from ts_sdk.runtime.pool.versions import WeightedChoice

if TYPE_CHECKING:
    from ts_sdk.runtime.pool.model_queue import ModelQueue

_NOT_FOUND = 404


class Pool:
    """Models with queues and workers; `serve_locally` makes one with a model in it.

    It is a context manager: leaving it calls `close`. One that nobody refers to any more is closed
    too, after the requests that it has. Calls from several threads are safe.

    Args:
        seed: Makes the choice among versions the same each time; None makes it different.
    """

    def __init__(self, *, seed: int | None = None) -> None:
        def wake_at(at: float) -> None:
            alarm.set(at)

        self._owner = os.getpid()
        self._scheduler = Scheduler(time.monotonic, wake_at)
        self._alarm = alarm = Alarm(self._scheduler.tick)  # its thread must not keep the pool
        self._directory = Directory(WeightedChoice(seed))
        self._former: list[ModelQueue] = []
        self._changing = threading.Lock()
        self._closed = False
        self._when_forgotten = weakref.finalize(
            self, end_forgotten, self._owner, self._directory, alarm
        )
        self._when_forgotten.atexit = False

    @property
    def models(self) -> tuple[PooledModel, ...]:
        """The models that are served, each version of each."""
        return tuple(deployment.facts() for deployment in self._directory.all())

    def submit(
        self,
        request: object,
        *,
        model: str | None = None,
        version: str | None = None,
        deadline_ms: float | None = None,
    ) -> Answer:
        """Let a request wait for its turn.

        Args:
            request: As for `ts_sdk.Model.predict`.
            model: Whose answer is wanted; None where there is one model.
            version: Of which version; None draws one, as often as its weight says.
            deadline_ms: In how many milliseconds a worker must have it; None lets it wait.

        Returns:
            A `concurrent.futures.Future` of the answer. Its exception is a `RequestError`:
            `QueueFullError`, `DeadlineError`, or what became of the request. Functions that it is
            to call run in a worker's thread, and should be short.

        Raises:
            ModelClosedError: The pool was closed.
            ValueError: The deadline is negative, or no number.
        """
        now = time.monotonic()
        self._check_open()
        if deadline_ms is not None and not (isinstance(deadline_ms, Real) and deadline_ms >= 0):
            raise ValueError(f"deadline_ms must be 0 or more, not {deadline_ms!r}")
        try:
            deployment = self._directory.choose(model, version)
        except LookupError as error:
            return _failed(RequestError(str(error.args[0]), status=_NOT_FOUND))
        deadline = inf if deadline_ms is None else now + deadline_ms / 1e3
        try:
            job = deployment.job_of(decode(request), now, deadline)
        except RequestError as error:
            deployment.note_unreadable(error)
            return _failed(error)
        queue, scheduler = deployment.queue, self._scheduler
        job.answer.on_cancel = lambda: scheduler.withdraw(queue, job)
        refusal = scheduler.submit(queue, job)
        return job.answer if refusal is None else _failed(refusal)

    def predict(
        self,
        request: object,
        *,
        model: str | None = None,
        version: str | None = None,
        deadline_ms: float | None = None,
    ) -> Any:  # noqa: ANN401 - what the handler answers
        """The answer to a request, which is waited for.

        Args:
            request: As for `submit`; so are the others.
            model: Whose answer is wanted.
            version: Of which version.
            deadline_ms: In how many milliseconds a worker must have it.

        Raises:
            RequestError: The request was not answered.
            ModelClosedError: The pool was closed.
        """
        answer = self.submit(request, model=model, version=version, deadline_ms=deadline_ms)
        return answer.result()

    async def apredict(
        self,
        request: object,
        *,
        model: str | None = None,
        version: str | None = None,
        deadline_ms: float | None = None,
    ) -> Any:  # noqa: ANN401 - what the handler answers
        """As `predict`, for `asyncio`; a task that is cancelled takes its request back.

        Args:
            request: As for `submit`; so are the others. A path is read at once.
            model: Whose answer is wanted.
            version: Of which version.
            deadline_ms: In how many milliseconds a worker must have it.

        Raises:
            RequestError: The request was not answered.
            ModelClosedError: The pool was closed.
        """
        answer = self.submit(request, model=model, version=version, deadline_ms=deadline_ms)
        return await asyncio.wrap_future(answer)

    def add(
        self,
        archive: ArchivePath,
        name: str | None = None,
        version: str | None = None,
        weight: float = 1.0,
        **settings: Unpack[ServingSettings],
    ) -> None:
        """Serve one more model, or one more version of a model.

        Args:
            archive: As for `serve_locally`.
            name: What it is called here; None takes the archive's name.
            version: Its version here; None takes the archive's.
            weight: How large its share is of the requests that name no version; 0 for none.
            **settings: As for `serve_locally`.

        Raises:
            ValueError: It is there already, or a setting or the weight makes no sense.
            ModelClosedError: The pool was closed.
            LoadError: As for `serve_locally`; so are the others.
        """
        if not 0 <= weight < inf:
            raise ValueError(f"weight must be 0 or more, not {weight!r}")
        self._check_open()
        loader = ModelLoader(archive, settings)
        name = loader.manifest.model_name if name is None else name
        version = loader.manifest.model_version if version is None else version
        with self._changing:
            self._check_open()
            self._directory.check_free(name, version)
            deployment = Deployment(name, version, weight, loader, self._scheduler)
            try:
                deployment.scale(loader.serving.workers)
            except BaseException:
                deployment.close(drain=False, timeout_s=None)
                raise
            self._directory.add(deployment)

    def remove(self, name: str, version: str | None = None) -> None:
        """Serve a model no longer; the requests that it has are answered first.

        Args:
            name: The model's name.
            version: Which version; None for all.

        Raises:
            LookupError: There is none.
        """
        with self._changing:
            leaving = self._directory.take_out(name, version)
            self._former += [deployment.queue for deployment in leaving]
        for deployment in leaving:
            deployment.close(drain=True, timeout_s=None)

    def scale(self, workers: int, model: str | None = None) -> None:
        """Give a model another number of workers while it goes on answering.

        Args:
            workers: How many, of each of its versions.
            model: Its name; None where there is one model.

        Raises:
            LookupError: There is no such model.
            ValueError: There cannot be so many.
            ModelClosedError: The pool was closed.
            LoadError: A further worker cannot be started.
        """
        with self._changing:
            self._check_open()
            for deployment in self._directory.named(model):
                deployment.scale(workers)

    def stats(self, model: str | None = None, version: str | None = None) -> PoolStats:
        """What has become of all requests, or of those to one model that is served.

        Args:
            model: Its name; None for all, also of models that were taken out.
            version: Of which version alone; *model* may be None then where there is one model.

        Raises:
            LookupError: There is no such model or version.
        """
        known = self._directory
        if version is not None:
            deployments = [known.choose(model, version)]
        else:
            deployments = known.all() if model is None else known.named(model)
        former = self._former if model is version is None else []
        return self._scheduler.stats([*(each.queue for each in deployments), *former])

    def close(self, drain: bool = True, timeout_s: float | None = None) -> None:  # noqa: FBT001, FBT002 - `close(False)` reads well enough
        """Take no more requests, and end the workers; calling it twice does nothing.

        Args:
            drain: Whether the requests that wait are answered first; else they have an error.
            timeout_s: How long all of it may take; then those that wait have an error, and workers
                that are processes are ended. A thread that computes cannot be: it is left alone.

        A process that was forked from the one which made the pool has no workers to end.
        """
        if os.getpid() != self._owner:
            self._closed = True
            return
        until = None if timeout_s is None else time.monotonic() + timeout_s
        self._closed = True
        with self._changing:
            leaving = self._directory.take_all()
            self._former += [deployment.queue for deployment in leaving]
        for deployment in leaving:
            left_s = None if until is None else max(until - time.monotonic(), 0)
            deployment.close(drain=drain, timeout_s=left_s)
        self._alarm.close()
        self._when_forgotten.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(drain=error is None)

    def __repr__(self) -> str:
        served = self._directory.all()
        names = ", ".join(f"{each.name} {each.version or ''}".strip() for each in served)
        return f"<Pool of {names or 'no models'}{', closed' if self._closed else ''}>"

    def _check_open(self) -> None:
        is_ours = os.getpid() == self._owner
        if self._closed or not is_ours:
            where = "is closed" if is_ours else "belongs to the process that made it"
            raise ModelClosedError(f"the pool {where}: make another one with serve_locally()")


def _failed(error: RequestError) -> Answer:
    answer = Answer()
    answer.set_exception(error)
    return answer
