"""The sentences that every form of the report has in common."""

from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.space import Candidate

_HUNDRED = 100


def verdict(report: TuningReport) -> str:
    """Whether the target is met, and by what, or how far off the nearest is."""
    best, measured = report.best, report.best_measured
    if best is None or measured is None:
        return "Nothing could be measured: every candidate is excluded."
    target = report.objective.p99_ms
    told = f"{best.name}: {rates(measured)}"
    if report.met:
        goal = "" if target is None else f" Under the target of {target:g} ms:"
        return f"Best for {report.objective.word}.{goal} {told}."
    if measured.error_rate > 0:
        return (
            f"No setting answers every request. The nearest is {told}, with "
            f"{measured.error_rate:.1%} of the requests failing ({measured.error or 'no answer'})."
        )
    return (
        f"No setting meets the target of {target:g} ms. The nearest is {told}, "
        f"{_above(report.excess or 0)}."
    )


def rates(measured: Measurement) -> str:
    """Throughput and p99."""
    if not measured.answered:
        return "no request answered"
    return f"{measured.throughput_rps:.1f} requests/s, p99 {measured.p99_ms:.1f} ms"


def remarks(report: TuningReport) -> list[str]:
    """What else to know, a sentence or two each."""
    found = []
    before = report.measured.get(report.baseline)
    if before is not None and report.speed_up is not None and report.best != report.baseline:
        briefly = ", measured briefly" if before.rounds == 1 else ""
        found.append(
            f"That is {report.speed_up:.2f} x the throughput of the archive as it is "
            f"({report.baseline.name}: {rates(before)}{briefly})."
        )
    found += _arrivals(report)
    binding = report.binding
    if binding is not None:
        found.append(f"What binds is {binding.phase}: {binding.reason}.")
        found.append(f"What may help next: {binding.advice}.")
    measured = report.best_measured
    if measured is not None and measured.answered < _HUNDRED:
        found.append(
            f"The p99 is of {measured.answered} requests only, so it is little more than the "
            "slowest of them; a larger budget makes it surer."
        )
    if report.unmeasured:
        untried = ", ".join(each.name for each in report.untried)
        never = f" Never tried: {untried}." if untried else ""
        found.append(
            f"The budget did not suffice for {report.unmeasured} candidates of the grid.{never} A "
            "larger one with --resume goes on, or name fewer values on an axis."
        )
    if report.objective.word == "memory" and report.isolation == "archive":
        found.append(
            "Memory is that of this process, in which all candidates were served one after the "
            "other; with --isolation process each has its own."
        )
    if report.ignored:
        found.append(
            f"{report.ignored} lines of the journal are of another archive, of other inputs or "
            "settings, or of another machine, and were not taken over."
        )
    return found


def _above(excess: float) -> str:
    """How far above the target, a share of it; from twice as much on, as a factor."""
    return f"{excess:.0%} above it" if excess < 1 else f"{excess + 1:.1f} times as much"


def cost(report: TuningReport, candidate: Candidate) -> str | None:
    """What a million answers cost, None where there is no price."""
    amount = report.objective.cost_of_a_million(candidate, report.measured[candidate])
    return None if amount is None else f"{amount:.4g}"


def _arrivals(report: TuningReport) -> list[str]:
    if not report.arrivals or not report.met:  # arrivals say more of what is good enough
        return []
    sustained = report.sustained_rps
    if sustained is None:
        return [_missed(report, report.arrivals[0])]
    at = next(each for each in report.arrivals if each.rate_rps == sustained)
    under = "are all answered" if report.objective.p99_ms is None else "stay under the target"
    counted = f"p99 {at.p99_ms:.1f} ms, counted from when they were to arrive"
    return [f"Requests that arrive at random {under} up to {sustained:.1f} a second ({counted})."]


def _missed(report: TuningReport, lowest: Measurement) -> str:
    rate = f"{lowest.rate_rps:.1f}"
    if not lowest.answered:
        return f"Of {rate} requests a second at random, none is answered."
    if report.objective.p99_ms is None or lowest.error_rate > 0:
        return f"Of {rate} requests a second at random, {lowest.error_rate:.1%} are not answered."
    told = f"p99 {lowest.p99_ms:.1f} ms, counted from when they were to arrive"
    return (
        f"Requests that arrive at random miss the target already at {rate} a second ({told}): plan "
        "with fewer, or tune to a lower target."
    )
