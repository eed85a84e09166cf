"""`Deployment`: one version of one model in a pool, with its queue and its workers."""

import logging
import threading
import time
import uuid
from dataclasses import dataclass
from itertools import chain, repeat
from math import inf
from typing import TYPE_CHECKING

from ts_sdk.blame import describe
from ts_sdk.errors import RequestError, WorkerError
from ts_sdk.outcomes import Reply
from ts_sdk.runtime.pool import torch_threads
from ts_sdk.runtime.pool.crew import Crew, dismiss
from ts_sdk.runtime.pool.job import Job
from ts_sdk.runtime.pool.loading import ModelLoader
from ts_sdk.runtime.pool.model_queue import ModelQueue, Worker
from ts_sdk.runtime.pool.recruiting import Recruiter
from ts_sdk.runtime.pool.rule import Rule
from ts_sdk.runtime.pool.settings import checked_workers
from ts_sdk.runtime.pool.waiting import Waiting

if TYPE_CHECKING:
    from ts_sdk.metrics import Metrics
    from ts_sdk.rows import Request
    from ts_sdk.runtime.pool.scheduler import Scheduler
    from ts_sdk.timing import PhaseTimes

_logger = logging.getLogger(__name__)

_PAUSES_S = (1, 2, 4, 8, 16, 32)
_LONGEST_PAUSE_S = 60


@dataclass(frozen=True)
class PooledModel:
    """A model in a pool, as it stood when it was asked for.

    Attributes:
        name: Its name.
        version: Its version, None when it has none.
        weight: How large its share of the requests is among the versions of that name.
        workers: How many workers it has.
        batch_size: Most requests in a batch.
        max_batch_delay_ms: How long a request waits for others while a worker is free.
        devices: Where its workers run, as torch spells it.
        precision: What it computes in.
        tuned: The profile of the archive whose setting is applied, None where none is.
        metrics: What all of its workers have measured.
        timings: How long the phases took, of loading and of all batches, in milliseconds.
    """

    name: str
    version: str | None
    weight: float
    workers: int
    batch_size: int
    max_batch_delay_ms: float
    devices: tuple[str, ...]
    precision: str
    tuned: str | None
    metrics: "Metrics"
    timings: "PhaseTimes"


