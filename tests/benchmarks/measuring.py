"""Interleaved repeats, medians and Markdown tables."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The repeats of one candidate, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the repeats, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.seconds) < 4:
            return (max(self.seconds) - min(self.seconds)) / 2 / self.median
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2 / self.median


def interleaved(
    candidates: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    warm_up: int = 1,
    before_each: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time each candidate once a round, so that all of them meet the same noise.

    What *before_each* does is not timed. Of work in one thread, `time.process_time` as *clock*
    tells the same on a busy machine as on a quiet one.
    """
    for _ in range(warm_up):
        for run in candidates.values():
            run()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, run in candidates.items():
            before_each()
            started = clock()
            run()
            seconds[name].append(clock() - started)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def installed_environment() -> dict[str, str]:
    """The environment of a process that finds modules compiled, as an installer leaves them."""
    return {name: it for name, it in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column left, the others right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def milliseconds(timing: Timing) -> str:
    """The median with its spread, for a table."""
    return f"{timing.median * 1e3:,.1f} ms ± {timing.spread:.0%}"


def seconds(timing: Timing) -> str:
    """The median with its spread, for a table."""
    return f"{timing.median:,.2f} s ± {timing.spread:.0%}"
