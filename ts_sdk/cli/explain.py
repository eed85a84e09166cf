"""``mar explain``: show what in an input speaks for an answer."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.cli.drawing import names_of
from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.explained import Region, estimated_rows, region_in, regions_of, targets_of
from ts_sdk.cli.inputs import Input, check_kept, find_inputs
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.model_options import (
    add_device,
    add_isolation,
    add_kind,
    add_trust_pickle,
    check_isolation,
    count,
    precision,
)
from ts_sdk.cli.progress import show_progress
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser
from ts_sdk.errors import ExplanationError, RequestError

if TYPE_CHECKING:
    from ts_sdk.explain import Explanation
    from ts_sdk.explain.tasks import Target
    from ts_sdk.model import Model

_DETAILS = """\
--target:
  A class's number or name; of a detector the number of an object in its answer, from 0 on, or a
  name for the likeliest of that class. Without it, what the model itself says. May be given once
  for all inputs, or once for each.

--region:
  Of a segmenter, the part of the picture whose scores are explained, in pixels of the picture as it
  was sent: left, top, right and bottom. Without it, the pixels that the model gives to the target.
  May be given once for all inputs, or once for each.

--features:
  What feature ablation and the Shapley methods cover together in a picture: superpixels, which end
  where its colours do, or the squares of a grid; --cells says how many there are along each side.

--output:
  .png, .jpg and .webp draw the explanation, .html marks the words of a text, .json holds all of it.
  For several inputs name a folder: each is drawn there.

--methods:
  Which method is right for which form of a model. A pairing that is not is refused.
