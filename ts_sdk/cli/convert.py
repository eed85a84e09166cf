"""``mar convert``: convert an archive's model to another form."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.model_options import add_kind, add_trust_pickle, precision, read_samples
from ts_sdk.cli.quiet import libraries_quiet
from ts_sdk.cli.usage import add_json_switch, make_command_parser

if TYPE_CHECKING:
    from ts_sdk.conversion import Conversion

_FORMS = ("safetensors", "torchscript", "pt2", "aoti", "onnx")
_DETAILS = """\
forms:
  safetensors  the weights, mapped when loaded; needs the archive's model file
  torchscript  scripted, or traced; deprecated in PyTorch
  pt2          an exported program; moves to any device
  aoti         compiled by AOTInductor for --device and this kind of processor; needs a C++ compiler
  onnx         for onnxruntime; needs ts-sdk[onnx] and ts-sdk[onnx-export]

The handler answers the samples with the model as it is, alone and several in a batch, and again
with the converted one. The archive is written only when the model's outputs agree.

What the handler, torch and compilers print meanwhile is shown with --traceback only.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar convert``."""
    return make_parser().parse_intermixed_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar convert``."""
    parser = make_command_parser("convert", "Convert an archive's model.", _DETAILS)
    parser.add_argument("archive", metavar="ARCHIVE", type=Path)
    parser.add_argument("--to", choices=_FORMS, required=True, help="the form, as listed below")
    parser.add_argument(
        "--sample",
        metavar="INPUT",
        action="append",
        required=True,
        help="a file that the handler answers; may be given several times",
    )
    add_kind(parser, "sample")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="the new archive (default: the model's name and the form)",
    )
    parser.add_argument("--device", default="cpu", help="cpu (the default) or cuda")
    parser.add_argument(
        "--precision",
        metavar="WORD",
        type=precision,
        help="what the new model computes in (default: as the archive says)",
    )
    parser.add_argument(
        "--static", action="store_true", help="for batches of one, where the batch may not vary"
    )
    add_trust_pickle(parser)
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing archive")
    add_json_switch(parser)
    add_limits(parser)
    return parser


def execute(args: argparse.Namespace) -> ExitCode:
    """Convert, and say how near the answers are."""
    import torch  # noqa: F401 - whose logger keeps the standard error that there is at its import

    from ts_sdk.conversion import convert

    samples = read_samples(args.sample, args.kind)
    # What the handler and the libraries print is no answer, and of use only in a search for faults.
    with redirect_stdout(sys.stderr) if args.traceback else libraries_quiet():
        done = convert(
            args.archive,
            to=args.to,
            samples=samples,
            target=args.output,
            device=args.device,
            precision=args.precision,
            dynamic=not args.static,
            trust_pickle=args.trust_pickle,
            force=args.force,
            limits=limits_of(args),
        )
    print(json.dumps(_facts(done), indent=2) if args.json else _sentence(done))
    return ExitCode.OK


def _facts(done: "Conversion") -> dict[str, object]:
    return {
        "path": str(done.path),
        "form": str(done.form),
        "precision": str(done.precision),
        "difference": done.difference,
        "tolerance": done.tolerance,
        "batch_sizes": list(done.batch_sizes),
        "note": done.note,
    }


def _sentence(done: "Conversion") -> str:
    batches = " and ".join(map(str, done.batch_sizes))
    agreement = "outputs are the same"
    if done.difference:
        agreement = (
            f"outputs differ by {done.difference:.0e} of their largest number "
            f"({done.tolerance:.0e} allowed)"
        )
    text = f"{done.path}: {done.form}, {done.precision}; {agreement}, in batches of {batches}"
    return f"{text}\n{done.note}" if done.note else text
