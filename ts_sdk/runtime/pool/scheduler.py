"""`Scheduler`: hands the batches of several models to their lanes, fairly; safe with threads.

A model always gets its first worker. Further ones work at the same time only while no more than
*slots* of all models do, and then those of the model come first that has used the least time. So a
busy model keeps no other waiting, and all of them together keep to the machine's cores.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from ts_sdk.errors import RequestError
from ts_sdk.runtime.pool.job import Job
from ts_sdk.runtime.pool.model_queue import Hung, Lane, ModelQueue, Overdue, Worker
from ts_sdk.runtime.pool.stats import PoolStats, stats_of

_LONGEST_REST_S = 60
_MOST_DOUBLINGS = 6


class Scheduler:
    """Decides which lane gets which batch, whenever something happens.

    Args:
        clock: Tells the time, in seconds.
        wake_at: Is told when `tick` shall be called next; later calls go before earlier ones.
    """

    def __init__(self, clock: Callable[[], float], wake_at: Callable[[float], None]) -> None:
        self._clock = clock
        self._wake_at = wake_at
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._queues: list[ModelQueue] = []
        self._alarm = inf

    def add(self, queue: ModelQueue) -> None:
        """Take *queue* on."""
        with self._lock:
            self._queues.append(queue)

    def remove(self, queue: ModelQueue) -> None:
        """Forget *queue*."""
        with self._lock:
            self._queues.remove(queue)

    def submit(self, queue: ModelQueue, job: Job) -> RequestError | None:
        """Let *job* wait in *queue*; the error where it is refused."""
        with self._lock:
            now = self._clock()
            overdue = queue.take_overdue(now)  # which make room
            if not queue.open_requests:  # one that idles is not given what it did not use
                self._catch_up(queue)
            refusal = queue.put(job)
            steps = self._dispatch([queue], now)
            steps.overdue += overdue
        steps.take()
        return refusal

    def withdraw(self, queue: ModelQueue, job: Job) -> None:
        """*job* was cancelled."""
        with self._lock:
            queue.withdraw(job)
            self._after(queue)

    def note_answers(
        self, queue: ModelQueue, lane: Lane, answered: int, failed: int, elapsed_s: float
    ) -> bool:
        """*lane*'s batch is answered; call it before anybody is told, since they may send at once.

        Returns:
            False where that comes too late: the lane was given up, and all have been told.
        """
        with self._lock:
            if lane.given_up:
                return False
            lane.gives_up_at = inf
            queue.note_answers(answered, failed, elapsed_s)
            self._after(queue)
            return True

    def free(self, queue: ModelQueue, lane: Lane) -> None:
        """*lane* is done with its batch."""
        with self._lock:
            now = self._clock()
            queue.free(lane, now)
            steps = self._dispatch(self._queues, now)
        steps.take()

    def move(self, queue: ModelQueue, lane: Lane, jobs: Sequence[Job]) -> None:
        """Let another worker have *jobs*, which *lane* could not begin with; that one rests."""
        with self._lock:
            now = self._clock()
            _let_rest(lane.worker, now)
            queue.put_back(jobs)
            steps = self._dispatch([queue], now)
        steps.take()

    def note_restart(self, queue: ModelQueue, worker: Worker | None = None) -> None:
        """*worker* has a new process, or there is a new one in the place of one given up."""
        with self._lock:
            queue.tally.restarts += 1
            if worker is not None:
                worker.failures = 0

    def open_lane(self, queue: ModelQueue, lane: Lane) -> None:
        """*lane* takes batches of *queue* from now on."""
        with self._lock:
            queue.open_lane(lane)
            steps = self._dispatch(self._queues, self._clock())
        steps.take()

    def retire(self, queue: ModelQueue, worker: Worker) -> None:
        """Give *worker* no more batches."""
        with self._lock:
            queue.retire(worker)

    def tick(self) -> None:
        """Do what is due; to be called at the time that was said last."""
        with self._lock:
            self._alarm = inf
            steps = self._dispatch(self._queues, self._clock())
        steps.take()

    def wait_until_settled(self, queue: ModelQueue, timeout_s: float | None) -> bool:
        """Whether all requests of *queue* are answered within that time."""
        with self._settled:
            return self._settled.wait_for(lambda: not queue.open_requests, timeout_s)

    def note_unreadable(self, queue: ModelQueue) -> None:
        """A request for *queue* came that cannot be read."""
        with self._lock:
            queue.tally.received += 1
            queue.tally.failed += 1

    def close_queue(self, queue: ModelQueue) -> None:
        """Take no more requests for *queue*, and answer all that wait with an error."""
        with self._lock:
            queue.closed = True
        self.turn_away(queue, queue.closed_error)

    def turn_away(self, queue: ModelQueue, error: Callable[[], RequestError]) -> None:
        """Answer all that wait in *queue* with an error, one of its own each."""
        with self._lock:
            jobs = queue.waiting.take_all()
            told = [job for job in jobs if job.begin()]
            queue.tally.cancelled += len(jobs) - len(told)
            queue.tally.failed += len(told)
            self._after(queue)
        _tell((job, error()) for job in told)

    def stats(self, queues: Sequence[ModelQueue]) -> PoolStats:
        """The counts of *queues*, all as of one moment."""
        with self._lock:
            return stats_of(
                [queue.tally for queue in queues],
                queued=sum(len(queue.waiting) for queue in queues),
                workers=sum(len(queue.workers) for queue in queues),
            )

    def _dispatch(self, queues: Sequence[ModelQueue], now: float) -> "_Steps":
        """Decide what is handed out; what follows is done when the lock is free again."""
        steps = _Steps()
        for queue in queues:
            steps.overdue += queue.take_overdue(now)
            steps.hung += queue.take_hung(now)
        while any(self._assigns(queue, now, steps) for queue in _fairly(queues)):
            pass
        for queue in queues:
            self._remind(queue, now)
            self._after(queue)
        return steps

    def _assigns(self, queue: ModelQueue, now: float, steps: "_Steps") -> bool:
        """Whether there was a batch of *queue* to be taken."""
        lane = queue.ready_lane(now)
        if lane is None or not self._has_slot(queue, lane):
            return False
        batch = queue.take_batch(lane, now)
        if batch:
            steps.batches.append((lane, batch))
        return True

    def _has_slot(self, queue: ModelQueue, lane: Lane) -> bool:
        busy = queue.busy_workers
        if lane.worker.busy or not busy:  # its slot, or the one that each model has
            return True
        slots = max(len(each.workers) for each in self._queues)
        return sum(each.busy_workers for each in self._queues) < slots

    def _catch_up(self, queue: ModelQueue) -> None:
        used = [each.used_s for each in self._queues if each is not queue and each.open_requests]
        queue.used_s = max([queue.used_s, *([min(used)] if used else [])])

    def _after(self, queue: ModelQueue) -> None:
        if not queue.open_requests:
            self._settled.notify_all()

    def _remind(self, queue: ModelQueue, now: float) -> None:
        due = queue.next_event(now)
        if due < self._alarm:
            self._alarm = due
            self._wake_at(due)


def _let_rest(worker: Worker, now: float) -> None:
    """Ask *worker* again after 1, 2, 4 … 60 s; one that rests already was asked out of turn."""
    if worker.rests_until <= now:
        doublings = min(worker.failures, _MOST_DOUBLINGS)
        worker.rests_until = now + min(2**doublings, _LONGEST_REST_S)
        worker.failures += 1


def _fairly(queues: Sequence[ModelQueue]) -> Iterable[ModelQueue]:
    return queues if len(queues) == 1 else sorted(queues, key=lambda queue: queue.used_s)


@dataclass
class _Steps:
    """What is to be done without the lock: others may wait for it, or want it themselves.

    Attributes:
        batches: Batches, and the lanes that they go to.
        overdue: Requests whose time is over.
        hung: Lanes that were given up.
    """

    batches: list[tuple[Lane, list[Job]]] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)
    hung: list[Hung] = field(default_factory=list)

    def take(self) -> None:
        for lane, batch in self.batches:
            lane.give(batch)
        _tell(self.overdue)
        for lane, batch, error in self.hung:
            lane.give_up(batch, error)


def _tell(told: Iterable[tuple[Job, RequestError]]) -> None:
    for job, error in told:
        job.settle(error)
