"""What ``mar bench`` prints."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.tables import Column, print_table

if TYPE_CHECKING:
    from ts_sdk.benchmarking import BenchReport, Result


def note(result: "Result") -> None:
    """Say on standard error what has been measured, as it may take long."""
    from ts_sdk.benchmarking.sentences import setting
    from ts_sdk.tuning.report.sentences import rates

    told = f"{result.case.name}, {setting(result)}: {rates(result.measured)}"
    print(f"mar: {told}", file=sys.stderr)


def print_report(report: "BenchReport", files: Sequence[Path]) -> None:
    """Print figures or changes, then what is to be known of them, and where the files are."""
    from ts_sdk.benchmarking.sentences import remarks_of, verdicts_of

    if report.comparison is None:
        _print_results(report)
    else:
        _print_changes(report)
    for remark in remarks_of(report.results):
        print(remark)
    if report.comparison is not None:
        print(*verdicts_of(report.comparison), sep="\n")
    for title, told in (("ignored", report.ignored), ("not run here", report.skipped)):
        for each in told:
            print(f"{title}: {each}")
    if files:
        print(f"written to {files[0].parent}: {', '.join(path.name for path in files)}")


def _print_results(report: "BenchReport") -> None:
    from ts_sdk.benchmarking.sentences import setting

    numbers = ("requests", "failed", "requests/s", "mean ms", "p50 ms", "p90 ms", "p99 ms")
    rows = []
    for each in report.results:
        measured = each.measured
        latencies = [measured.mean_ms, *(measured.quantile_ms(percent) for percent in (50, 90, 99))]
        rows.append(
            [
                each.case.name,
                setting(each),
                str(measured.requests),
                str(measured.failed + measured.unanswered),
                f"{measured.throughput_rps:.1f}",
                *(f"{ms:.1f}" for ms in latencies),
            ]
        )
    columns = [Column("model"), Column("setting"), *(Column(each, right=True) for each in numbers)]
    print_table(columns, rows)


def _print_changes(report: "BenchReport") -> None:
    from ts_sdk.benchmarking.sentences import CHANGE_COLUMNS, change_rows

    if report.comparison is None:
        return
    rows = change_rows(report.comparison)
    if rows:
        columns = [Column(name, right=name != CHANGE_COLUMNS[0]) for name in CHANGE_COLUMNS]
        print_table(columns, rows)
