"""`ModelQueue`: the requests to one model, and the lanes that answer them.

A worker has one lane, or two where the next batch can be prepared while the model runs on this one.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

from ts_sdk.errors import DeadlineError, QueueFullError, RequestError, WorkerError
from ts_sdk.runtime.pool.job import Job
from ts_sdk.runtime.pool.rule import Rule
from ts_sdk.runtime.pool.stats import Tally
from ts_sdk.runtime.pool.waiting import Waiting

Hung = tuple["Lane", list[Job], WorkerError]
"""A lane that was given up, its batch, and what that is told."""

Overdue = tuple[Job, DeadlineError]
"""A request that waited beyond its deadline, and what it is told."""

_LATEST = 0.2
"""The share of the latest batch in what a batch is said to take."""


@dataclass(eq=False)
class Worker:
    """What one or two lanes have in common.

    Attributes:
        at_once: How many of its lanes compute at once, on cores of their own; 0 where a batch gains
            by being whole, as on a GPU.
        busy: How many of its lanes have a batch.
        free_since: Since when none of them has one.
        retired: Whether it gets no more.
        rests_until: When it is of use again; a process that cannot be started is of none.
        failures: How often in a row it was of none.
    """

    at_once: int = 0
    busy: int = 0
    free_since: float = -inf
    retired: bool = False
    rests_until: float = -inf
    failures: int = 0


@dataclass(eq=False)
class Lane:
    """What handles one batch at a time.

    Attributes:
        worker: The worker that it belongs to.
        give: Hands it a batch; must not wait.
        give_up: Is told that its batch has an error in place of answers, since it took too long.
        batch: What it has, or is about to be handed.
        gives_up_at: When that has taken too long.
        given_up: Whether it has.
    """

    worker: Worker
    give: Callable[[list[Job]], None]
    give_up: Callable[[list[Job], WorkerError], None] = lambda _batch, _error: None
    batch: list[Job] = field(default_factory=list)
    gives_up_at: float = inf
    given_up: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether it has a batch, or is about to be handed one."""
        return bool(self.batch)


