"""``mar test``: hold an archive's handler to the promises, and its answers to the golden ones."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.first_lines import first_lines_of_output
from ts_sdk.cli.junit import write_junit
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.model_options import add_device, add_trust_pickle, precision
from ts_sdk.cli.progress import show_progress
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.tested import Tested, no_samples, print_tested
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser
from ts_sdk.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from ts_sdk.samples import Sample
    from ts_sdk.testing import HandlerCase

_SERVER_ERROR = 500

_DETAILS = """\
The requests are the archive's samples (mar-pack --sample), or those that --samples gives. The
handler is held to each promise in turn; `mar test --list` says what they are. Then each sample's
answer is compared with the one that --record has kept, if it has.

verdicts:
  kept                  the handler keeps the promise
  broken                it does not; below the table stands what was seen, and what to change
  skipped               it cannot be judged here, and why
  broken, as declared   the archive says that this promise is not kept, and why
  kept, not as declared it says so, and is wrong

What is known beforehand is declared in the archive's model-config.yaml:

  testing:
    deterministic: true
    tolerance: {rtol: 0.001, atol: 0.0001}
    precisions: [float16]
    expected_failures:
      nothing_is_printed: the library prints a banner

This runs the archive's code. The exit code is 1 when a promise is broken that is not declared to
be, or kept that is; when an answer is not as recorded; when a sample is recorded that the handler
crashes on; and when there are no samples to judge by.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar test``."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    if args.archive is None and not args.list:
        parser.error("the following arguments are required: ARCHIVE")
    if args.record and (args.only or args.deep or args.junit):
        parser.error("--record judges nothing: run it without --only, --deep and --junit")
    return args


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar test``."""
    parser = make_command_parser("test", "Hold an archive's handler to its promises.", _DETAILS)
    parser.add_argument(
        "archive",
        metavar="ARCHIVE",
        type=Path,
        nargs="?",
        help="a .mar, a .tar.gz or a folder of sources",
    )
    parser.add_argument(
        "--samples",
        metavar="FOLDER",
        type=Path,
        help="a folder of sample requests, in place of the archive's own",
    )
    parser.add_argument("--deep", action="store_true", help="judge the promises too that take long")
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="judge this promise alone, deep or not; may be given several times",
    )
    parser.add_argument("--list", action="store_true", help="list the promises, and do no more")
    parser.add_argument(
        "--record",
        action="store_true",
        help="keep the answers to the samples, in the archive or in --samples, to compare with",
    )
    parser.add_argument(
        "--precision", metavar="WORD", type=precision, help="load the model in this precision"
    )
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML too, for CI")
    add_device(parser)
    add_trust_pickle(parser)
    add_json_switch(parser)
    add_limits(parser)
    return parser


def execute(args: argparse.Namespace) -> ExitCode:
    """Judge the archive and print what was found, or do what else was asked for."""
    if args.list:
        _print_promises(as_json=args.json)
        return ExitCode.OK
    _refuse_what_cannot_be_done(args)
    samples = _samples(args)
    if args.record:
        return _record(args, samples)
    with first_lines_of_output():
        tested = _test(args, samples)
    if args.junit is not None:
        write_junit(args.junit, tested.report, tested.goldens)
    if args.json:
        print(json.dumps(tested.to_dict()))
    else:
        print_tested(tested, deep=args.deep or bool(args.only))
    return ExitCode.OK if tested.passed else ExitCode.FAILED


def _refuse_what_cannot_be_done(args: argparse.Namespace) -> None:
    """Find out before the archive is loaded, which takes its time."""
    from ts_sdk.testing.running import refuse_unknown

    try:
        refuse_unknown(args.only)
    except ValueError as error:
        raise UsageError(f"--only: {error}; mar test --list has them all") from error
    if args.junit is not None and not args.junit.absolute().parent.is_dir():
        raise UsageError(f"--junit: there is no folder {args.junit.parent}")


def _samples(args: argparse.Namespace) -> "tuple[Sample, ...]":
    from ts_sdk.samples import SampleError, read_samples, samples_of

    if args.samples is None:
        return samples_of(args.archive)
    try:
        return read_samples(args.samples)
    except SampleError as error:
        raise UsageError(str(error)) from error


def _case(args: argparse.Namespace, samples: "Sequence[Sample]") -> "HandlerCase":
    from ts_sdk.testing import ArchiveSource, HandlerCase

    source = ArchiveSource(
        args.archive,
        device=args.device,
        precision=args.precision,
        trust_pickle=args.trust_pickle,
        limits=limits_of(args),
    )
    answered = [sample.request for sample in samples if not _is_refused(sample)]
    refused = [sample.request for sample in samples if _is_refused(sample)]
    return HandlerCase(source, answered, bad_requests=refused)


def _is_refused(sample: "Sample") -> bool:
    """Whether a golden answer says that the sample is one that the handler refuses."""
    return any(golden.error is not None for golden in sample.goldens)


def _test(args: argparse.Namespace, samples: "Sequence[Sample]") -> Tested:
    from ts_sdk.samples import compare_with_goldens
    from ts_sdk.testing.running import chosen, run_checks

    with _case(args, samples) as case:
        _refuse_unknown_declarations(case)
        with show_progress(len(chosen(args.only, deep=args.deep))) as shown:
            report = run_checks(
                case,
                only=args.only,
                deep=args.deep,
                progress=lambda _result: shown.advance(1),
            )
        goldens = compare_with_goldens(case.model, samples)
        answered = [sample for sample in samples if not _is_refused(sample)]
        refused = _refusals(case, answered)
        return Tested(args.archive, report, goldens, len(samples), len(answered), refused)


def _refusals(case: "HandlerCase", samples: "Sequence[Sample]") -> "dict[str, RequestError]":
    """Those of *samples* that the handler refuses, though no golden answer says that it does."""
    return {
        sample.name: outcome
        for sample, outcome in zip(samples, case.alone, strict=True)
        if isinstance(outcome, RequestError) and outcome.status < _SERVER_ERROR
    }


def _refuse_unknown_declarations(case: "HandlerCase") -> None:
    """Make sure that the failures which the archive declares are those of promises.

    Raises:
        ConfigError: There is no promise of a name.
    """
    from ts_sdk.testing.running import refuse_unknown

    try:
        refuse_unknown(case.expectations.expected_failures)
    except ValueError as error:
        raise ConfigError(f"model-config.yaml: testing.expected_failures: {error}") from error


def _record(args: argparse.Namespace, samples: "Sequence[Sample]") -> ExitCode:
    from ts_sdk.samples import SampleError, record_goldens

    target = args.archive if args.samples is None else args.samples
    if not samples:
        print(f"mar: {no_samples(args.archive)}", file=sys.stderr)
        return ExitCode.FAILED
    with first_lines_of_output(), _case(args, samples) as case:
        tolerance = case.expectations.tolerance
        model = case.model
        try:
            recorded = record_goldens(model, samples, target, tolerance=tolerance)
        except SampleError as error:
            print(f"mar: {error}", file=sys.stderr)
            return ExitCode.FAILED
    if args.json:
        print(json.dumps({"recorded": sorted(recorded), "target": str(target)}))
    else:
        first = next(iter(recorded.values()))
        print(
            f"recorded the answers to {', '.join(sorted(recorded))} in {target}, for "
            f"{first.precision} on {first.device}"
        )
    for name, golden in recorded.items():
        if golden.error is not None:
            print(
                f"mar: {name} was not answered, which is recorded: {golden.error}", file=sys.stderr
            )
    return ExitCode.OK


def _print_promises(*, as_json: bool) -> None:
    from ts_sdk.testing import CHECKS

    if as_json:
        listed = [
            {"check": each.name, "promise": each.promise, "repair": each.repair, "deep": each.deep}
            for each in CHECKS
        ]
        print(json.dumps(listed))
        return
    columns = [Column("promise"), Column("deep"), Column("what is promised")]
    print_table(columns, [[each.name, "yes" if each.deep else "", each.promise] for each in CHECKS])