class Deployment:
    """One version of a model, started by `scale`.

    Args:
        name: What it is called in the pool.
        version: Its version there.
        weight: Its share among the versions of that name.
        loader: Starts its handler.
        scheduler: Gives its workers their batches.

    Attributes:
        name: As given; so are the others.
        queue: Its requests.
        loader: As given.
    """

    def __init__(
        self,
        name: str,
        version: str | None,
        weight: float,
        loader: ModelLoader,
        scheduler: "Scheduler",
    ) -> None:
        self.name = name
        self.version = version
        self.weight = weight
        self.loader = loader
        serving = loader.serving
        self.queue = ModelQueue(
            name,
            Rule(serving.batch_size, serving.max_batch_delay_s),
            Waiting(serving.queue_size, in_sequences=serving.stateful),
            (loader.response_timeout_s or inf) if serving.in_threads else inf,
        )
        self._scheduler = scheduler
        self._crews: list[Crew] = []
        self._recruiter = Recruiter(name, loader, scheduler, self.queue, self._replace)
        self._workers = 0
        self._scaling = threading.Lock()
        self._closing = threading.Event()
        torch_threads.hold()
        scheduler.add(self.queue)

    def scale(self, workers: int) -> None:
        """Have so many workers; those that are too many finish their batches first.

        Raises:
            ValueError: There cannot be so many.
            LoadError: A further one cannot be started; there are as many as before then.
        """
        checked_workers(workers, stateful=self.loader.serving.stateful)
        with self._scaling:
            self._recruiter.divide_cores(workers)
            for crew in self._crews:
                crew.worker.at_once = self._recruiter.at_once(crew.device, len(crew.lanes))
            before, self._workers = self._workers, workers
            try:
                self._grow()
            except BaseException:
                self._workers = before
                raise
            leaving = [crew for crew in self._crews if crew.number >= workers]
            self._crews = [crew for crew in self._crews if crew.number < workers]
            dismiss(leaving, self._scheduler, self.queue)

    def job_of(self, request: "Request", arrived: float, deadline: float) -> Job:
        """*request* as its queue takes it.

        Raises:
            RequestError: `group_by` cannot say what it is like.
        """
        serving = self.loader.serving
        job = Job(str(uuid.uuid4()), request, arrived, deadline)
        if serving.stateful:
            job.sequence = request.headers.get(self._sequence_header)
        if serving.group_by is not None:
            try:
                job.likeness = float(serving.group_by(request))
            except Exception as error:
                raise RequestError(f"group_by failed on the request: {describe(error)}") from error
        return job

    def note_unreadable(self, error: RequestError) -> None:
        """Count a request that cannot be read."""
        self.loader.served.count([Reply.of_error(error)], 0)
        self._scheduler.note_unreadable(self.queue)

    def facts(self) -> PooledModel:
        """What is known of it."""
        first = self.loader.first
        serving = self.loader.serving
        crews = list(self._crews)
        return PooledModel(
            name=self.name,
            version=self.version,
            weight=self.weight,
            workers=len(crews),
            batch_size=serving.batch_size,
            max_batch_delay_ms=serving.max_batch_delay_s * 1e3,
            devices=tuple(crew.device for crew in crews),
            precision=str(first.precision),
            tuned=first.tuned,
            metrics=first.metrics,
            timings=first.timings,
        )

    def close(self, *, drain: bool, timeout_s: float | None) -> None:
        """End the workers; with *drain*, after all requests were answered or the time is over."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        if drain:
            self._scheduler.wait_until_settled(self.queue, timeout_s)
        self._closing.set()
        self._scheduler.close_queue(self.queue)
        with self._scaling:
            crews, self._crews = self._crews, []
            dismiss(crews, self._scheduler, self.queue, until)
        self._scheduler.remove(self.queue)
        self.loader.let_go()
        torch_threads.release()

    @property
    def _sequence_header(self) -> str:
        return self.loader.first.context.header_key_sequence_id

    def _grow(self, *, warm_up: bool = True) -> None:
        """Have as many workers as are wanted."""
        there = {crew.number for crew in self._crews}
        missing = [number for number in range(self._workers) if number not in there]
        if not missing:
            return
        crews = self._recruiter.crews_of(missing, self._workers, is_warm=warm_up)
        self._crews = sorted([*self._crews, *crews], key=lambda crew: crew.number)
        for crew in crews:
            for lane in crew.lanes:
                lane.open()

    def _replace(self, worker: Worker) -> None:
        """Have another worker in the place of one that was given up, before long."""
        threading.Thread(
            target=self._replace_now, args=(worker,), name="ts_sdk replacement", daemon=True
        ).start()

    def _replace_now(self, worker: Worker) -> None:
        with self._scaling:
            leaving = [crew for crew in self._crews if crew.worker is worker]
            if not leaving:  # its other thread was given up too
                return
            self._crews = [crew for crew in self._crews if crew.worker is not worker]
            for lane in leaving[0].lanes:
                lane.end()
        for pause_s in chain(_PAUSES_S, repeat(_LONGEST_PAUSE_S)):
            if self._closing.is_set() or self._try_to_grow():
                return
            self._closing.wait(pause_s)

    def _try_to_grow(self) -> bool:
        """Try to have as many workers as are wanted, and tell whether there are."""
        with self._scaling:
            try:
                self._grow(warm_up=False)  # which may hang too
            except Exception as error:
                _logger.exception("%s: a worker that was given up is not replaced yet", self.name)
                if not self._crews:
                    reason = f"{self.name}: no worker can be started: {error}"
                    self._scheduler.turn_away(self.queue, lambda: WorkerError(reason, status=503))
                return False
            self._scheduler.note_restart(self.queue)
            return True
