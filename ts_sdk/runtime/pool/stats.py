"""`PoolStats`: what has become of a pool's requests."""

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class PoolStats:
    """What has become of the requests that a pool, or one of its models, was given.

    No request is lost or counted twice: those that were *received* are those that are *queued* or
    *running*, and those that were *answered*, *failed*, *refused*, *expired* or *cancelled*.

    Attributes:
        queued: How many wait for a worker.
        running: How many a worker has.
        received: How many have come.
        answered: How many were answered.
        failed: How many have an error in place of an answer: the handler's, or a worker's.
        refused: How many came while the queue was full.
        expired: How many waited beyond their deadline.
        cancelled: How many were taken back while they waited.
        batches: How many batches went to workers.
        batch_fill: How full these were on average, from 0 to 1.
        workers: How many workers there are.
        restarts: How often a worker's process was started again.
    """

    queued: int
    running: int
    received: int
    answered: int
    failed: int
    refused: int
    expired: int
    cancelled: int
    batches: int
    batch_fill: float
    workers: int
    restarts: int


@dataclass
class Tally:
    """The counts of one queue; see `PoolStats`.

    Attributes:
        places: How many requests the batches could have held.
        taken: How many requests they held.
    """

    running: int = 0
    received: int = 0
    answered: int = 0
    failed: int = 0
    refused: int = 0
    expired: int = 0
    cancelled: int = 0
    batches: int = 0
    places: int = 0
    taken: int = 0
    restarts: int = 0


def stats_of(tallies: Iterable[Tally], *, queued: int, workers: int) -> PoolStats:
    """The sum of *tallies*."""
    tallies = list(tallies)
    total = {
        each.name: sum(getattr(tally, each.name) for tally in tallies) for each in fields(Tally)
    }
    places, taken = total.pop("places"), total.pop("taken")
    return PoolStats(
        queued=queued, workers=workers, batch_fill=taken / places if places else 0.0, **total
    )
