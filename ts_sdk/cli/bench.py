"""``mar bench``: measure an archive, run TorchServe's configs, or gate on a regression."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.cli.benched import note, print_report
from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.inputs import STANDARD_INPUT
from ts_sdk.cli.load_options import add_workers_isolation, duration, output_folder
from ts_sdk.cli.model_options import (
    add_device,
    add_kind,
    add_trust_pickle,
    add_tuned_switch,
    count,
    precision,
    quantity,
    read_samples,
)
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser

if TYPE_CHECKING:
    from ts_sdk.benchmarking import BenchReport

_CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
_OF_A_ROUND = {"requests": 200, "at_least_s": 0.5}
_OF_THE_CONFIG = ("workers", "batch_size", "delay", "at_least", "rate")
_DEFAULT_OUTPUT = Path("benchmark")
_DETAILS = """\
Clients send one request after another, each when its last one is answered, as Apache Bench does.

CONFIG is TorchServe's: a file of benchmarks/models_config, or one that lists such files under
models. Nothing is downloaded: archives that it has addresses of are taken from --model-store.

With --compare both archives are served and measured in turn. A --fail-if is broken only when the
whole confidence interval of the change lies beyond its bound; the exit code is 1 then, and when
more requests fail than before.

files in --output:
  ab_report.csv   a line for each setting (or round), in the columns of TorchServe's suite and ours
  report.md       the same, for people
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar bench``."""
    return make_parser().parse_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar bench``."""
    parser = make_command_parser("bench", "Measure an archive under load.", _DETAILS)
    parser.add_argument(
        "target",
        metavar="ARCHIVE|CONFIG",
        type=Path,
        help="a .mar, a .tar.gz or a folder of sources; or a benchmark config (.yaml, .json)",
    )
    parser.add_argument(
        "--input",
        metavar="INPUT",
        nargs="+",
        action="extend",
        help="files and folders to send, in turn; a config names its own",
    )
    add_kind(parser, "input")
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=output_folder,
        help="where the files below go (default: benchmark for a CONFIG, else nowhere)",
    )
    parser.add_argument(
        "--model-store", metavar="DIR", type=Path, help="the folder with the archives of a CONFIG"
    )
    _add_load(parser)
    _add_serving(parser)
    _add_gate(parser)
    add_json_switch(parser)
    return parser


