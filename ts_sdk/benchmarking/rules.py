"""Rules of a regression gate: how much worse a figure may become."""

import re
from dataclasses import dataclass
from enum import StrEnum

from ts_sdk.benchmarking.bootstrap import Change
from ts_sdk.benchmarking.errors import BenchmarkError
from ts_sdk.tuning.measurement import Measurement

FIGURES = ("throughput", "mean", "p50", "p90", "p95", "p99")
"""What a rule may be about: requests a second, else latencies."""
_RULE = re.compile(r"\s*(\w+)\s*([+-])\s*(\d+(?:\.\d+)?)\s*%\s*", re.ASCII)


class Verdict(StrEnum):
    """What an interval says of a rule."""

    REGRESSED = "regressed"
    HELD = "held"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Rule:
    """A bound on a figure's change.

    Attributes:
        figure: One of `FIGURES`.
        bound: The change, as a share, beyond which it is a regression: below 0 for throughput, of
            which less is worse, above 0 for latencies.
    """

    figure: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """The rule that *text* stands for, such as ``throughput -5%`` or ``p99 +10%``.

        Raises:
            BenchmarkError: It is none.
        """
        match = _RULE.fullmatch(text)
        if match is None or match[1] not in FIGURES:
            raise BenchmarkError(
                f"{text!r} is no rule; write a figure ({', '.join(FIGURES)}) and by how much it "
                "may become worse: 'throughput -5%' or 'p99 +10%'"
            )
        rule = cls(match[1], float(f"{match[2]}{match[3]}") / 100)
        if rule.bound and rule.less_is_worse != (match[2] == "-"):
            raise BenchmarkError(
                f"{text!r} would fail where nothing became worse: write "
                f"'{match[1]} {'-' if rule.less_is_worse else '+'}{match[3]}%'"
            )
        return rule

    @property
    def less_is_worse(self) -> bool:
        """Whether a smaller figure is the worse one."""
        return self.figure == "throughput"

    @property
    def name(self) -> str:
        """The rule as it is written."""
        sign = "-" if self.less_is_worse else "+"
        return f"{self.figure} {sign}{abs(self.bound) * 100:g}%"

    def verdict(self, change: Change) -> Verdict:
        """Regressed where the whole interval is beyond the bound, held where none of it is."""
        near, far = change.low, change.high
        if self.less_is_worse:
            near, far = -change.high, -change.low
        bound = abs(self.bound)
        if near > bound:
            return Verdict.REGRESSED
        return Verdict.HELD if far <= bound else Verdict.UNDECIDED


def figure_of(measured: Measurement, figure: str) -> float:
    """The figure of that name: requests a second, or milliseconds."""
    if figure == "throughput":
        return measured.throughput_rps
    if figure == "mean":
        return measured.mean_ms
    return measured.quantile_ms(int(figure[1:]))
