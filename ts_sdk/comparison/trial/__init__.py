"""Running two archives on the same samples: their answers, their latency and their memory.

Each runs in a process of its own, so that the memory is its own, too. They take turns: while one
answers the other waits, and which comes first changes from round to round.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from archiver import DEFAULT_LIMITS, Limits
from ts_sdk.comparison.report import AnswerComparison, AnswerDifference, Measured, RunComparison
from ts_sdk.comparison.trial.contestant import Contestant
from ts_sdk.comparison.trial.messages import Answered, Task
from ts_sdk.precision import Precision
from ts_sdk.rows import Request
from ts_sdk.testing.closeness import ABSENT, Tolerance, differences
from ts_sdk.testing.shortened import shortened

__all__ = ["Trial", "run_both"]

_LONG_ENOUGH_S = 60.0


@dataclass(frozen=True)
class Trial:
    """How two archives are run.

    Attributes:
        device: As for `ts_sdk.load`.
        precision: As for `ts_sdk.load`.
        trust_pickle: As for `ts_sdk.load`.
        rounds: How often the samples are answered for the latency; fewer are enough when they take
            longer than a minute together.
        rtol: Relative tolerance of a number; None takes that of the precisions.
        atol: Absolute tolerance of a number; None takes that of the precisions.
        limits: As for `ts_sdk.load`.
    """

    device: str | None = None
    precision: str | None = None
    trust_pickle: bool = False
    rounds: int = 10
    rtol: float | None = None
    atol: float | None = None
    limits: Limits = DEFAULT_LIMITS


def run_both(old: Path, new: Path, samples: Mapping[str, Request], trial: Trial) -> RunComparison:
    """Load both archives, which runs their code, and have them answer the samples.

    Args:
        old: The one archive.
        new: The other.
        samples: Name → request; at least one.
        trial: How.
    """
    requests = list(samples.values())
    with ExitStack() as processes:
        sides = [processes.enter_context(Contestant()) for _ in (old, new)]
        for side in sides:
            side.wait_until_started()
        for side, path in zip(sides, (old, new), strict=True):  # neither slows the other down
            side.load(_task(path, requests, trial))
        answers: list[tuple[Answered, Answered]] = []
        times: list[tuple[float, float]] = []
        if all(side.is_alive for side in sides):
            answers = [
                (sides[0].answer(position), sides[1].answer(position))
                for position in range(len(samples))
            ]
            times = _times(sides, len(samples), trial.rounds)
        measured = [side.measured() for side in sides]
    tolerance = _tolerance(trial, measured)
    return RunComparison(
        rtol=tolerance.rtol,
        atol=tolerance.atol,
        rounds=len(times),
        answers=tuple(
            _compared(name, *pair, tolerance) for name, pair in zip(samples, answers, strict=False)
        ),
        old=_with_times(measured[0], [each for each, _ in times]),
        new=_with_times(measured[1], [each for _, each in times]),
        times_ratio=statistics.median(new / old for old, new in times) if times else None,
    )


def _task(path: Path, requests: Sequence[Request], trial: Trial) -> Task:
    return Task(
        path.absolute(), trial.device, trial.precision, trial.trust_pickle, trial.limits, requests
    )


def _times(sides: Sequence[Contestant], samples: int, rounds: int) -> list[tuple[float, float]]:
    """Milliseconds for one request of the old and of the new archive, the mean of each round."""
    times: list[tuple[float, float]] = []
    started = time.monotonic()
    while len(times) < rounds and all(side.is_alive for side in sides):
        if times and time.monotonic() - started > _LONG_ENOUGH_S:
            break
        totals = [0.0, 0.0]
        for position in range(samples):
            for index in (0, 1) if len(times) % 2 == 0 else (1, 0):
                totals[index] += sides[index].answer(position).elapsed_ms
        times.append((totals[0] / samples, totals[1] / samples))
    # A round in which a process ended has no time of its own.
    return times if all(side.is_alive for side in sides) else times[:-1]


def _tolerance(trial: Trial, measured: Sequence[Measured]) -> Tolerance:
    """What the coarser of both precisions needs, unless it was asked for something else."""
    words = [each.precision or Precision.FLOAT32 for each in measured]
    coarsest = max(map(Tolerance.for_precision, words), key=lambda each: each.rtol)
    wished = {"rtol": trial.rtol, "atol": trial.atol}
    return replace(coarsest, **{name: each for name, each in wished.items() if each is not None})


def _compared(name: str, old: Answered, new: Answered, tolerance: Tolerance) -> AnswerComparison:
    if old.error is not None or new.error is not None:
        refused = old.refused and new.refused
        return AnswerComparison(name, old_error=old.error, new_error=new.error, refused=refused)
    found = differences(new.answer, old.answer, tolerance=tolerance, equal_nan=True)
    return AnswerComparison(
        name,
        tuple(
            AnswerDifference(
                each.path,
                shortened(each.expected),
                shortened(each.actual),
                None if each.expected is ABSENT or each.actual is ABSENT else each.reason,
            )
            for each in found
        ),
    )


def _with_times(measured: Measured, times: Sequence[float]) -> Measured:
    if not times:
        return measured
    median = statistics.median(times)
    quartiles = statistics.quantiles(times, n=4) if len(times) > 1 else [median] * 3
    return replace(measured, request_ms=median, spread_ms=(quartiles[0], quartiles[-1]))
