"""``mar run``: answer inputs with an archive's model."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.bodies import parse_body, with_bodies_named
from ts_sdk.cli.drawing import Drawings
from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.inputs import Input, check_kept, find_inputs
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.metrics_port import add_metrics_port, metrics_served
from ts_sdk.cli.model_options import (
    add_device,
    add_isolation,
    add_kind,
    add_trust_pickle,
    add_tuned_switch,
    check_isolation,
    count,
    precision,
)
from ts_sdk.cli.outcomes import OutcomePrinter
from ts_sdk.cli.progress import show_progress
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser
from ts_sdk.cli.wire import add_wire_options, as_sent
from ts_sdk.errors import RequestError

if TYPE_CHECKING:
    from ts_sdk.model import Model

_DETAILS = """\
inputs:
  A file's suffix tells what the handler gets: .json is decoded, text files (.txt, .csv, .html,
  .xml, .md) are str, all else bytes. A folder stands for all files in it, hidden ones left out,
  in sorted order. '-' is standard input, as bytes unless --as says otherwise.

--header, --content-type:
  What a client would send with each input. TorchServe's own are explain and describe:
  --header 'explain: True'. With --content-type the input's bytes are decoded as TorchServe's worker
  did: application/json and text/... are, all else stays bytes.

--json:
  Followed by a JSON object, list or string, it is a request body, the same as --body. Otherwise
  it asks for one line of JSON for each input: {"input": ..., "answer": ...}, or
  {"input": ..., "error": {"status": ..., "message": ...}}. Bytes in an answer are {"b64": "..."}.

An answer that the handler streams is shown piece by piece, the last one at the end; in JSON the
pieces before it are {"pieces": [...]}, and -o writes all of them.

What the handler prints goes to standard error, so that standard output holds answers only.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar run``."""
    return make_parser().parse_intermixed_args(with_bodies_named(arguments))


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar run``."""
    parser = make_command_parser("run", "Answer inputs with an archive's model.", _DETAILS)
    parser.add_argument(
        "archive", metavar="ARCHIVE", type=Path, help="a .mar, a .tar.gz or a folder of sources"
    )
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="a file, a folder or '-'")
    parser.add_argument(
        "--body",
        metavar="JSON",
        type=parse_body,
        action="append",
        default=[],
        help="a request body; may be given several times",
    )
    add_kind(parser, "INPUT")
    add_wire_options(parser)
    _add_model_options(parser)
    _add_output_options(parser)
    add_metrics_port(parser)
    add_limits(parser)
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    add_device(parser)
    parser.add_argument(
        "--precision",
        type=precision,
        help="float32, float16, bfloat16, autocast-float16 or autocast-bfloat16",
    )
    parser.add_argument(
        "--keep-float32",
        metavar="LAYER",
        action="append",
        help="a layer, or a pattern of names, that computes in float32; may be given several times",
    )
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=count,
        help="inputs answered together (default: batchSize of model-config.yaml, or 1)",
    )
    add_tuned_switch(parser)
    add_trust_pickle(parser)
    add_isolation(parser)


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="write the answer of the one input to FILE, bytes as they are",
    )
    parser.add_argument(
        "--draw",
        metavar="FILE",
        type=Path,
        help="draw the answer on the input, to a PNG, JPEG or WebP; of several inputs to a folder",
    )
    parser.add_argument(
        "--record",
        metavar="DIR",
        type=Path,
        help="keep the requests that fail in DIR, for 'mar replay'",
    )
    parser.add_argument(
        "--timings", action="store_true", help="show the time of each phase, on standard error"
    )
    add_json_switch(parser)


def execute(args: argparse.Namespace) -> ExitCode:
    """Load the archive, answer the inputs batch by batch, say how it went."""
    check_isolation(args)
    inputs = as_sent(find_inputs(args.inputs, args.body, args.kind), args)
    if args.output:
        _check_output(args.output, inputs)
    drawings = Drawings.planned(args.draw, inputs) if args.draw else None
    if drawings:
        inputs = drawings.inputs
    with _load(args) as model, metrics_served(model, args.metrics_port):
        failures = _answer_all(model, inputs, args, drawings)
        if args.timings:
            _print_timings(model, as_json=args.json)
    if failures and len(inputs) > 1:
        print(f"mar: {failures} of {len(inputs)} requests failed", file=sys.stderr)
    return ExitCode.FAILED if failures else ExitCode.OK


def _check_output(output: Path, inputs: Sequence[Input]) -> None:
    if len(inputs) > 1:
        raise UsageError(f"-o takes the answer of one input, not of {len(inputs)}; use --json")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"-o {output}: there is no folder {output.parent}")
    check_kept(inputs, [output], f"-o {output}")


def _load(args: argparse.Namespace) -> "Model":
    from ts_sdk.loader import load

    with redirect_stdout(sys.stderr):
        return load(
            args.archive,
            device=args.device,
            precision=args.precision,
            keep_float32=args.keep_float32,
            trust_pickle=args.trust_pickle,
            isolation=args.isolation,
            response_timeout_s=args.response_timeout,
            limits=limits_of(args),
            record=args.record,
            tuned=args.tuned,
        )


def _answer_all(
    model: "Model", inputs: Sequence[Input], args: argparse.Namespace, drawings: Drawings | None
) -> int:
    """Print each outcome as soon as its batch is done; returns how many of them are errors."""
    size = args.batch_size or model.batch_size
    failures = 0
    with show_progress(len(inputs)) as progress:
        printer = OutcomePrinter(
            write=progress.write,
            write_error=progress.write_error,
            json=args.json,
            output=args.output,
            traceback=args.traceback,
        )
        for start in range(0, len(inputs), size):
            batch = inputs[start : start + size]
            outcomes, pieces = _answer(model, batch)
            shown = zip(batch, outcomes, strict=True)
            for position, (asked, outcome) in enumerate(shown, start=start):
                good = printer.show(asked.name, outcome, pieces.get(position - start, ()))
                if good and drawings:
                    good = drawings.draw(position, model, outcome, progress.write_error)
                failures += not good
            sys.stdout.flush()
            progress.advance(len(batch))
    return failures


def _answer(model: "Model", batch: Sequence[Input]) -> tuple[list[object], dict[int, list[object]]]:
    """An answer or an error for each input, and the pieces that came before it, by place.

    What cannot be read never reaches the model.
    """
    outcomes = [_read(asked) for asked in batch]
    good = [place for place, read in enumerate(outcomes) if not isinstance(read, RequestError)]
    pieces: dict[int, list[object]] = {}
    with redirect_stdout(sys.stderr):
        answers = model.predict_batch(
            [outcomes[place] for place in good],
            on_piece=lambda index, piece: pieces.setdefault(good[index], []).append(piece),
        )
    for place, answer in zip(good, answers, strict=True):
        outcomes[place] = answer
    return outcomes, pieces


def _read(asked: Input) -> object:
    try:
        return asked.read()
    except RequestError as error:
        return error


def _print_timings(model: "Model", *, as_json: bool) -> None:
    if as_json:
        totals = {phase: asdict(time) for phase, time in model.timings.items()}
        print(json.dumps({"timings": totals}), file=sys.stderr)
        return
    columns = [Column("phase"), Column("runs", right=True), Column("ms", right=True)]
    rows = [
        [phase, str(time.count), f"{time.total_ms:.1f}"] for phase, time in model.timings.items()
    ]
    print_table(columns, rows, sys.stderr)
