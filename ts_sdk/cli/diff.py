"""``mar diff``: what differs between two archives."""

import argparse
import json
from collections.abc import Sequence
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
)
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser
from ts_sdk.errors import RequestError

if TYPE_CHECKING:
    from ts_sdk.comparison import Comparison

_DETAILS = """\
Compared are the manifests, the files, the tensors of the weights (by name, whatever form they are
in), the text of code, the requirements, the labels and model-config.yaml. Nothing of the archives
is run, and nothing but weights is unpickled. Files whose SHA-256 in MAR-INF/RECORD is the same are
not read: 'mar verify' reads them.

share:
  The length (L2 norm) of a tensor's change as a share of the length of the old tensor.

--run:
  Both archives are loaded, which runs their code, each in a process of its own, and answer the
  samples: those given with --sample, else those stored in the archives. Numbers in the answers may
  differ by the tolerance. Latency is the median over rounds in which both take turns, with its
  quartiles; memory is the peak of the process, Python and torch included.

The exit code is 0 when the archives are the same, but for when and by what they were packed, and
with --run answer the same; and 1 when they differ.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar diff``."""
    return make_parser().parse_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar diff``."""
    parser = make_command_parser("diff", "Show what differs between two archives.", _DETAILS)
    for name in ("old", "new"):
        parser.add_argument(
            name, metavar=name.upper(), type=Path, help="a .mar, a .tar.gz or a folder of sources"
        )
    _add_output_options(parser)
    _add_run_options(parser)
    add_limits(parser)
    return parser


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--context",
        metavar="N",
        type=_whole_number,
        default=3,
        help="unchanged lines around each change of a text (default: 3)",
    )
    parser.add_argument(
        "--most",
        metavar="N",
        type=_whole_number,
        default=20,
        help="rows of each table that are shown (default: 20); --json has all",
    )
    parser.add_argument(
        "--lines",
        metavar="N",
        type=_whole_number,
        default=200,
        help="lines of each text's diff (default: 200)",
    )
    add_json_switch(parser)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", action="store_true", help="run the code of both archives on samples"
    )
    parser.add_argument(
        "--sample",
        metavar="FILE",
        nargs="+",
        action="extend",
        help="files, folders of files, and stored requests (default: what the archives hold)",
    )
    add_kind(parser, "sample")
    parser.add_argument(
        "--rounds",
        metavar="N",
        type=_whole_number,
        default=10,
        help="rounds that measure the latency, 0 for none (default: 10)",
    )
    for name, kind in (("rtol", "relative"), ("atol", "absolute")):
        parser.add_argument(
            f"--{name}",
            metavar="X",
            type=quantity,
            help=f"{kind} tolerance of a number in an answer (default: that of the precision)",
        )
    add_device(parser)
    parser.add_argument("--precision", metavar="WORD", type=precision, help="what both compute in")
    add_trust_pickle(parser)


def _whole_number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


def execute(args: argparse.Namespace) -> ExitCode:
    """Compare, and print what differs."""
    from ts_sdk.cli.differences import print_comparison
    from ts_sdk.comparison import compare

    samples = _samples(args)
    found = compare(
        args.old,
        args.new,
        context=args.context,
        most_lines=args.lines,
        run=args.run,
        samples=samples,
        rounds=args.rounds,
        rtol=args.rtol,
        atol=args.atol,
        device=args.device,
        precision=args.precision,
        trust_pickle=args.trust_pickle,
        limits=limits_of(args),
    )
    if args.json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        print_comparison(found, args.most)
    return _exit_code(found)


def _exit_code(found: "Comparison") -> ExitCode:
    if found.run is not None and (found.run.old.problem or found.run.new.problem):
        return ExitCode.NOT_OPENED
    return ExitCode.OK if found.same else ExitCode.FAILED


def _samples(args: argparse.Namespace) -> dict[str, object] | None:
    """Name → request of each sample; None when nothing is run."""
    from ts_sdk.comparison import stored_samples

    if not args.run:
        if args.sample:
            raise UsageError("answering samples runs the archives' code: say so with --run")
        return None
    if args.sample is None:
        stored = stored_samples(args.old, args.new, limits_of(args))
        if not stored:
            raise UsageError(
                f"neither {args.old} nor {args.new} holds samples: give some with --sample"
            )
        return dict(stored)
    return _given_samples(args.sample, args.kind)


def _given_samples(words: Sequence[str], kind: str | None) -> dict[str, object]:
    from archiver.samples import REQUEST_FILE
    from ts_sdk.rows import decode
    from ts_sdk.samples.stored import read_request

    samples: dict[str, object] = {}
    for word in words:
        if Path(word, REQUEST_FILE).is_file():
            samples[word] = read_request(Path(word))
            continue
        for given in find_inputs([word], [], kind):
            try:
                samples[given.name] = decode(given.read())
            except RequestError as error:
                raise UsageError(f"the sample {given.name}: {error.message}") from error
    return samples
