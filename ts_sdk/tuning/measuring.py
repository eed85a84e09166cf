"""Measuring one pool: the warm-up is thrown away, and rounds go on until they agree."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from ts_sdk.tuning.clock import Clock
from ts_sdk.tuning.load import LoadRun, Target, Window, closed_loop, open_loop
from ts_sdk.tuning.measurement import PHASES, Measurement, quantiles_of
from ts_sdk.tuning.resources import ResourceWatch
from ts_sdk.tuning.space import Candidate
from ts_sdk.tuning.worker_times import watching

if TYPE_CHECKING:
    from ts_sdk.metrics import Metrics
    from ts_sdk.timing import PhaseTime


class Stats(Protocol):
    """What is read of `PoolStats`."""

    @property
    def answered(self) -> int:
        """Requests that were answered."""

    @property
    def failed(self) -> int:
        """Requests that were answered by an error."""

    @property
    def batches(self) -> int:
        """Batches that went to workers."""


class Timed(Protocol):
    """What is read of a pool's model."""

    @property
    def metrics(self) -> "Metrics":
        """What its workers have measured."""

    @property
    def timings(self) -> "Mapping[str, PhaseTime]":
        """How long batches took, by the names of the phases."""


class ServedModel(Target, Protocol):
    """A pool of one model."""

    @property
    def models(self) -> Sequence[Timed]:
        """The one."""

    def stats(self) -> Stats:
        """What has become of its requests."""

    def close(self, drain: bool = True, timeout_s: float | None = None) -> None:  # noqa: FBT001, FBT002 - as `Pool.close` has it
        """Let go of it."""


@dataclass(frozen=True)
class Effort:
    """How thoroughly a candidate is measured.

    Attributes:
        seconds: How long a round is.
        rounds: How many rounds there are at most.
        noise: How near rounds must be to each other to be enough, as a share; there are two at
            least where more than one is allowed.
        warm_up_s: How long requests are sent before the first round.
        least: How many answers there should be in all rounds; a round takes up to four times as
            long for it. With a hundred, a p99 is more than the slowest of them.
        patience_s: How long the last answers are waited for.
    """

    seconds: float
    rounds: int = 3
    noise: float = 0.05
    warm_up_s: float = 0.5
    least: int = 100
    patience_s: float = 60.0

    @property
    def total_s(self) -> float:
        """Seconds that it takes at most, if answers come at once."""
        return self.warm_up_s + self.seconds * self.rounds


@dataclass
class Measuring:
    """Measures a pool under the load of a candidate.

    Attributes:
        inputs: The requests, taken in turn.
        clock: Tells the time.
        answers: After a measurement, position of an input → the last answer to it.
    """

    inputs: Sequence[object]
    clock: Clock
    answers: dict[int, Any] = field(default_factory=dict)

    def closed(self, pool: ServedModel, candidate: Candidate, effort: Effort) -> Measurement:
        """The measurement of *pool* under as many clients as *candidate* says."""

        def run(window: Window) -> LoadRun:
            return closed_loop(pool, self.inputs, candidate.concurrency, window, self.clock)

        return self._measure(pool, candidate, effort, run)

    def open(
        self, pool: ServedModel, candidate: Candidate, effort: Effort, rate_rps: float
    ) -> Measurement:
        """The measurement of *pool* under *rate_rps* arrivals a second."""
        seeds = iter(range(effort.rounds + 1))

        def run(window: Window) -> LoadRun:
            return open_loop(
                pool,
                self.inputs,
                rate_rps=rate_rps,
                window=window,
                clock=self.clock,
                seed=next(seeds),
            )

        measured = self._measure(pool, candidate, effort, run)
        return replace(measured, load="open", rate_rps=rate_rps)

    def _measure(
        self,
        pool: ServedModel,
        candidate: Candidate,
        effort: Effort,
        run: Callable[[Window], LoadRun],
    ) -> Measurement:
        least = max(2 * candidate.concurrency, effort.least // effort.rounds)
        model, before = pool.models[0], pool.stats()
        phases_before = dict(model.timings)
        runs: list[LoadRun] = []
        with ResourceWatch(candidate.device) as watch, watching(model.metrics) as times:
            while len(runs) < effort.rounds:
                warm_up_s = effort.warm_up_s if not runs else effort.warm_up_s / 4
                runs.append(
                    run(Window(effort.seconds, warm_up_s, least, patience_s=effort.patience_s))
                )
                if runs[-1].unanswered or not runs[-1].latencies_ms:
                    break
                if len(runs) > 1 and noise_of(runs) <= effort.noise:
                    break
        self.answers = {key: value for each in runs for key, value in each.answers.items()}
        measured = _summary(runs)
        return replace(
            measured,
            phases_ms=_phases(measured.mean_ms, phases_before, model.timings),
            batch_fill=_fill(before, pool.stats(), candidate.batch_size),
            resources=watch.means(),
            **vars(times),
        )


def noise_of(runs: Sequence[LoadRun]) -> float:
    """Half the distance between the fastest and the slowest run, as a share of the median."""
    rates = [each.throughput_rps for each in runs]
    middle = statistics.median(rates)
    return (max(rates) - min(rates)) / 2 / middle if middle else 1.0


def _summary(runs: Sequence[LoadRun]) -> Measurement:
    latencies_ms = [each for run in runs for each in run.latencies_ms]
    return Measurement(
        load="closed",
        rate_rps=None,
        seconds=sum(each.seconds for each in runs),
        rounds=len(runs),
        answered=len(latencies_ms),
        failed=sum(each.failed for each in runs),
        refused=sum(each.refused for each in runs),
        unanswered=sum(each.unanswered for each in runs),
        throughput_rps=statistics.median(each.throughput_rps for each in runs),
        noise=noise_of(runs),
        mean_ms=statistics.fmean(latencies_ms) if latencies_ms else float("inf"),
        quantiles_ms=quantiles_of(latencies_ms),
        error=next((each.error for each in runs if each.error), None),
    )


def _phases(
    mean_ms: float, before: "Mapping[str, PhaseTime]", after: "Mapping[str, PhaseTime]"
) -> dict[str, float]:
    """Phase → what it takes of a request's latency: as long as its batch takes there."""
    found = {}
    for name in PHASES[1:]:
        if name not in after:
            continue
        earlier = before.get(name)
        count = after[name].count - (earlier.count if earlier else 0)
        total_ms = after[name].total_ms - (earlier.total_ms if earlier else 0.0)
        if count > 0:
            found[name] = total_ms / count
    if not found or mean_ms == float("inf"):
        return {}
    return {"queue": max(0.0, mean_ms - sum(found.values())), **found}


def _fill(before: Stats, after: Stats, batch_size: int) -> float | None:
    batches = after.batches - before.batches
    handled = after.answered + after.failed - before.answered - before.failed
    return min(1.0, handled / batches / batch_size) if batches > 0 else None
