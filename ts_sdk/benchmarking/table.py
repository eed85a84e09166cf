"""``ab_report.csv`` of a benchmark: TorchServe's columns, then those of ours that apply."""

import csv
import io
from collections.abc import Sequence

from ts_sdk.benchmarking.case import Result
from ts_sdk.hardware import Hardware
from ts_sdk.tuning.objective import Objective
from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.report.table import OWN_COLUMNS, TORCHSERVE_COLUMNS, csv_text

_OF_TUNING = frozenset({"Form", "Fast decode", "Noise", "Answers differ by", "Meets target"})
"""What has no meaning: the archive's own form is served, in one round, and there is no target."""
COLUMNS = (*TORCHSERVE_COLUMNS, *(each for each in OWN_COLUMNS if each not in _OF_TUNING))


def rows_of(results: Sequence[Result], hardware: Hardware) -> list[dict[str, str]]:
    """A row for each result, by the names of the columns; what was not measured is empty."""
    return [_row(result, hardware) for result in results]


def text_of(rows: Sequence[dict[str, str]]) -> str:
    """The rows as CSV.

    Latencies and durations are in milliseconds, throughputs in requests a second, memory in MiB.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _row(result: Result, hardware: Hardware) -> dict[str, str]:
    """The row that a tuning report has of this measurement, with what is known here besides.

    TorchServe's suite has links of Markdown in two columns, as its report is made from the CSV.
    """
    (row,) = csv.DictReader(io.StringIO(csv_text(_as_tuning(result, hardware))))
    return {
        **row,
        "Benchmark": "mar bench",
        "Model": f"[.mar]({result.case.model})",
        "Input": result.case.input,
    }


def _as_tuning(result: Result, hardware: Hardware) -> TuningReport:
    """*result* as a tuning of a single candidate, which is what makes rows."""
    case, candidate = result.case, result.candidate
    return TuningReport(
        path=case.archive,
        name=case.name,
        version=None,
        digest="",
        config={},
        inputs=len(case.inputs),
        hardware=hardware,
        objective=Objective(),
        tolerance=0.0,
        budget_s=case.load.at_most_s,
        used_s=result.measured.seconds,
        baseline=candidate,
        best=candidate,
        archive=case.archive,
        measured={candidate: result.measured},
    )
