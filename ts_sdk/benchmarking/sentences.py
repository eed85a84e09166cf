"""What the command and the report say in words."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ts_sdk.benchmarking.bootstrap import Change
from ts_sdk.benchmarking.case import Result
from ts_sdk.benchmarking.comparing import Judged, SpeedComparison
from ts_sdk.benchmarking.rules import Verdict

_UNITS = {"throughput": "requests/s"}
CHANGE_COLUMNS = ("figure", "before", "now", "change", "interval")


def remarks_of(results: Sequence[Result]) -> list[str]:
    """What is to be known of results beside their figures; what is so in several rounds, once."""
    counts = Counter(remark for each in results for remark in _remarks(each))
    return [
        remark if count == 1 else f"{remark}, in {count} rounds" for remark, count in counts.items()
    ]


def _remarks(result: Result) -> Iterator[str]:
    measured, name = result.measured, f"{result.case.name}, {setting(result)}"
    missed = measured.failed + measured.unanswered
    if missed:
        yield (
            f"{name}: {missed} of {measured.requests} requests failed "
            f"({measured.error or 'no answer'})"
        )
    if not result.is_whole:
        yield (
            f"{name}: {measured.requests} of {result.case.load.requests} requests were sent in "
            f"the {result.case.load.at_most_s:g} s that it may take"
        )


def setting(result: Result) -> str:
    """The setting of a result in a few words."""
    candidate = result.candidate
    plural = "" if candidate.workers == 1 else "s"
    told = f"{candidate.workers} worker{plural}, batch {candidate.batch_size}, {candidate.device}"
    rate_rps = result.case.load.rate_rps
    return told if rate_rps is None else f"{told}, {rate_rps:g} arrivals/s"


def change_rows(comparison: SpeedComparison) -> list[list[str]]:
    """The rows of the table of changes, under `CHANGE_COLUMNS`."""
    rows = []
    for figure, change in comparison.changes().items():
        before, now = comparison.means(figure)
        unit = _UNITS.get(figure, "ms")
        rows.append(
            [
                figure,
                f"{before:.4g} {unit}",
                f"{now:.4g} {unit}",
                percent(change.estimate),
                interval(change),
            ]
        )
    return rows


def verdicts_of(comparison: SpeedComparison) -> list[str]:
    """Whether the archive may go out, and why, a sentence each."""
    told = [_sentence(each) for each in comparison.judged()]
    if comparison.failing:
        told.append(f"{comparison.failing:.1%} more of the requests fail than before: regressed.")
    elif not comparison.changes():
        told.append("A round had no answer at all, so nothing can be compared.")
    return [*told, "Passed." if comparison.passed else "Failed."]


def percent(share: float) -> str:
    """A change as people write it."""
    return f"{share * 100:+.1f}%"


def interval(change: Change) -> str:
    """The interval of a change."""
    return f"{percent(change.low)} to {percent(change.high)}"


def _sentence(judged: Judged) -> str:
    change, rule = judged.change, judged.rule
    told = f"{rule.figure} {percent(change.estimate)} ({interval(change)})"
    if judged.verdict is Verdict.REGRESSED:
        return f"{told}: regressed, the whole interval is beyond {rule.name}."
    if judged.verdict is Verdict.HELD:
        return f"{told}: the whole interval keeps to {rule.name}."
    return (
        f"{told}: undecided, the interval has {rule.name} in it; more rounds or requests would "
        "make it narrower."
    )
