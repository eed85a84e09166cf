"""``mar tune``: find the setting in which an archive answers most under a latency target."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.inputs import find_inputs
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.load_options import (
    add_archive_and_inputs,
    add_workers_isolation,
    duration,
    output_folder,
)
from ts_sdk.cli.model_options import (
    add_trust_pickle,
    quantity,
    read_samples,
)
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.tune_axes import add_axes
from ts_sdk.cli.tuning_progress import show_best
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser

if TYPE_CHECKING:
    from ts_sdk.tuning import TuningReport

_OBJECTIVES = ("throughput", "latency", "memory", "cost")
_MOST_ROWS = 10
_DETAILS = """\
Each candidate is served in this process and measured under clients that wait for their answers,
a short time first, the better ones longer, then those around the best. Its answers must be those
of the model in float32, within --tolerance, or it is excluded. The best is measured once more
under requests that arrive at random times.

Lists are separated by commas, as in --workers 1,2,4. An axis with a single value stays as it is.

forms:
  eager          the model as the archive has it
  channels-last  with the channels of a pixel side by side in memory
  torchscript    frozen TorchScript
  onnx           in onnxruntime; needs ts-sdk[onnx] and ts-sdk[onnx-export]
  openvino       as ONNX in OpenVINO, on the CPU; needs ts-sdk[openvino] besides
  compile        compiled by torch.compile, in each process anew; needs a C++ compiler
  aoti           compiled by AOTInductor, once; needs a C++ compiler

files in --output:
  ab_report.csv, report.md, report.html   what was measured
  model-config.yaml                       the archive's, with the best setting in it
  profile.json                            the setting, and the hardware that it was found on
  journal.jsonl, archives/                what --resume goes on from

The exit code is 1 when nothing meets the target.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar tune``."""
    return make_parser().parse_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar tune``."""
    parser = make_command_parser("tune", "Tune an archive to a latency target.", _DETAILS)
    add_archive_and_inputs(parser)
    _add_target(parser)
    _add_output(parser)
    add_axes(parser)
    parser.add_argument(
        "--tolerance",
        metavar="SHARE",
        type=quantity,
        default=0.02,
        help="the largest difference of answers (default: 0.02)",
    )
    add_workers_isolation(parser)
    add_trust_pickle(parser)
    add_json_switch(parser)
    add_limits(parser)
    return parser


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--p99",
        metavar="TIME",
        type=duration,
        help="the latency that 99 of 100 requests have to stay below, such as 100ms "
        "(default: none)",
    )
    parser.add_argument(
        "--objective",
        choices=_OBJECTIVES,
        default="throughput",
        help="what is best, under that target (default: throughput)",
    )
    parser.add_argument(
        "--price",
        metavar="DEVICE=PRICE,...",
        type=_prices,
        default={},
        help="for the objective cost, the price of an hour, such as cpu=0.1,cuda=2",
    )
    parser.add_argument(
        "--budget",
        metavar="TIME",
        type=duration,
        default=600.0,
        help="how long measuring may take, such as 90s or 1h; a conversion that has begun is not "
        "cut off (default: 10m)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=output_folder,
        default=Path("tuning"),
        help="where the files below go (default: tuning)",
    )
    parser.add_argument(
        "--pack",
        metavar="FILE",
        type=Path,
        help="a new archive to write: the model in the best form, with the best setting inside",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from what --output has of an earlier run"
    )


def execute(args: argparse.Namespace) -> ExitCode:
    """Tune, write the report, and say what was found."""
    if args.objective == "cost" and not args.price:
        raise UsageError("--objective cost needs --price, such as --price cpu=0.1,cuda=2")
    samples = read_samples(args.input, args.kind)
    if args.pack is not None:
        _check_target(args)
    with redirect_stdout(sys.stderr), _errors_that_help(args):
        report = _tuned(args, samples)
    files = report.write(args.output)
    packed = report.pack(args.pack) if args.pack and report.best else None
    if args.json:
        print(json.dumps({**report.to_dict(), "packed": packed and str(packed)}))
    else:
        _print_report(report, files)
        if packed:
            print(f"packed {packed}: on machines like this one it is served with the best setting")
    return ExitCode.OK if report.met else ExitCode.FAILED


def _check_target(args: argparse.Namespace) -> None:
    """Refuse before the time is spent what could not be packed after it.

    Raises:
        UsageError: It could not.
    """
    from ts_sdk.tuning import TuningError
    from ts_sdk.tuning.report.packing import check_packable

    try:
        check_packable(args.archive, args.pack)
    except TuningError as error:
        raise UsageError(f"--pack: {error}") from error


@contextmanager
def _errors_that_help(args: argparse.Namespace) -> Iterator[None]:
    """Say which file an input is, and after an interruption how to go on."""
    from ts_sdk.tuning.errors import UnansweredInputError
    from ts_sdk.tuning.run import JOURNAL

    try:
        yield
    except UnansweredInputError as error:
        named = find_inputs(args.input, [], args.kind)
        error.add_note(f"input {error.index} is {named[error.index].name}")
        raise
    except KeyboardInterrupt:
        if (args.output / JOURNAL).exists():
            print(
                f"what was measured is kept in {args.output}: the same command with --resume goes "
                "on from there",
                file=sys.stderr,
            )
        raise


def _tuned(args: argparse.Namespace, samples: Sequence[object]) -> "TuningReport":
    import ts_sdk
    from ts_sdk.tuning import Objective

    objective = Objective(args.objective, _in_ms(args.p99), args.price)
    with show_best(objective, args.budget) as note:
        return ts_sdk.tune(
            args.archive,
            samples,
            p99_ms=objective.p99_ms,
            objective=args.objective,
            prices=args.price,
            budget_s=args.budget,
            output=args.output,
            resume=args.resume,
            devices=args.devices,
            precisions=args.precisions,
            forms=args.forms,
            fast_decode=not args.no_fast_decode,
            threads=args.threads,
            workers=args.workers,
            batch_sizes=args.batch_sizes,
            delays_ms=args.delays,
            concurrencies=args.concurrency,
            tolerance=args.tolerance,
            trust_pickle=args.trust_pickle,
            isolation=args.isolation,
            limits=limits_of(args),
            progress=note,
        )


def _print_report(report: "TuningReport", files: Sequence[Path]) -> None:
    from ts_sdk.tuning.report.sentences import remarks, verdict

    print(verdict(report))
    for remark in remarks(report):
        print(remark)
    if report.measured:
        print()
        _print_measured(report)
    if report.excluded:
        print("\nexcluded:")
    for each in report.excluded:
        print(f"  {each.what}: {each.reason}")
    print(f"\nwritten to {files[0].parent}: {', '.join(path.name for path in files)}")


def _print_measured(report: "TuningReport") -> None:
    from ts_sdk.tuning.report.markdown import milliseconds

    columns = [
        Column("setting"),
        Column("requests/s", right=True),
        Column("p99 ms", right=True),
        Column("target"),
    ]
    rows = []
    for each in report.ordered[:_MOST_ROWS]:
        measured = report.measured[each]
        met = "met" if report.objective.is_met(measured) else "missed"
        rows.append([each.name, f"{measured.throughput_rps:.1f}", milliseconds(measured, 99), met])
    print_table(columns, rows)


def _in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3


def _prices(text: str) -> dict[str, float]:
    prices = {}
    for each in text.split(","):
        device, equals, price = each.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{each!r} is no device with its price: cpu=0.1")
        prices[device.strip()] = quantity(price)
    return prices
