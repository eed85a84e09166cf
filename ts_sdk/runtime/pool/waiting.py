"""`Waiting`: the requests that wait for a worker, in the order in which they came."""

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from itertools import count, islice
from math import inf

from ts_sdk.runtime.pool.job import Job


class Waiting:
    """Requests in a queue of bounded size; not safe with threads.

    Args:
        size: How many may wait.
        in_sequences: Whether no two of a batch may belong to one sequence.
    """

    def __init__(self, size: int, *, in_sequences: bool = False) -> None:
        self.size = size
        self._in_sequences = in_sequences
        self._jobs: OrderedDict[Job, None] = OrderedDict()
        self._deadlines: list[tuple[float, int, Job]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_full(self) -> bool:
        """Whether no more may come."""
        return len(self._jobs) >= self.size

    @property
    def oldest(self) -> float:
        """When the first of them came."""
        return next(iter(self._jobs)).arrived

    @property
    def next_deadline(self) -> float:
        """The first of their deadlines, infinite where there is none."""
        while self._deadlines and self._deadlines[0][2] not in self._jobs:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else inf

    def add(self, job: Job) -> None:
        """Put *job* at the end."""
        self._jobs[job] = None
        self._note_deadline(job)

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Put *jobs*, which were taken, to the front again, in their order."""
        for job in sorted(jobs, key=lambda each: each.arrived, reverse=True):
            self._jobs[job] = None
            self._jobs.move_to_end(job, last=False)
            self._note_deadline(job)

    def discard(self, job: Job) -> bool:
        """Take *job* out; False when it is not there."""
        if job not in self._jobs:
            return False
        del self._jobs[job]
        return True

    def take_overdue(self, now: float) -> list[Job]:
        """Take out those whose deadline has come."""
        overdue = []
        while self.next_deadline <= now:
            job = heapq.heappop(self._deadlines)[2]
            del self._jobs[job]
            overdue.append(job)
        return overdue

    def take_all(self) -> list[Job]:
        """Take out all of them."""
        jobs = list(self._jobs)
        self._jobs.clear()
        self._deadlines.clear()
        return jobs

    def take(self, most: int) -> list[Job]:
        """Take out those that make the next batch: the oldest, and those that go with it.

        They are the next in line, in their order; where they say how alike they are, those that
        are most like the oldest.
        """
        taken = self._in_line(most)
        for job in taken:
            del self._jobs[job]
        return taken

    def _in_line(self, most: int) -> list[Job]:
        if self._in_sequences:
            firsts: dict[object, Job] = {}
            for job in self._jobs:
                firsts.setdefault(job if job.sequence is None else job.sequence, job)
            return list(islice(firsts.values(), most))
        likeness = next(iter(self._jobs)).likeness
        if likeness is None or len(self._jobs) <= most:
            return list(islice(self._jobs, most))
        # The sort is stable: the oldest comes first, and of those that are equally like it the
        # older ones.
        by_likeness = sorted(self._jobs, key=lambda job: abs((job.likeness or 0.0) - likeness))
        chosen = set(by_likeness[:most])
        return [job for job in self._jobs if job in chosen]

    def _note_deadline(self, job: Job) -> None:
        if job.deadline != inf:
            heapq.heappush(self._deadlines, (job.deadline, next(self._numbers), job))
