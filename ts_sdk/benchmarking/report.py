"""What a benchmark has measured, and the files that tell it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ts_sdk.benchmarking.case import Result
from ts_sdk.benchmarking.comparing import SpeedComparison
from ts_sdk.benchmarking.sentences import (
    CHANGE_COLUMNS,
    change_rows,
    remarks_of,
    verdicts_of,
)
from ts_sdk.benchmarking.table import COLUMNS, rows_of, text_of
from ts_sdk.hardware import Hardware
from ts_sdk.tuning.report.markdown import table


@dataclass(frozen=True)
class BenchReport:
    """What was measured.

    Attributes:
        results: The cases, in order; of a comparison, its rounds.
        hardware: What it was measured on.
        ignored: What the config says and nothing here has a use for, a sentence each.
        skipped: What could not be run here, a sentence each.
        comparison: Where two archives were compared, how.
    """

    results: Sequence[Result]
    hardware: Hardware
    ignored: Sequence[str] = ()
    skipped: Sequence[str] = ()
    comparison: SpeedComparison | None = None

    @property
    def passed(self) -> bool:
        """Whether every request was answered; of a comparison, whether nothing is worse."""
        if self.comparison is not None:
            return self.comparison.passed
        return all(each.measured.error_rate == 0 for each in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        told: dict[str, Any] = {
            "passed": self.passed,
            "ignored": list(self.ignored),
            "skipped": list(self.skipped),
            "hardware": self.hardware.to_dict(),
        }
        if self.comparison is not None:
            return {**told, **self.comparison.to_dict()}
        return {**told, "results": [each.to_dict() for each in self.results]}

    def write(self, folder: Path) -> list[Path]:
        """Write ``ab_report.csv`` and ``report.md`` into *folder*, and return their paths."""
        from ts_sdk.report_files import write_texts

        rows = rows_of(self.results, self.hardware)
        return write_texts(
            folder, {"ab_report.csv": text_of(rows), "report.md": self._markdown(rows)}
        )

    def _markdown(self, rows: Sequence[dict[str, str]]) -> str:
        devices = ", ".join(dict.fromkeys(each.candidate.device for each in self.results))
        parts = [
            f"# Benchmark on {devices}",
            f"Date: {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
            f"ts-sdk {version('ts-sdk')} on {self.hardware.describe()}",
        ]
        if self.comparison is not None:
            parts += ["## Comparison", *verdicts_of(self.comparison)]
            parts.append(table(CHANGE_COLUMNS, change_rows(self.comparison)))
        for name in dict.fromkeys(each.case.name for each in self.results):
            of_name = [
                row for row, each in zip(rows, self.results, strict=True) if each.case.name == name
            ]
            parts += [f"## {name}", _table(of_name)]
        for title, told in (
            ("Remarks", remarks_of(self.results)),
            ("Ignored in the config", self.ignored),
            ("Not run here", self.skipped),
        ):
            if told:
                parts += [f"## {title}", "\n".join(f"- {each}" for each in told)]
        return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[dict[str, str]]) -> str:
    """The columns in which there is anything."""
    shown = [name for name in COLUMNS if any(row.get(name) for row in rows)]
    return table(shown, [[row.get(name, "") for name in shown] for row in rows])
