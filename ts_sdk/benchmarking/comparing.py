"""Two archives under the same load, in turn, and whether one is slower than it may be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from ts_sdk.benchmarking.bootstrap import LEAST_ROUNDS, Change, change_of
from ts_sdk.benchmarking.case import Case, Result
from ts_sdk.benchmarking.errors import BenchmarkError
from ts_sdk.benchmarking.rules import FIGURES, Rule, Verdict, figure_of
from ts_sdk.benchmarking.running import Bench, served

ROUNDS = 10
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Judged:
    """A rule and what became of it.

    Attributes:
        rule: The rule.
        change: How the figure has changed.
        verdict: What that says of the rule.
    """

    rule: Rule
    change: Change
    verdict: Verdict


@dataclass(frozen=True)
class SpeedComparison:
    """What an archive does, compared with what another does.

    Attributes:
        before: The rounds of the archive that is compared with.
        now: The rounds of the archive that is compared, each next to that of *before*.
        rules: How much worse a figure may become.
        confidence: How often such an interval has the true change in it.
        seed: What the intervals were drawn with.
    """

    before: Sequence[Result]
    now: Sequence[Result]
    rules: Sequence[Rule]
    confidence: float
    seed: int

    @property
    def failing(self) -> float:
        """The share of requests that the archive fails, beyond that of the one before."""
        return max(0.0, _error_rate(self.now) - _error_rate(self.before))

    @property
    def passed(self) -> bool:
        """Whether no rule is certainly broken, and no more requests fail than before.

        Where nothing can be compared, that is not known, so False.
        """
        if not self.changes():
            return False
        broken = any(each.verdict is Verdict.REGRESSED for each in self.judged())
        return not broken and not self.failing

    def changes(self) -> dict[str, Change]:
        """Figure → how it has changed; nothing where a round had no answer."""
        if not all(each.measured.answered for each in (*self.before, *self.now)):
            return {}
        return {figure: self._change(figure) for figure in FIGURES}

    def judged(self) -> list[Judged]:
        """What became of each rule; nothing where a round had no answer."""
        changes = self.changes()
        return [
            Judged(rule, changes[rule.figure], rule.verdict(changes[rule.figure]))
            for rule in self.rules
            if rule.figure in changes
        ]

    def means(self, figure: str) -> tuple[float, float]:
        """The geometric mean of a figure over the rounds, before and now."""
        return _mean(self.before, figure), _mean(self.now, figure)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        changes = self.changes()
        return {
            "passed": self.passed,
            "rounds": len(self.now),
            "confidence": self.confidence,
            "seed": self.seed,
            "failing": self.failing,
            "figures": {
                figure: {**dict(zip(("before", "now"), self.means(figure), strict=True)), **vars(c)}
                for figure, c in changes.items()
            },
            "rules": [
                {"rule": each.rule.name, "verdict": str(each.verdict)} for each in self.judged()
            ],
            "before": [each.to_dict() for each in self.before],
            "now": [each.to_dict() for each in self.now],
        }

    def _change(self, figure: str) -> Change:
        before, now = (
            [figure_of(each.measured, figure) for each in side] for side in (self.before, self.now)
        )
        return change_of(before, now, confidence=self.confidence, seed=self.seed)


def compare_cases(
    before: Case,
    now: Case,
    *,
    rounds: int,
    rules: Sequence[Rule],
    confidence: float,
    seed: int,
    progress: Callable[[Result], object],
) -> SpeedComparison:
    """Serve both, and measure them in turn.

    Raises:
        BenchmarkError: There are too few rounds, or the confidence makes no sense.
        LoadError: One cannot be served; so are the others of `ts_sdk.serve_locally`.
    """
    if rounds < LEAST_ROUNDS:
        raise BenchmarkError(f"a comparison needs {LEAST_ROUNDS} rounds or more, not {rounds}")
    if not 0 < confidence < 1:
        raise BenchmarkError(f"the confidence must lie between 0 and 1, not {confidence!r}")
    with served(before) as first, served(now) as second:
        for bench in (first, second):
            bench.measure()  # a round that warms up, since the first one is the slowest
        pairs = [_pair(number, first, second, progress) for number in range(rounds)]
    befores, nows = zip(*pairs, strict=True)
    return SpeedComparison(befores, nows, tuple(rules), confidence, seed)


def _pair(
    number: int, before: Bench, now: Bench, progress: Callable[[Result], object]
) -> tuple[Result, Result]:
    """One round of each; who begins changes, so that a steady drift favours neither."""
    found: dict[int, Result] = {}
    for bench in (before, now) if number % 2 == 0 else (now, before):
        result = found[id(bench)] = bench.measure()
        progress(result)
    return found[id(before)], found[id(now)]


def _mean(results: Sequence[Result], figure: str) -> float:
    """Geometric, so that the change of the means is the mean of the changes."""
    return geometric_mean(figure_of(each.measured, figure) for each in results)


def _error_rate(results: Sequence[Result]) -> float:
    requests = sum(each.measured.requests for each in results)
    answered = sum(each.measured.answered for each in results)
    return 1 - answered / requests if requests else 1.0
