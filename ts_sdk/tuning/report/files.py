"""The files of a report."""

from pathlib import Path

from ts_sdk.report_files import write_texts
from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.report.html import html_text
from ts_sdk.tuning.report.markdown import markdown_text
from ts_sdk.tuning.report.settings import config_text, profile_text
from ts_sdk.tuning.report.table import csv_text


def write_files(report: TuningReport, folder: Path) -> list[Path]:
    """Write the report's files; see `TuningReport.write`."""
    texts = {
        "ab_report.csv": csv_text(report),
        "report.md": markdown_text(report),
        "report.html": html_text(report),
    }
    if report.best is not None:
        texts["model-config.yaml"] = config_text(report, report.best)
        texts["profile.json"] = profile_text(report, report.best)
    return write_texts(folder, texts)
