"""``mar precision``: measure which precision is safe for an archive's model."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.inputs import find_inputs
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.model_options import (
    add_device,
    add_kind,
    add_trust_pickle,
    precision,
    quantity,
    read_samples,
)
from ts_sdk.cli.progress import show_progress
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.usage import add_json_switch, make_command_parser
from ts_sdk.errors import PrecisionError, RequestError, SdkError

if TYPE_CHECKING:
    from ts_sdk.precision_report import LayerDrift, PrecisionReport, PrecisionTrial

_MIB = 1 << 20
_DETAILS = """\
The samples are answered in float32 and in each precision. A precision is safe for them when each
is answered, the most probable label is the same, and the model's outputs or the answers differ by
--tolerance at most: a number as a share of the largest in its output, a probability as it is.

For a precision that is not safe, layers are looked for that make it so when they stay in float32.

layers:
  own    the layer's error by itself, given what it is given in float32
  total  the error of what it gives in the whole model
  Both are the length of the difference as a share of the length of the float32 output.

The exit code is 1 when no precision is safe.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar precision``."""
    return make_parser().parse_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar precision``."""
    parser = make_command_parser(
        "precision", "Measure which precision is safe for an archive's model.", _DETAILS
    )
    parser.add_argument(
        "archive", metavar="ARCHIVE", type=Path, help="a .mar, a .tar.gz or a folder of sources"
    )
    parser.add_argument(
        "--sample",
        metavar="INPUT",
        nargs="+",
        action="extend",
        required=True,
        help="files and folders that the handler answers; the more, the better",
    )
    add_kind(parser, "sample")
    parser.add_argument(
        "--precision",
        metavar="WORD",
        type=precision,
        action="append",
        help="try this one; may be given several times (default: all)",
    )
    parser.add_argument(
        "--tolerance",
        metavar="SHARE",
        type=quantity,
        default=0.02,
        help="the largest difference that is safe (default: 0.02)",
    )
    parser.add_argument(
        "--layers", metavar="N", type=_count, default=5, help="layers to show (default: 5)"
    )
    add_device(parser)
    add_trust_pickle(parser)
    add_json_switch(parser)
    add_limits(parser)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


def execute(args: argparse.Namespace) -> ExitCode:
    """Measure, and print what was found."""
    from ts_sdk.precision_report import REDUCED, measure_precision

    samples = read_samples(args.sample, args.kind)
    words = args.precision or REDUCED
    try:
        with redirect_stdout(sys.stderr), show_progress(len(words)) as shown:
            report = measure_precision(
                args.archive,
                samples,
                device=args.device,
                precisions=words,
                tolerance=args.tolerance,
                trust_pickle=args.trust_pickle,
                limits=limits_of(args),
                progress=lambda _: shown.advance(1),
            )
    except RequestError as error:
        raise _not_answered(args, error) from error
    if args.json:
        print(json.dumps(report.to_dict()))
    else:
        _print_report(report, args.layers)
    return ExitCode.OK if report.safe else ExitCode.FAILED


def _not_answered(args: argparse.Namespace, error: RequestError) -> SdkError:
    """*error* with the name of the sample that is meant by its index."""
    if error.index is None:
        return error
    name = find_inputs(args.sample, [], args.kind)[error.index].name
    return PrecisionError(f"the sample {name} is not answered in float32: {error.message}")


def _print_report(report: "PrecisionReport", layers: int) -> None:
    plural = "" if report.samples == 1 else "s"
    print(
        f"{report.path} on {report.device}: {report.samples} sample{plural}, "
        f"differences of up to {report.tolerance:.3g} are safe\n"
    )
    _print_trials(report)
    if layers:
        _print_layers(report.trials, layers)
    for verdict, words in _verdicts(report.trials):
        print(f"\n{', '.join(words)}: {verdict}")
    recommended = report.recommended
    if report.caution:
        print(f"\n{report.caution}")
    if recommended is not None:
        print(f"\nmodel-config.yaml:\n\n{recommended.config_lines}", end="")


def _print_trials(report: "PrecisionReport") -> None:
    columns = [
        Column("precision"),
        Column("safe"),
        Column("outputs differ", right=True),
        Column("answers differ", right=True),
        Column("same label", right=True),
        Column("weights", right=True),
        Column("ms", right=True),
    ]
    remedied = [each for trial in report.trials for each in (trial, trial.remedy) if each]
    print_table(columns, [_row(trial) for trial in (report.float32, *remedied)])


def _row(trial: "PrecisionTrial") -> list[str]:
    kept = len(trial.keep_float32)
    named = f"{trial.precision}, {kept} kept" if kept else str(trial.precision)
    same, total = trial.same_top_label or (None, None)
    size = trial.weights_bytes
    return [
        named,
        "yes" if trial.safe else "no",
        _number(trial.outputs_differ_by),
        _number(trial.answers_differ_by),
        "-" if same is None else f"{same} of {total}",
        "-" if size is None else f"{size / _MIB:.1f} MiB",
        "-" if trial.request_ms is None else f"{trial.request_ms:.1f}",
    ]


def _print_layers(trials: "Sequence[PrecisionTrial]", most: int) -> None:
    rows = [
        [str(trial.precision), *_layer(drift)] for trial in trials for drift in trial.layers[:most]
    ]
    if rows:
        columns = [
            Column("precision"),
            Column("layer"),
            Column("class"),
            Column("own", right=True),
            Column("total", right=True),
            Column("up to", right=True),
        ]
        print()
        print_table(columns, rows)


def _layer(drift: "LayerDrift") -> list[str]:
    own = "fails" if drift.problem else _number(drift.own)
    return [drift.name, drift.kind, own, _number(drift.total), f"{drift.largest:.3g}"]


def _verdicts(trials: "Sequence[PrecisionTrial]") -> list[tuple[str, list[str]]]:
    """What is said of the precisions, each sentence once, with those that it is said of."""
    found: dict[str, list[str]] = {}
    for trial in trials:
        found.setdefault(_verdict(trial), []).append(str(trial.precision))
    return [*found.items()]


def _verdict(trial: "PrecisionTrial") -> str:
    if trial.safe:
        return f"safe, {trial.reason}"
    if trial.remedy is None:
        return f"not safe, {trial.reason}"
    layers = ", ".join(trial.remedy.keep_float32)
    return f"not safe, {trial.reason}\n  safe with {layers} in float32, {trial.remedy.reason}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"
