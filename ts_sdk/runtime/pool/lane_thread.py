"""`LaneThread`: a thread that answers the batches of one lane with a handler of its own."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ts_sdk.errors import RequestError, WorkerError
from ts_sdk.outcomes import Reply
from ts_sdk.phases import inference_turn
from ts_sdk.rows import note_path_sent_as_text
from ts_sdk.runtime.pool import torch_threads
from ts_sdk.runtime.pool.job import Job
from ts_sdk.runtime.pool.loading import runner_of
from ts_sdk.runtime.pool.model_queue import Lane, ModelQueue, Worker
from ts_sdk.runtime.process import ProcessRunner

if TYPE_CHECKING:
    from ts_sdk.metrics.served import Served
    from ts_sdk.model import Model
    from ts_sdk.runtime.pool.scheduler import Scheduler
    from ts_sdk.runtime.runner import Runner

_logger = logging.getLogger(__name__)

_NOT_THERE = 503
_FAILED = 500


@dataclass(frozen=True)
class Duty:
    """What all lanes of a model have in common.

    Attributes:
        scheduler: Gives the batches.
        queue: The model's.
        served: Counts the requests.
        threads: How many threads torch is to compute with, as it stands; None lets it be.
        retries: Whether requests of a process that died are tried once more.
        response_timeout_s: After how long a process is taken to hang; it is not tried again then.
        replace: Is told of a worker that was given up, since its handler hangs in a thread.
    """

    scheduler: "Scheduler"
    queue: ModelQueue
    served: "Served"
    threads: Callable[[], int | None]
    retries: bool
    response_timeout_s: float | None
    replace: Callable[[Worker], None]


class LaneThread:
    """Answers one batch after the other, until it is told to end.

    Args:
        duty: What it is to do.
        model: Answers, in this thread alone; closed at the end.
        worker: The worker that the lane belongs to.
        turn: Held while the model computes, where the worker has two lanes. Not where both compute
            at once: then one that is alone has all of the worker's threads, and two half each.
    """

    def __init__(
        self,
        duty: Duty,
        model: "Model",
        worker: Worker,
        turn: AbstractContextManager[object] | None,
    ) -> None:
        self._duty = duty
        self._model = model
        self._runner = runner_of(model)
        self._turn = turn
        self._inbox: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._lane = Lane(worker, self._inbox.put, self._give_up)
        self._pid = self._runner.pid if isinstance(self._runner, ProcessRunner) else None
        self._threads: int | None = None
        self._is_ending = False
        self._is_recovering = False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, prepare: Callable[[], None]) -> "Future[None]":
        """Start the thread; the future says when *prepare*, which it calls first, is done."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(prepare, ready), name="ts_sdk worker", daemon=True
        )
        self._thread.start()
        return ready

    @property
    def is_process(self) -> bool:
        """Whether the handler has a process of its own, which can be ended."""
        return isinstance(self._runner, ProcessRunner)

    @property
    def runner(self) -> "Runner":
        """What runs the handler."""
        return self._runner

    def open(self) -> None:
        """Take batches from now on."""
        self._duty.scheduler.open_lane(self._duty.queue, self._lane)

    def end(self) -> None:
        """End after the batch that it has, if it has one."""
        self._is_ending = True
        self._inbox.put(None)
        if self._is_recovering:
            self.cut_off()
        if self._thread is None:
            self._model.close()

    def join(self, timeout_s: float | None = None) -> bool:
        """Whether the thread has ended or was given up, within that time."""
        if self._thread is None or self._thread is threading.current_thread():
            return True
        is_over = self._over.wait(timeout_s)
        if is_over and not self._lane.given_up:
            self._thread.join()
        return is_over

    def cut_off(self) -> None:
        """End the handler's process, whatever it does; a thread cannot be ended."""
        if isinstance(self._runner, ProcessRunner):
            self._runner.cut_off()

    def _run(self, prepare: Callable[[], None], ready: "Future[None]") -> None:
        try:
            self._work(prepare, ready)
        finally:
            self._over.set()

    def _work(self, prepare: Callable[[], None], ready: "Future[None]") -> None:
        self._take_share()
        try:
            prepare()
            ready.set_result(None)
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            ready.set_exception(error)
        is_over = False
        while not is_over or self._lane.is_busy:  # the batch may come after the word to end
            batch = self._inbox.get()
            if batch is None:
                is_over = True
            else:
                self._answer(batch)
            del batch  # nothing of it is kept until the next one comes
        self._model.close()

    def _answer(self, batch: list[Job]) -> None:
        scheduler, queue = self._duty.scheduler, self._duty.queue
        self._take_share()
        started = time.monotonic()
        replies = self._replies(batch)
        self._note_restart()
        if _are_none(replies) and self._may_move(batch):
            scheduler.move(queue, self._lane, batch)
            scheduler.free(queue, self._lane)
            return
        elapsed_s = time.monotonic() - started
        failed = sum(isinstance(reply.outcome, RequestError) for reply in replies)
        has_died = any(map(_has_died, replies))
        answered = len(batch) - failed
        in_time = scheduler.note_answers(queue, self._lane, answered, failed, elapsed_s)
        if not has_died:
            scheduler.free(queue, self._lane)  # first, since who is told may send at once
        if in_time:
            waits_s = [started - job.arrived for job in batch]
            self._count(replies, elapsed_s + sum(waits_s) / len(batch), waits_s)
            _settle(batch, replies)
        if has_died:
            self._recover()
            scheduler.free(queue, self._lane)

    def _recover(self) -> None:
        """Wait for the new process, so that others take the batches which come until it is there.

        Who is told to end meanwhile does not wait for it.
        """
        self._is_recovering = True  # before it is asked whether to end, as `end` does the reverse
        if isinstance(self._runner, ProcessRunner) and not self._is_ending:
            self._runner.wait_for_process()
        self._is_recovering = False

    def _give_up(self, batch: list[Job], error: WorkerError) -> None:
        """Tell *batch* that it is not answered; the thread that should have is left alone."""
        _logger.error(
            "%s; its thread cannot be ended and keeps what it holds: with isolation='process' it "
            "could be",
            error.message,
        )
        replies = [Reply.of_error(_copy_of(error)) for _ in batch]
        self._count(replies, time.monotonic() - batch[0].arrived)
        _settle(batch, replies)
        self._over.set()
        self._duty.replace(self._lane.worker)

    def _replies(self, batch: list[Job]) -> list[Reply]:
        """One reply a job, whatever happens."""
        asked = [(job.request_id, job.request) for job in batch]
        started = time.monotonic()
        try:
            replies = self._runner.run(asked)
            if self._duty.retries and not self._has_hung(time.monotonic() - started):
                for index, reply in enumerate(replies):
                    if _has_died(reply):
                        replies[index] = self._runner.run([asked[index]])[0]
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever it is
            return [Reply.of_error(_failure(error)) for _ in batch]
        for job, reply in zip(batch, replies, strict=True):
            if isinstance(reply.outcome, RequestError):
                reply.outcome.index = None  # which counts within a batch that the caller never saw
                note_path_sent_as_text(reply.outcome, job.request)
        return replies

    def _count(self, replies: list[Reply], latency_s: float, waits_s: Sequence[float] = ()) -> None:
        try:
            for wait_s in waits_s:
                self._duty.served.waited(wait_s)
            self._duty.served.count(replies, latency_s)
        except Exception:  # somebody waits for these answers, counted or not
            _logger.exception("the metrics of %s answers are lost", len(replies))

    def _has_hung(self, elapsed_s: float) -> bool:
        limit_s = self._duty.response_timeout_s
        return limit_s is not None and elapsed_s >= limit_s

    def _may_move(self, batch: list[Job]) -> bool:
        """Whether another worker may be able to answer *batch*."""
        workers = len(self._duty.queue.workers)
        for job in batch:
            job.moves += 1
        return max(job.moves for job in batch) < workers

    def _note_restart(self) -> None:
        pid = self._runner.pid if isinstance(self._runner, ProcessRunner) else None
        if pid is not None and pid != self._pid:
            self._pid = pid
            self._duty.scheduler.note_restart(self._duty.queue, self._lane.worker)

    def _take_share(self) -> None:
        """Compute with what is this lane's of the worker's threads, in turns or not."""
        wanted = self._duty.threads()
        if wanted is None:
            return
        worker, in_turns = self._lane.worker, self._turn
        if worker.at_once > 1:
            wanted = max(1, wanted // max(worker.busy, 1))
            in_turns = None
        inference_turn.set(in_turns or nullcontext())
        if wanted != self._threads and torch_threads.use(wanted):
            self._threads = wanted


def _are_none(replies: list[Reply]) -> bool:
    """Whether there was no process to give them."""
    return all(
        isinstance(reply.outcome, WorkerError) and reply.status == _NOT_THERE for reply in replies
    )


def _has_died(reply: Reply) -> bool:
    return isinstance(reply.outcome, WorkerError) and reply.status != _NOT_THERE


def _settle(batch: list[Job], replies: list[Reply]) -> None:
    for job, reply in zip(batch, replies, strict=True):
        job.settle(reply.outcome)


def _copy_of(error: WorkerError) -> WorkerError:
    """An error for one request: what is raised keeps the frames of whoever waited for it."""
    return WorkerError(error.message, status=error.status)


def _failure(error: Exception) -> RequestError:
    failure = RequestError(f"the worker was ended: {error}", status=_FAILED)
    failure.__cause__ = error
    return failure
