"""`Crew`: a worker with the threads that do its work."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ts_sdk.runtime.pool.lane_thread import LaneThread
from ts_sdk.runtime.pool.model_queue import ModelQueue, Worker
from ts_sdk.runtime.pool.scheduler import Scheduler

_ENDING_S = 10.0


@dataclass(frozen=True)
class Crew:
    """A worker and its lanes.

    Attributes:
        number: Its number among the workers of its model, from 0.
        worker: What the scheduler knows of it.
        device: Where it runs.
        lanes: One, or two that take turns with the model or divide the worker's threads.
    """

    number: int
    worker: Worker
    device: str
    lanes: tuple[LaneThread, ...]


def dismiss(
    crews: Sequence[Crew],
    scheduler: Scheduler,
    queue: ModelQueue,
    until: float | None = None,
) -> None:
    """Let *crews* end after the batches that they have.

    Args:
        crews: Workers of *queue*, also such as never were opened.
        scheduler: Gives them no more.
        queue: Their model's.
        until: When processes that are not done are cut off, as `time.monotonic` tells it; a thread
            that is not done is left alone. None waits.
    """
    lanes = [lane for crew in crews for lane in crew.lanes]
    for crew in crews:
        scheduler.retire(queue, crew.worker)
    for lane in lanes:
        lane.end()
    for lane in lanes:
        if not lane.join(None if until is None else max(until - time.monotonic(), 0)):
            lane.cut_off()
    for lane in lanes:
        lane.join(_ENDING_S if lane.is_process else 0)
