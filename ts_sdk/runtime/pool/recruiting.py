"""`Recruiter`: makes the workers of a deployment, from loading their handlers to warming up."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from ts_sdk.cores import available_cores, most_threads
from ts_sdk.handler import BaseHandler
from ts_sdk.runtime.pool.crew import Crew, dismiss
from ts_sdk.runtime.pool.lane_thread import Duty, LaneThread
from ts_sdk.runtime.pool.loading import ModelLoader, facts_of
from ts_sdk.runtime.pool.model_queue import ModelQueue, Worker
from ts_sdk.runtime.pool.queue_metrics import QueueMetrics
from ts_sdk.runtime.pool.warming import requests_in, warm_up

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ts_sdk.model import Model
    from ts_sdk.rows import Request
    from ts_sdk.runtime.pool.scheduler import Scheduler
    from ts_sdk.runtime.pool.settings import Serving

_logger = logging.getLogger(__name__)


class Recruiter:
    """Makes workers; not safe with threads.

    Args:
        name: What the model is called in its pool.
        loader: Starts its handler.
        scheduler: Will give the workers their batches.
        queue: The model's requests.
        replace: Is told of a worker that was given up; must not wait.

    Attributes:
        threads: How many threads torch computes with in each worker, from now on.
    """

    def __init__(
        self,
        name: str,
        loader: ModelLoader,
        scheduler: "Scheduler",
        queue: ModelQueue,
        replace: Callable[[Worker], None],
    ) -> None:
        self.threads = 1
        self._name = name
        self._loader = loader
        self._scheduler = scheduler
        self._queue = queue
        self._replace = replace
        self._samples: list[Request] | None = None
        self._may_overlap = False
        self._has_own_threads = False

    def divide_cores(self, workers: int) -> None:
        """Say how many threads torch computes with in each worker."""
        cores = available_cores()
        given = self._loader.threads_for(workers)
        threads = self.threads = given or max(1, min(cores // workers, most_threads() or cores))
        if workers * threads > cores:
            _logger.warning(
                "%s: %s workers with %s threads each are more than the %s cores there are; "
                "they will slow each other down",
                self._name,
                workers,
                threads,
                cores,
            )

    def at_once(self, device: str, lanes: int) -> int:
        """How many of so many *lanes* of a worker compute at once; see `Worker`."""
        if device != "cpu":
            return 0
        return lanes if self.threads > 1 and not self._has_own_threads else 1

    def crews_of(self, numbers: Sequence[int], workers: int, *, is_warm: bool = True) -> list[Crew]:
        """Workers of these *numbers*, ready to be opened.

        Args:
            numbers: Their numbers, one or more.
            workers: How many there will be with them.
            is_warm: Whether they answer the archive's samples first.

        Raises:
            LoadError: One cannot be started; then none is.
        """
        crews = self._loaded(numbers, workers)
        try:
            self._make_ready([lane for crew in crews for lane in crew.lanes], is_warm=is_warm)
        except BaseException:
            dismiss(crews, self._scheduler, self._queue)
            raise
        return crews

    def _loaded(self, numbers: Sequence[int], workers: int) -> list[Crew]:
        devices = [self._loader.device_of(number) for number in numbers]
        models = [] if self._loader.has_loaded else [self._load_first(devices[0])]
        size = self._lanes_of(workers)
        wanted = [device for device in devices for _ in range(size)]
        try:
            self._load(wanted[len(models) :], models)
            return [
                self._crew(number, models[place * size : (place + 1) * size])
                for place, number in enumerate(numbers)
            ]
        except BaseException:
            for model in models:
                model.close()
            raise

    def _load_first(self, device: str | None) -> "Model":
        model = self._loader.load(device, self.threads)
        counts = QueueMetrics(self._name, lambda: self._scheduler.stats([self._queue]))
        model.metrics.add_source(counts)
        # Looked at now: a handler that was given up is closed when it comes back.
        self._may_overlap = may_overlap(model.handler, self._loader.serving)
        network = getattr(model.handler, "model", None)
        self._has_own_threads = getattr(network, "has_own_threads", False)
        return model

    def _load(self, devices: Sequence[str | None], models: "list[Model]") -> None:
        """Add a model on each of *devices* to *models*; processes are started at the same time."""
        if self._loader.serving.in_threads:
            for device in devices:
                models.append(self._loader.load(device, self.threads))
        elif devices:
            with ThreadPoolExecutor(len(devices)) as together:
                loading = [
                    together.submit(self._loader.load, device, self.threads) for device in devices
                ]
            models += [each.result() for each in loading if each.exception() is None]
            for each in loading:
                each.result()

    def _crew(self, number: int, models: "Sequence[Model]") -> Crew:
        serving = self._loader.serving
        device = facts_of(models[0]).device
        worker = Worker(self.at_once(device, len(models)))
        turn: AbstractContextManager[object] | None = threading.RLock() if len(models) > 1 else None
        duty = Duty(
            self._scheduler,
            self._queue,
            self._loader.served,
            (lambda: self.threads) if serving.in_threads else (lambda: None),
            serving.retry_crashed and not serving.stateful,
            self._loader.response_timeout_s,
            self._replace,
        )
        lanes = tuple(LaneThread(duty, model, worker, turn) for model in models)
        return Crew(number, worker, device, lanes)

    def _make_ready(self, lanes: Sequence[LaneThread], *, is_warm: bool) -> None:
        """Start *lanes*, and wait until they are warm."""
        serving = self._loader.serving
        if self._samples is None:
            self._samples = requests_in(self._loader.path) if serving.warm_up else []
        samples = self._samples if is_warm else []
        ready = [
            lane.start(partial(warm_up, lane.runner, samples, serving.batch_size)) for lane in lanes
        ]
        for each in ready:
            each.result()

    def _lanes_of(self, workers: int) -> int:
        """How many lanes each of so many workers has.

        A second one is of no use where the first keeps busy all the cores that there are for it.
        """
        on_cpu = facts_of(self._loader.first).device == "cpu"
        has_room = not on_cpu or available_cores() >= 2 * workers
        return 2 if has_room and self._may_overlap else 1


def may_overlap(handler: object, serving: "Serving") -> bool:
    """Whether it is right to begin with a batch while the worker has another one."""
    return (
        serving.overlap
        and serving.in_threads
        and not serving.stateful
        and isinstance(handler, BaseHandler)
        and type(handler).handle is BaseHandler.handle
        and "handle" not in vars(handler)
    )