def _add_load(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("load")
    group.add_argument(
        "--requests",
        metavar="N",
        type=count,
        help="how many are sent (default: 1000; with --compare 200 in a round; what CONFIG says)",
    )
    group.add_argument(
        "--concurrency",
        metavar="N",
        type=count,
        help="how many at a time (default: 10, or what CONFIG says)",
    )
    group.add_argument(
        "--rate",
        metavar="N",
        type=_rate,
        help="let N arrive a second, on average, at random times, whether others are answered or "
        "not, in place of clients that wait",
    )
    group.add_argument(
        "--warm-up",
        metavar="N",
        type=_whole,
        help="how many are sent before and not counted (default: two a client, at least 10)",
    )
    group.add_argument(
        "--at-least",
        metavar="TIME",
        type=duration,
        help="for how long they are sent, however many more that makes (default: not at all; with "
        "--compare 500ms in a round)",
    )
    group.add_argument(
        "--at-most",
        metavar="TIME",
        type=duration,
        help="after how long no more are sent, such as 90s (default: 10m)",
    )


def _add_serving(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("setting", "in place of what model-config.yaml says")
    group.add_argument("--workers", metavar="N", type=count, help="batches at once")
    group.add_argument("--batch-size", metavar="N", type=count, help="most requests in a batch")
    group.add_argument(
        "--delay",
        metavar="MS",
        type=quantity,
        help="how long a request waits for others, in milliseconds",
    )
    group.add_argument("--threads", metavar="N", type=count, help="of torch for each worker")
    group.add_argument("--precision", type=precision, help="float32, float16, bfloat16, ...")
    add_device(parser)
    add_workers_isolation(parser)
    add_tuned_switch(parser)
    add_trust_pickle(parser)


def _add_gate(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("regressions")
    group.add_argument(
        "--compare", metavar="BEFORE", type=Path, help="the archive that ARCHIVE is compared with"
    )
    group.add_argument(
        "--fail-if",
        metavar="RULE",
        action="append",
        default=[],
        help="how much worse a figure may become: 'throughput -5%%', 'p99 +10%%'; also mean, p50, "
        "p90 and p95; may be given several times",
    )
    group.add_argument(
        "--rounds", metavar="N", type=count, default=10, help="of each archive (default: 10)"
    )
    group.add_argument(
        "--confidence", metavar="SHARE", type=quantity, default=0.95, help="(default: 0.95)"
    )
    group.add_argument(
        "--seed", metavar="N", type=_whole, default=0, help="of the intervals (default: 0)"
    )


def execute(args: argparse.Namespace) -> ExitCode:
    """Measure, write the files, and print what was found."""
    is_config = args.target.suffix in _CONFIG_SUFFIXES and not args.target.is_dir()
    _check(args, is_config=is_config)
    with redirect_stdout(sys.stderr):
        report = _of_config(args) if is_config else _of_archive(args)
    folder = args.output or (_DEFAULT_OUTPUT if is_config else None)
    files = [] if folder is None else report.write(folder)
    if args.json:
        print(json.dumps(report.to_dict()))
    else:
        print_report(report, files)
    return ExitCode.OK if report.passed else ExitCode.FAILED


def _check(args: argparse.Namespace, *, is_config: bool) -> None:
    if is_config:
        if args.compare is not None:
            raise UsageError("--compare takes two archives, not a config")
        if args.kind is not None:
            raise UsageError("--as: a config sends files as Apache Bench does, as they are")
        if STANDARD_INPUT in (args.input or ()):
            raise UsageError("--input -: a config is given files")
        given = [name for name in _OF_THE_CONFIG if getattr(args, name) is not None]
        if given:
            option = given[0].replace("_", "-")
            raise UsageError(f"--{option}: {args.target} says how it is measured; change it there")
        return
    if not args.input:
        raise UsageError("--input is missing: name files that the handler answers")
    if args.model_store is not None:
        raise UsageError("--model-store is for a config")
    if args.fail_if and args.compare is None:
        raise UsageError("--fail-if needs --compare: the archive to compare with")


def _of_config(args: argparse.Namespace) -> "BenchReport":
    from ts_sdk.benchmarking import BenchmarkError, bench_config

    samples = None if args.input is None else read_samples(args.input, None)
    inputs = None if samples is None else [each for each in samples if isinstance(each, Path)]
    try:
        return bench_config(
            args.target,
            model_store=args.model_store,
            inputs=inputs,
            processor=None if args.device == "auto" else args.device,
            requests=args.requests,
            concurrency=args.concurrency,
            at_most_s=args.at_most,
            warm_up_requests=args.warm_up,
            progress=note,
            **_serving(args),
        )
    except BenchmarkError as error:
        raise UsageError(str(error)) from error


def _of_archive(args: argparse.Namespace) -> "BenchReport":
    from ts_sdk.benchmarking import BenchmarkError, Load, bench, compare_speed

    given = {"concurrency": args.concurrency, "requests": args.requests, "warm_up": args.warm_up}
    given |= {"rate_rps": args.rate, "at_least_s": args.at_least, "at_most_s": args.at_most}
    wished: dict[str, Any] = {} if args.compare is None else dict(_OF_A_ROUND)
    wished |= {name: value for name, value in given.items() if value is not None}
    inputs = read_samples(args.input, args.kind)
    settings = {**_serving(args), "device": args.device}
    settings |= {"workers": args.workers, "batch_size": args.batch_size}
    settings |= {"max_batch_delay_ms": args.delay}
    try:
        load = Load(**wished)
        if args.compare is None:
            return bench(args.target, inputs, load=load, **settings)
        return compare_speed(
            args.target,
            args.compare,
            inputs,
            rules=args.fail_if,
            load=load,
            rounds=args.rounds,
            confidence=args.confidence,
            seed=args.seed,
            progress=note,
            **settings,
        )
    except BenchmarkError as error:
        raise UsageError(str(error)) from error


def _serving(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "precision": args.precision,
        "threads_per_worker": args.threads,
        "isolation": args.isolation,
        "trust_pickle": args.trust_pickle,
        "tuned": args.tuned,
    }


def _rate(text: str) -> float:
    rate_rps = quantity(text)
    if not rate_rps:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return rate_rps


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)
