"""``report.md``: what was found, in words and tables."""

from collections.abc import Sequence

from ts_sdk.tuning.durations import show_duration
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.report.sentences import cost, remarks, verdict
from ts_sdk.tuning.space import Candidate

_MOST_ROWS = 25
_NOTES = (
    "Clients waited for their answers; a latency is what a client saw. Noise is half the distance "
    "between the best and the worst round, and - stands for a setting that had one short round "
    "only. Batch fill is how full batches were on average."
)


def markdown_text(report: TuningReport) -> str:
    """The report."""
    version = f" {report.version}" if report.version else ""
    parts = [
        f"# Tuning of {report.name}{version}",
        verdict(report),
        *remarks(report),
        _settings(report),
        "## Measured",
        _measured(report),
    ]
    if report.arrivals:
        parts += ["## Arrivals at random times", _arrivals(report)]
    if report.excluded:
        parts += [
            "## Excluded",
            table(("what", "why"), [(e.what, e.reason) for e in report.excluded]),
        ]
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rule = ["---"] * len(header)
    lines = [[_cell(each) for each in row] for row in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured_rows(report: TuningReport) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of the table of candidates, the best first."""
    priced = bool(report.objective.prices)
    head = ["setting", "requests/s", "p50 ms", "p99 ms", "noise", "batch fill", "memory MiB"]
    head += ["cost of a million"] if priced else []
    rows = []
    for each in report.ordered[:_MOST_ROWS]:
        row = [each.name, *_figures(report.measured[each])]
        rows.append([*row, cost(report, each) or "-"] if priced else row)
    return [*head, "target"], [
        [*row, _met(report, each)] for row, each in zip(rows, report.ordered, strict=False)
    ]


def notes(report: TuningReport) -> list[str]:
    """How to read the table of candidates."""
    more = len(report.measured) - _MOST_ROWS
    told = [f"{more} more are in ab_report.csv."] if more > 0 else []
    return [*told, _NOTES]


def arrival_rows(report: TuningReport) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of the table of arrivals."""
    head = ["arrivals/s", "requests", "p50 ms", "p99 ms", "failed", "target"]
    return head, [
        [
            f"{each.rate_rps or 0:.1f}",
            str(each.requests),
            milliseconds(each, 50),
            milliseconds(each, 99),
            str(each.failed + each.unanswered),
            "met" if report.objective.is_met(each) else "missed",
        ]
        for each in report.arrivals
    ]


def milliseconds(measured: Measurement, percent: int) -> str:
    """The latency that *percent* of the requests stay below, for a table."""
    return f"{measured.quantile_ms(percent):.1f}" if measured.answered else "-"


def facts(report: TuningReport) -> list[tuple[str, str]]:
    """What was looked for, and on what."""
    target = report.objective.p99_ms
    return [
        ("objective", report.objective.word),
        ("p99 target", "none" if target is None else f"{target:g} ms"),
        ("archive", f"{report.path.name}, sha256 {report.digest[:16]}"),
        ("inputs", str(report.inputs)),
        ("tolerance", f"answers may differ by {report.tolerance:.2%} from those in float32 eager"),
        ("time", f"{show_duration(report.used_s)} of {show_duration(report.budget_s)}"),
        ("hardware", report.hardware.describe()),
        ("fingerprint", report.hardware.fingerprint),
    ]


def _settings(report: TuningReport) -> str:
    return table(("", ""), facts(report))


def _measured(report: TuningReport) -> str:
    return "\n\n".join([table(*measured_rows(report)), *notes(report)])


def _arrivals(report: TuningReport) -> str:
    return table(*arrival_rows(report))


def _figures(measured: Measurement) -> list[str]:
    fill = "-" if measured.batch_fill is None else f"{measured.batch_fill:.0%}"
    memory = measured.resources.get("memory_mb")
    noise = f"{measured.noise:.0%}" if measured.rounds > 1 else "-"
    return [
        f"{measured.throughput_rps:.1f}",
        milliseconds(measured, 50),
        milliseconds(measured, 99),
        noise,
        fill,
        "-" if memory is None else f"{memory:.0f}",
    ]


def _met(report: TuningReport, candidate: Candidate) -> str:
    return "met" if report.objective.is_met(report.measured[candidate]) else "missed"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
