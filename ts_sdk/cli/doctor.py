"""``mar doctor``: whether archives run here, and what they need if they do not."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.progress import show_progress
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser

if TYPE_CHECKING:
    from ts_sdk.doctor import Finding, Report

_DETAILS = """\
A folder of archives (a model store) is examined archive by archive. For each it is said whether it
runs as it is, needs a change or cannot run here, and why. Nothing of an archive is run or
unpickled: code is parsed, weights are told by their bytes, and packages are looked up without
being imported. What it says of missing packages is true for the Python that mar itself runs in.
With --json each archive is one line.
"""
_HEADINGS = {"blocks": "in the way", "change": "to change", "note": "good to know"}
_MOST_COMMON = 10
_MOST_IN_CELL = 160


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar doctor``."""
    parser = make_command_parser("doctor", "Say whether archives run here.", _DETAILS)
    parser.add_argument(
        "paths",
        metavar="ARCHIVE|STORE",
        type=Path,
        nargs="+",
        help="a .mar, a .tar.gz, a folder of sources, or a folder that holds such",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="for each archive of a store, say all"
    )
    add_json_switch(parser)
    add_limits(parser)
    return parser.parse_intermixed_args(arguments)


def execute(args: argparse.Namespace) -> ExitCode:
    """Examine the archives and print what was found."""
    reports = _examine(_archives(args.paths), args)
    if args.json:
        for report in reports:
            print(json.dumps(report.to_dict()))
    elif len(reports) == 1:
        _print_report(reports[0])
    else:
        _print_store(reports, verbose=args.verbose)
    if not any(report.was_opened for report in reports):
        return ExitCode.NOT_OPENED
    runs = all(report.verdict == "runs" for report in reports)
    return ExitCode.OK if runs else ExitCode.FAILED


def _archives(given: Sequence[Path]) -> list[Path]:
    """The archives that the command line names, those in stores included."""
    from ts_sdk.doctor import archives_in, is_store

    missing = [str(path) for path in given if not path.exists()]
    if missing:
        raise UsageError("; ".join(f"{path} does not exist" for path in missing))
    return [
        archive for path in given for archive in (archives_in(path) if is_store(path) else [path])
    ]


def _examine(paths: Sequence[Path], args: argparse.Namespace) -> "list[Report]":
    from ts_sdk.doctor import examine

    reports = []
    limits = limits_of(args)
    with show_progress(len(paths)) as progress:
        for path in paths:
            reports.append(examine(path, limits=limits))
            progress.advance(1)
    return reports


def _print_store(reports: "Sequence[Report]", *, verbose: bool) -> None:
    columns = [Column("archive"), Column("verdict"), Column("why -> what to do")]
    rows = [[report.path.name, report.verdict.phrase, _in_short(report)] for report in reports]
    print_table(columns, rows)
    print()
    if verbose:
        for report in reports:
            if report.findings:
                _print_report(report)
                print()
    else:
        _print_common_changes(reports)
    print(_summary(reports))


def _in_short(report: "Report") -> str:
    """What the verdict comes of, on one line."""
    if not report.decisive:
        return ""
    first, *others = report.decisive
    more = f" (and {len(others)} more)" if others else ""
    room = _MOST_IN_CELL - len(more)
    remedy = f" -> {first.fix}" if first.fix else ""
    # Of a long remedy, its beginning; the rest is the message's.
    remedy = _cut(remedy, max(room // 2, room - len(_located(first))))
    return f"{_cut(_located(first), room - len(remedy))}{remedy}{more}"


def _cut(text: str, room: int) -> str:
    """*text* with as many characters as there is *room* for; `mar doctor ARCHIVE` says it all."""
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"


def _print_common_changes(reports: "Sequence[Report]") -> None:
    """Print the changes that several archives need, the most frequent first."""
    fixes = Counter(
        fix for report in reports for fix in dict.fromkeys(each.fix for each in report.decisive)
    )
    common = [(fix, count) for fix, count in fixes.most_common(_MOST_COMMON) if fix and count > 1]
    if not common:
        return
    print("what several archives need:")
    for fix, count in common:
        found = [each for report in reports for each in report.decisive if each.fix == fix]
        print(f"  {count} archives: {_cut(_reason_of(found), _MOST_IN_CELL // 2)} -> {fix}")
    print()


def _reason_of(findings: "Sequence[Finding]") -> str:
    """What findings that ask for the same have in common: their message, or what was looked for."""
    messages = {finding.message for finding in findings}
    return messages.pop() if len(messages) == 1 else findings[0].check


def _summary(reports: "Sequence[Report]") -> str:
    from ts_sdk.doctor import Verdict

    counts = Counter(report.verdict for report in reports)
    told = [f"{counts[each]} {each.phrase_of(counts[each])}" for each in Verdict if counts[each]]
    return f"{len(reports)} archives: {', '.join(told)}"


def _print_report(report: "Report") -> None:
    print(f"{report.path}: {report.verdict.phrase}")
    for severity, heading in _HEADINGS.items():
        findings = [each for each in report.findings if each.severity == severity]
        if findings:
            print(f"{heading}:")
        for finding in findings:
            print(f"  {_located(finding)}")
            if finding.fix:
                print(f"    -> {finding.fix}")


def _located(finding: "Finding") -> str:
    return f"{finding.place}: {finding.message}" if finding.place else finding.message
