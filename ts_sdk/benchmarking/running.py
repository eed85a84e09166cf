"""Measures cases: each is served, warmed up, and sent its requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ts_sdk.benchmarking.case import Case, Result
from ts_sdk.benchmarking.load import CountedMeasuring
from ts_sdk.tuning.clock import WallClock
from ts_sdk.tuning.inputs import Inputs
from ts_sdk.tuning.space import Candidate

if TYPE_CHECKING:
    from ts_sdk.runtime.pool.pool import Pool
    from ts_sdk.runtime.pool.settings import ServingSettings

_CLOSING_S = 30.0
_LEAST_QUEUE = 100


@dataclass(frozen=True)
class Bench:
    """A case that is served and warm.

    Attributes:
        case: The case.
        pool: Serves its archive.
        candidate: Its setting, with what the archive itself decides.
        measuring: What it is measured with.
    """

    case: Case
    pool: "Pool"
    candidate: Candidate
    measuring: CountedMeasuring

    def measure(self) -> Result:
        """Send the requests once; it may be called again."""
        measured = self.measuring.counted(self.pool, self.candidate, self.case.load)
        return Result(self.case, self.candidate, measured)


def measure(case: Case) -> Result:
    """What *case* does.

    Raises:
        LoadError: The archive cannot be served; so are the others of `ts_sdk.serve_locally`.
        RequestError: An input cannot be read.
    """
    with served(case) as bench:
        return bench.measure()


@contextmanager
def served(case: Case) -> Iterator[Bench]:
    """Serve *case* and warm it up; it is closed with the block.

    Raises:
        LoadError: As for `measure`; so are the others.
    """
    import ts_sdk

    inputs = Inputs(case.inputs)
    # A benchmark that is refused its requests measures none: as many as there are may wait.
    at_once = case.load.concurrency if case.load.rate_rps is None else case.load.requests
    queue_size = max(_LEAST_QUEUE, 2 * at_once)
    settings: ServingSettings = {"queue_size": queue_size, **case.serving}
    pool = ts_sdk.serve_locally(case.archive, **settings)
    try:
        measuring = CountedMeasuring(inputs, WallClock())
        measuring.warm_up(pool, case.load)
        yield Bench(case, pool, candidate_of(pool, case), measuring)
    finally:
        pool.close(drain=False, timeout_s=_CLOSING_S)


def candidate_of(pool: "Pool", case: Case) -> Candidate:
    """The setting in which *pool* serves *case*."""
    (model,) = pool.models
    return Candidate(
        device=",".join(dict.fromkeys(model.devices)),
        precision=model.precision,
        threads=case.serving.get("threads_per_worker"),
        workers=model.workers,
        batch_size=model.batch_size,
        max_batch_delay_ms=round(model.max_batch_delay_ms),
        concurrency=case.load.concurrency,
    )
