"""``mar profile``: show where an archive's time and memory go."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.load_options import add_archive_and_inputs, duration, output_folder
from ts_sdk.cli.model_options import (
    add_device,
    add_trust_pickle,
    add_tuned_switch,
    count,
    precision,
    read_samples,
)
from ts_sdk.cli.quiet import libraries_quiet
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser

if TYPE_CHECKING:
    from ts_sdk.profiles import Profile

_MOST_ROWS = 10
_DETAILS = """\
The archive is loaded in this process. It answers batches for --time while its Python stack is
looked at, then three under torch's profiler. Then it is served for --time, which shows its phases
and the queue.

files in --output:
  profile.md, profile.json   the tables
  flame.html                 the flame graph: open it in a browser; it needs nothing else
  flame.speedscope.json      the same for speedscope
  trace.json                 what ran when, for chrome://tracing and Perfetto
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar profile``."""
    return make_parser().parse_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar profile``."""
    parser = make_command_parser("profile", "Show where time and memory go.", _DETAILS)
    add_archive_and_inputs(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=output_folder,
        default=Path("profile"),
        help="where the files below go (default: profile)",
    )
    parser.add_argument(
        "--time",
        metavar="TIME",
        type=duration,
        default=5.0,
        help="how long each of the two parts is, such as 20s (default: 5s)",
    )
    _add_setting(parser)
    add_device(parser)
    parser.add_argument("--precision", type=precision, help="float32, float16, bfloat16, ...")
    add_tuned_switch(parser)
    add_trust_pickle(parser)
    add_json_switch(parser)
    add_limits(parser)
    return parser


def _add_setting(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("setting", "in place of what model-config.yaml says")
    group.add_argument("--workers", metavar="N", type=count, help="batches at once, while served")
    group.add_argument("--batch-size", metavar="N", type=count, help="requests in a batch")
    group.add_argument(
        "--concurrency",
        metavar="N",
        type=count,
        help="requests at a time, while served (default: a batch of them)",
    )
    group.add_argument(
        "--threads", metavar="N", type=count, help="of torch for each worker, while served"
    )


def execute(args: argparse.Namespace) -> ExitCode:
    """Profile, write the files, and print the tables."""
    from ts_sdk.profiles import ProfilingError, profile

    samples = read_samples(args.input, args.kind)
    try:
        # What the handler, torch and its profiler print comes with --traceback.
        with redirect_stdout(sys.stderr) if args.traceback else libraries_quiet():
            found = profile(
                args.archive,
                samples,
                seconds=args.time,
                workers=args.workers,
                batch_size=args.batch_size,
                concurrency=args.concurrency,
                device=args.device,
                precision=args.precision,
                threads=args.threads,
                trust_pickle=args.trust_pickle,
                tuned=args.tuned,
                limits=limits_of(args),
            )
    except ProfilingError as error:
        raise UsageError(str(error)) from error
    files = found.write(args.output)
    if args.json:
        print(json.dumps(found.to_dict()))
    else:
        _print_profile(found, files)
    return ExitCode.OK


def _print_profile(found: "Profile", files: Sequence[Path]) -> None:
    from ts_sdk.profiles.report import (
        FUNCTION_COLUMNS,
        MEMORY_COLUMNS,
        PHASE_COLUMNS,
        remarks_of,
    )

    print(*remarks_of(found), sep="\n")
    for names, rows in (
        (PHASE_COLUMNS, found.phase_rows()),
        (MEMORY_COLUMNS, found.memory_rows()),
        (found.operator_columns, found.operator_rows(_MOST_ROWS)),
        (FUNCTION_COLUMNS, found.function_rows(_MOST_ROWS)),
    ):
        if rows:
            print()
            print_table([Column(name, right=name != names[0]) for name in names], rows)
    print(f"\nwritten to {files[0].parent}: {', '.join(path.name for path in files)}")