"""
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".html", ".htm", ".json")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar explain``."""
    return make_parser().parse_intermixed_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``mar explain``."""
    parser = make_command_parser("explain", "Show what speaks for an answer.", _DETAILS)
    parser.add_argument("archive", metavar="ARCHIVE", type=Path, nargs="?")
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="a file, a folder or '-'")
    parser.add_argument("--methods", action="store_true", help="show the methods, and end")
    parser.add_argument(
        "--target", metavar="CLASS", action="append", default=[], help="what is explained"
    )
    parser.add_argument(
        "--region",
        metavar="L,T,R,B",
        type=region_in,
        action="append",
        default=[],
        help="the pixels of a segmentation that are explained",
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path)
    add_kind(parser, "INPUT")
    add_json_switch(parser)
    _add_method_options(parser)
    add_device(parser)
    parser.add_argument(
        "--precision", type=precision, help="what the model answers in; it is explained in float32"
    )
    add_trust_pickle(parser)
    add_isolation(parser)
    add_limits(parser)
    return parser


def _add_method_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", default="auto", help="one of --methods (default: auto)")
    parser.add_argument("--baseline", type=float, help="what stands for nothing (default: 0)")
    parser.add_argument("--steps", type=count, default=50, help="of integrated gradients")
    parser.add_argument("--samples", type=count, help="of methods that draw at random")
    parser.add_argument(
        "--features",
        choices=("superpixels", "grid"),
        default="superpixels",
        help="the parts of a picture that are covered (default: superpixels)",
    )
    parser.add_argument(
        "--cells", type=count, default=10, help="parts along each side, about (default: 10)"
    )
    parser.add_argument("--layer", help="that of Grad-CAM (default: the last convolution)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measures", action="store_true", help="infidelity and sensitivity too")


def execute(args: argparse.Namespace) -> ExitCode:
    """Explain each input, and say how it went."""
    if args.methods:
        _print_methods()
        return ExitCode.OK
    if args.archive is None:
        raise UsageError("name an archive and its inputs, or give --methods")
    check_isolation(args)
    inputs = find_inputs(args.inputs, [], args.kind)
    targets = targets_of(args.target, len(inputs))
    regions = regions_of(args.region, len(inputs))
    files = _files(args.output, inputs)
    from ts_sdk.loader import load

    with redirect_stdout(sys.stderr):
        model = load(
            args.archive,
            device=args.device,
            precision=args.precision,
            trust_pickle=args.trust_pickle,
            isolation=args.isolation,
            response_timeout_s=args.response_timeout,
            limits=limits_of(args),
        )
    with model:
        asked = list(zip(inputs, targets, regions, files, strict=True))
        failures = _explain_all(model, asked, args)
    return ExitCode.FAILED if failures else ExitCode.OK


def _explain_all(
    model: "Model",
    wanted: Sequence[tuple[Input, str | None, Region | None, Path | None]],
    args: argparse.Namespace,
) -> int:
    """Print each explanation as soon as it is there; returns how many inputs have none."""
    failures = 0
    options = _options(args)
    with show_progress(
        len(wanted) * estimated_rows(args.method, args.steps, args.cells)
    ) as progress:
        options["on_progress"] = progress.advance
        for asked, target, region, file in wanted:
            try:
                with redirect_stdout(sys.stderr):
                    found = model.explain(asked.read(), target=target, region=region, **options)
                    if file is not None:
                        found.save(file)
            except (RequestError, ExplanationError) as error:
                reason = error.message if isinstance(error, RequestError) else str(error)
                progress.write_error(f"mar: {asked.name}: {reason}")
                failures += 1
                continue
            _print(found, asked.name, progress.write, as_json=args.json)
            sys.stdout.flush()
    return failures


def _options(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "method": args.method,
        "baseline": args.baseline,
        "steps": args.steps,
        "samples": args.samples,
        "features": args.features,
        "cells": args.cells,
        "layer": args.layer,
        "seed": args.seed,
        "measures": args.measures,
    }


def _print(found: "Explanation", name: str, write: Any, *, as_json: bool) -> None:  # noqa: ANN401 - prints
    if as_json:
        write(found.to_json(compact=True))
        return
    from ts_sdk.explain.explanation import extent_of

    lines = [
        name,
        f"  target    {_called(found.target)}, score {found.target.score:.4g}",
        f"  method    {found.method}, {found.seconds:.1f} s",
    ]
    measured = {"delta": found.delta, "infidelity": found.infidelity}
    measured["sensitivity"] = found.sensitivity
    lines += [f"  {key:<9} {value:.3g}" for key, value in measured.items() if value is not None]
    if found.region is not None:
        extent = extent_of(found.region)
        lines.append(f"  region    {extent['pixels']} of the model's pixels, in {extent['box']}")
    if found.words is not None:
        pairs = zip(found.words, found.attributions.tolist(), strict=True)
        lines += [f"  {value:+.4f}  {word}" for word, value in pairs]
    if found.note:
        lines.append(f"  note      {found.note}")
    write("\n".join(lines))


def _called(target: "Target") -> str:
    """The class, with its number where that is not its name; or the object, with its class."""
    if target.box is not None:
        return f"object {target.index} ({target.name})"
    number = str(target.index)
    return number if target.name == number else f"{target.name} ({number})"


def _files(output: Path | None, inputs: Sequence[Input]) -> Sequence[Path | None]:
    """Where each explanation is saved.

    Raises:
        UsageError: *output* is no place for them.
    """
    if output is None:
        return [None] * len(inputs)
    if output.is_dir():
        files = [output / name for name in names_of(inputs)]
        check_kept(inputs, files, f"-o {output}")
        return files
    if len(inputs) > 1:
        raise UsageError(f"-o {output}: for {len(inputs)} inputs name a folder that is there")
    if output.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"-o {output}: the name must end in {', '.join(_SUFFIXES)}")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"-o {output}: there is no folder {output.parent}")
    check_kept(inputs, [output], f"-o {output}")
    return [output]


def _print_methods() -> None:
    from ts_sdk.explain.methods import Form, Method, support

    columns = [Column("method"), *(Column(form) for form in Form)]
    rows = []
    for method in Method:
        found = [support(method, form) for form in Form]
        rows.append([str(method), *("right" if cell.is_right else "-" for cell in found)])
    print_table(columns, rows)
    print("\nInstead of what is refused (-):")
    for each in Method:
        told: dict[str, list[str]] = {}
        for form in Form:
            instead = support(each, form).alternative
            if instead is not None:
                told.setdefault(str(instead), []).append(str(form))
        for better, forms in told.items():
            print(f"  {each}: {better} for {', '.join(forms)}")