class ModelQueue:
    """The passive part of a model's batching; whoever uses it holds a lock.

    Args:
        name: The model's name, for messages.
        rule: When a batch goes.
        waiting: Its requests, none yet.
        limit_s: How long a batch may take before its lane is given up.

    Attributes:
        tally: What has become of its requests.
        workers: Those that it has, without the retired.
        used_s: How long workers were busy with it, for fairness.
        closed: Whether no more requests may come.
    """

    def __init__(self, name: str, rule: Rule, waiting: Waiting, limit_s: float = inf) -> None:
        self.rule = rule
        self.waiting = waiting
        self.tally = Tally()
        self.workers: list[Worker] = []
        self.used_s = 0.0
        self.closed = False
        self._name = name
        self._limit_s = limit_s
        self._idle: list[Lane] = []
        self._busy: list[Lane] = []
        self._due = 0
        self._batch_s: float | None = None

    @property
    def open_requests(self) -> int:
        """How many requests are not answered yet."""
        return len(self.waiting) + self.tally.running

    @property
    def busy_workers(self) -> int:
        """How many workers have a batch."""
        return sum(worker.busy > 0 for worker in self.workers)

    def put(self, job: Job) -> RequestError | None:
        """Let *job* wait; the error when there is no room."""
        self.tally.received += 1
        if self.closed:
            self.tally.refused += 1
            return self.closed_error()
        if self.waiting.is_full:
            self.tally.refused += 1
            pause_s = self.retry_after_s()
            return QueueFullError(
                f"{self._name}: {len(self.waiting)} requests wait already (queue_size); "
                f"try again in {pause_s:.2g} s",
                retry_after_s=pause_s,
            )
        self.waiting.add(job)
        self.rule.note_arrival(self.open_requests)
        return None

    def take_overdue(self, now: float) -> list[Overdue]:
        """Take out the requests whose deadline has come, with what to tell them."""
        overdue: list[Overdue] = []
        for job in self.waiting.take_overdue(now):
            if not job.begin():
                self.tally.cancelled += 1
                continue
            self.tally.expired += 1
            pause_s = self.retry_after_s()
            error = DeadlineError(
                f"{self._name}: the request waited for {now - job.arrived:.3g} s, until its "
                f"deadline; send it again in {pause_s:.2g} s or with a later deadline",
                retry_after_s=pause_s,
            )
            overdue.append((job, error))
        return overdue

    def take_hung(self, now: float) -> list[Hung]:
        """Give up the lanes whose batches take too long, with their workers."""
        hung: list[Hung] = []
        for lane in [each for each in self._busy if each.gives_up_at <= now]:
            lane.given_up = True
            self._busy.remove(lane)
            self.retire(lane.worker)
            self.tally.failed += len(lane.batch)
            self.tally.running -= len(lane.batch)
            error = WorkerError(
                f"{self._name}: the worker did not answer within {self._limit_s:g} s and was given "
                "up; a slower model needs a longer response_timeout_s (responseTimeout)"
            )
            hung.append((lane, lane.batch, error))
        return hung

    def withdraw(self, job: Job) -> None:
        """Take out *job*, which was cancelled, if it still waits."""
        if self.waiting.discard(job):
            job.begin()  # so that all who wait for it are told
            self.tally.cancelled += 1

    def ready_lane(self, now: float) -> Lane | None:
        """The lane that a batch goes to now; None while there is no batch, or none for it."""
        self._due = min(self._due, len(self.waiting))  # some may have been cancelled
        if not self.waiting:
            return None
        free = self._free_lanes(now)
        if free and (self._due or now >= self._goes_at(free)):
            return free[0]
        is_whole = len(self.waiting) >= self.rule.batch_size
        second = (lane for lane in reversed(self._idle) if lane.worker.busy == 1)
        return next((lane for lane in second if is_whole or self._is_due(lane)), None)

    def take_batch(self, lane: Lane, now: float) -> list[Job]:
        """The next batch, for *lane*; empty when all of it was cancelled.

        Where lanes compute at once, what waits is divided evenly among those that are idle: two
        halves are answered sooner than a whole batch, and a small one after it.
        """
        if not self._due:
            self.rule.note_departure(len(self.waiting), self.open_requests)
        most = self.rule.batch_size
        if lane.worker.busy < lane.worker.at_once:
            places = self._idle_places(now)
            due = min(len(self.waiting), places * most)
            most = min(most, -(-due // places))
            self._due = due - most
        taken = self.waiting.take(most)
        batch = [job for job in taken if job.begin()]
        self.tally.cancelled += len(taken) - len(batch)
        if not batch:
            return batch
        self.tally.running += len(batch)
        self.tally.batches += 1
        self.tally.taken += len(batch)
        self.tally.places += self.rule.batch_size
        self._idle.remove(lane)
        self._busy.append(lane)
        lane.worker.busy += 1
        lane.batch = batch
        lane.gives_up_at = now + self._limit_s
        return batch

    def next_event(self, now: float) -> float:
        """When something is to be done although nothing comes; infinite when nothing is."""
        times = [lane.gives_up_at for lane in self._busy]
        if not self.waiting:
            return min(times, default=inf)
        times.append(self.waiting.next_deadline)
        free = self._free_lanes(now)
        if free:
            times.append(self._goes_at(free))
        times += [lane.worker.rests_until for lane in self._idle]
        return min((time for time in times if time > now), default=inf)

    def open_lane(self, lane: Lane) -> None:
        """*lane* takes batches from now on."""
        if lane.worker not in self.workers:
            self.workers.append(lane.worker)
        self._idle.append(lane)

    def note_answers(self, answered: int, failed: int, elapsed_s: float) -> None:
        """A batch is answered, after *elapsed_s*."""
        self.tally.answered += answered
        self.tally.failed += failed
        self.tally.running -= answered + failed
        self.used_s += elapsed_s
        before = elapsed_s if self._batch_s is None else self._batch_s
        self._batch_s = before + _LATEST * (elapsed_s - before)

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Let *jobs*, which a worker could not begin with, wait again."""
        self.tally.running -= len(jobs)
        self.waiting.put_back(jobs)

    def free(self, lane: Lane, now: float) -> None:
        """*lane* is done with its batch."""
        lane.worker.busy -= 1
        lane.batch = []
        if lane.given_up:
            return
        self._busy.remove(lane)
        lane.worker.free_since = now
        if not lane.worker.retired:
            self._idle.append(lane)

    def retire(self, worker: Worker) -> None:
        """Give *worker* no more."""
        worker.retired = True
        self.workers = [each for each in self.workers if each is not worker]
        self._idle = [lane for lane in self._idle if lane.worker is not worker]

    def closed_error(self) -> RequestError:
        """What those are told who come too late, or were not answered in time."""
        return RequestError(f"{self._name}: it was closed before the request's turn", status=503)

    def retry_after_s(self) -> float:
        """In how many seconds those that wait now are likely to be answered."""
        batches = -(-len(self.waiting) // self.rule.batch_size) or 1
        a_batch_s = 1.0 if self._batch_s is None else self._batch_s
        return max(batches * a_batch_s / max(len(self.workers), 1), 0.001)

    def _is_due(self, lane: Lane) -> bool:
        return self._due > 0 and lane.worker.busy < lane.worker.at_once

    def _idle_places(self, now: float) -> int:
        """How many more batches could be computed at once, 1 or more."""
        if len(self._idle) == 1:
            return 1
        lanes = Counter(lane.worker for lane in self._idle if lane.worker.rests_until <= now)
        return max(1, sum(min(idle, each.at_once - each.busy) for each, idle in lanes.items()))

    def _goes_at(self, free: Sequence[Lane]) -> float:
        free_since = min(lane.worker.free_since for lane in free)
        oldest = self.waiting.oldest
        return self.rule.goes_at(len(self.waiting), self.open_requests, oldest, free_since)

    def _free_lanes(self, now: float) -> list[Lane]:
        """Lanes whose worker does nothing, that which did something last first.

        Workers that rest are left out, unless all do: one of them says best why it cannot.
        """
        free = [lane for lane in reversed(self._idle) if not lane.worker.busy]
        able = [lane for lane in free if lane.worker.rests_until <= now]
        if not able and all(worker.rests_until > now for worker in self.workers):
            return free
        return able
