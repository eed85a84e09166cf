"""`Deployment`: one version of one model in a pool, with its queue and its workers."""

import logging
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ts_sdk.blame import describe
from ts_sdk.errors import RequestError
from ts_sdk.handler import BaseHandler
from ts_sdk.outcomes import Reply
from ts_sdk.runtime.pool import torch_threads
from ts_sdk.runtime.pool.cores import available_cores, most_threads
from ts_sdk.runtime.pool.crew import Crew, dismiss
from ts_sdk.runtime.pool.job import Job
from ts_sdk.runtime.pool.lane_thread import Duty, LaneThread
from ts_sdk.runtime.pool.loading import ModelLoader, facts_of
from ts_sdk.runtime.pool.model_queue import ModelQueue, Worker
from ts_sdk.runtime.pool.queue_metrics import QueueMetrics
from ts_sdk.runtime.pool.rule import Rule
from ts_sdk.runtime.pool.settings import checked_workers
from ts_sdk.runtime.pool.waiting import Waiting
from ts_sdk.runtime.pool.warming import requests_in, warm_up

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ts_sdk.metrics import Metrics
    from ts_sdk.model import Model
    from ts_sdk.rows import Request
    from ts_sdk.runtime.pool.scheduler import Scheduler
    from ts_sdk.timing import PhaseTimes

_logger = logging.getLogger(__name__)


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
        )
        self._scheduler = scheduler
        self._crews: list[Crew] = []
        self._threads = 1
        self._scaling = threading.Lock()
        self._samples: list[Request] | None = None
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
            self._divide_cores(workers)
            if workers > len(self._crews):
                self._grow(workers)
            elif workers < len(self._crews):
                leaving, self._crews = self._crews[workers:], self._crews[:workers]
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

    def _divide_cores(self, workers: int) -> None:
        """Say how many threads torch computes with in each worker."""
        cores = available_cores()
        given = self.loader.threads_for(workers)
        self._threads = given or max(1, min(cores // workers, most_threads() or cores))
        if workers * self._threads > cores:
            _logger.warning(
                "%s: %s workers with %s threads each are more than the %s cores there are; "
                "they will slow each other down",
                self.name,
                workers,
                self._threads,
                cores,
            )

    def _grow(self, workers: int) -> None:
        numbers = range(len(self._crews), workers)
        crews: list[Crew] = []
        try:
            crews = self._crews_of(numbers)
            self._make_ready([lane for crew in crews for lane in crew.lanes])
        except BaseException:
            dismiss(crews, self._scheduler, self.queue)
            raise
        self._crews += crews
        for crew in crews:
            for lane in crew.lanes:
                lane.open()

    def _crews_of(self, numbers: Sequence[int]) -> list[Crew]:
        """The workers of these numbers, whose handlers are loaded."""
        devices = [self.loader.device_of(number) for number in numbers]
        models = [] if self._crews else [self._load_first(devices[0])]
        lanes = 2 if self._overlaps() else 1
        wanted = [device for device in devices for _ in range(lanes)]
        try:
            self._load(wanted[len(models) :], models)
            return [
                self._crew(models[first : first + lanes]) for first in range(0, len(models), lanes)
            ]
        except BaseException:
            for model in models:
                model.close()
            raise

    def _load_first(self, device: str | None) -> "Model":
        model = self.loader.load(device, self._threads)
        counts = QueueMetrics(self.name, lambda: self._scheduler.stats([self.queue]))
        model.metrics.add_source(counts)
        return model

    def _load(self, devices: Sequence[str | None], models: "list[Model]") -> None:
        """Add a model on each of *devices* to *models*; processes are started at the same time."""
        if self.loader.serving.in_threads:
            for device in devices:
                models.append(self.loader.load(device, None))
        elif devices:
            with ThreadPoolExecutor(len(devices)) as together:
                loading = [
                    together.submit(self.loader.load, device, self._threads) for device in devices
                ]
            models += [each.result() for each in loading if each.exception() is None]
            for each in loading:
                each.result()

    def _crew(self, models: "list[Model]") -> Crew:
        serving = self.loader.serving
        worker = Worker()
        turn: AbstractContextManager[object] | None = threading.RLock() if len(models) > 1 else None
        duty = Duty(
            self._scheduler,
            self.queue,
            self.loader.served,
            (lambda: self._threads) if serving.in_threads else (lambda: None),
            serving.retry_crashed and not serving.stateful,
            self.loader.response_timeout_s,
        )
        lanes = tuple(LaneThread(duty, model, worker, turn) for model in models)
        return Crew(worker, facts_of(models[0]).device, lanes)

    def _make_ready(self, lanes: Sequence[LaneThread]) -> None:
        """Start *lanes*, and wait until they are warm."""
        serving = self.loader.serving
        if self._samples is None:
            self._samples = requests_in(self.loader.path) if serving.warm_up else []
        samples = self._samples
        ready = [
            lane.start(partial(warm_up, lane.runner, samples, serving.batch_size)) for lane in lanes
        ]
        for each in ready:
            each.result()

    def _overlaps(self) -> bool:
        """Whether the next batch can be prepared while the model runs on this one."""
        serving = self.loader.serving
        handler = self.loader.first.handler
        return (
            serving.overlap
            and serving.in_threads
            and not serving.stateful
            and isinstance(handler, BaseHandler)
            and type(handler).handle is BaseHandler.handle
            and "handle" not in vars(handler)
        )
