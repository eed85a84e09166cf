"""``mar replay``: ask an archive again what was recorded, or make tests of it."""

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.model_options import (
    add_device,
    add_isolation,
    add_trust_pickle,
    check_isolation,
    precision,
)
from ts_sdk.cli.progress import show_progress
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser

if TYPE_CHECKING:
    from ts_sdk.model import Model
    from ts_sdk.recording import Recorded, RecordedFailure, Replayed

_MOST_DIFFERENCES = 5
_WIDTH = 60
_TEST_MODULE = re.compile(r"test_.*\.py|.*_test\.py")
_DETAILS = """\
DIR is what load(..., record=DIR) or 'mar run --record DIR' has written, or the folder of one
request in it. Each request is asked by itself.

verdicts:
  fixed           it failed, and is answered now
  same failure    it fails as it did: the same status, class of error and message
  other failure   it fails otherwise
  answer equal    it is answered as it was, within the tolerance of the precision
  answer differs  it is answered otherwise
  answered        it is answered; what it was answered then was not kept
  fails now       it was answered

The exit code is 1 when a request fails, or is answered otherwise.

--write-tests:
  Writes a module for pytest with a test for each request, and the requests to the folder 'recorded'
  beside it. A request must be answered, and as it was where that is recorded; what was rejected
  with a status of 4xx, and still is, must be rejected with that. The exit code is 0 when they are
  written.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar replay``."""
    return make_parser().parse_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar replay``."""
    parser = make_command_parser("replay", "Ask an archive again what was recorded.", _DETAILS)
    parser.add_argument("folder", metavar="DIR", type=Path, help="recorded requests")
    parser.add_argument(
        "archive", metavar="ARCHIVE", type=Path, help="a .mar, a .tar.gz or a folder of sources"
    )
    add_device(parser)
    parser.add_argument("--precision", metavar="WORD", type=precision, help="what it computes in")
    add_trust_pickle(parser)
    add_isolation(parser)
    parser.add_argument(
        "--write-tests", metavar="FILE", type=Path, help="write a pytest module with the requests"
    )
    parser.add_argument(
        "--force", action="store_true", help="with --write-tests, replace what is there"
    )
    add_json_switch(parser)
    add_limits(parser)
    return parser


def execute(args: argparse.Namespace) -> ExitCode:
    """Ask each request, and print what has become of it, or write it as a test."""
    _check(args)
    from ts_sdk.recording import read_recorded, write_tests

    replayed = _replayed(read_recorded(args.folder), args)
    if args.json:
        for each in replayed:
            print(json.dumps(_as_json(each)))
    else:
        _print(replayed)
    if args.write_tests:
        write_tests(
            replayed, args.write_tests, args.archive, options=_options(args), force=args.force
        )
        plural = "" if len(replayed) == 1 else "s"
        print(f"mar: {len(replayed)} test{plural} in {args.write_tests}", file=sys.stderr)
        return ExitCode.OK
    return ExitCode.OK if all(each.is_good for each in replayed) else ExitCode.FAILED


def _check(args: argparse.Namespace) -> None:
    """Refuse what is wrong before anything is loaded."""
    check_isolation(args)
    if not args.folder.is_dir():
        raise UsageError(f"{args.folder} is no folder: give the one that was recorded in")
    target = args.write_tests
    if args.force and target is None:
        raise UsageError("--force goes with --write-tests FILE")
    if target is None:
        return
    if not _TEST_MODULE.fullmatch(target.name) or target.is_dir():
        raise UsageError(
            f"--write-tests {target}: name a module that pytest finds, such as "
            "tests/test_recorded.py"
        )
    if target.exists() and not args.force:
        raise UsageError(
            f"--write-tests {target}: it is there already; name another, or replace it with --force"
        )


def _replayed(recorded: "list[Recorded]", args: argparse.Namespace) -> "list[Replayed]":
    from ts_sdk.recording.replaying import replay_each

    replayed = []
    progress = show_progress(len(recorded))
    with _load(args) as model, progress as shown, redirect_stdout(sys.stderr):
        for each in replay_each(recorded, model):
            replayed.append(each)
            shown.advance(1)
    return replayed


def _load(args: argparse.Namespace) -> "Model":
    from ts_sdk.loader import load

    with redirect_stdout(sys.stderr):
        return load(
            args.archive,
            device=args.device,
            precision=args.precision,
            trust_pickle=args.trust_pickle,
            isolation=args.isolation,
            response_timeout_s=args.response_timeout,
            limits=limits_of(args),
        )


def _options(args: argparse.Namespace) -> dict[str, object]:
    """The options of `ts_sdk.load` that were asked for."""
    asked = {
        "device": args.device,
        "precision": None if args.precision is None else str(args.precision),
        "trust_pickle": args.trust_pickle or None,
        "isolation": None if args.isolation == "archive" else args.isolation,
        "response_timeout_s": args.response_timeout,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _print(replayed: "Sequence[Replayed]") -> None:
    columns = [Column("request"), Column("recorded"), Column("now"), Column("verdict")]
    rows = [
        [
            each.recorded.name,
            _in_short(each.recorded.failure),
            _in_short(each.failure),
            str(each.verdict),
        ]
        for each in replayed
    ]
    print_table(columns, rows)
    bad = [each for each in replayed if not each.is_good]
    for each in bad:
        print(f"\n{each.recorded.name}: {each.verdict}")
        for line in _details(each):
            print(f"  {line}")
    sys.stdout.flush()
    if bad:
        print(
            f"mar: of {len(replayed)} recorded, {len(bad)} fail or are answered otherwise",
            file=sys.stderr,
        )


def _in_short(failure: "RecordedFailure | None") -> str:
    return "answered" if failure is None else textwrap.shorten(str(failure), _WIDTH)


def _details(replayed: "Replayed") -> list[str]:
    if replayed.failure is not None:
        return (replayed.failure.message or "").splitlines()
    lines = list(replayed.differences[:_MOST_DIFFERENCES])
    more = len(replayed.differences) - len(lines)
    return [*lines, f"... and {more} more"] if more else lines


def _as_json(replayed: "Replayed") -> dict[str, Any]:
    recorded = replayed.recorded
    return {
        "request": recorded.name,
        "time": recorded.time.isoformat(),
        "batch": {"size": recorded.batch_size, "position": recorded.position},
        "recorded": recorded.failure.to_dict() if recorded.failure else None,
        "now": replayed.failure.to_dict() if replayed.failure else None,
        "verdict": str(replayed.verdict),
        "differences": list(replayed.differences),
    }
