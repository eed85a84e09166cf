"""``mar inspect``: what is in an archive, without running it."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.sizes import format_size
from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.tables import Column, aligned, print_table
from ts_sdk.cli.usage import add_json_switch, make_command_parser

if TYPE_CHECKING:
    from archiver import Inspection
    from archiver.inspection import SerializedFile
    from archiver.tuned_profiles import TunedProfile

_DETAILS = """\
Nothing of the archive is run or unpickled: code is parsed only, weights are told by their bytes.
'mar verify' compares every member with its checksums too.
"""
_RECORD = {
    "absent": "none",
    "agrees": "a SHA-256 for each member",
    "differs": "not what is here",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar inspect``."""
    parser = make_command_parser("inspect", "Show what is in an archive.", _DETAILS)
    parser.add_argument("archive", metavar="ARCHIVE", type=Path)
    add_json_switch(parser)
    add_limits(parser)
    return parser.parse_intermixed_args(arguments)


def execute(args: argparse.Namespace) -> ExitCode:
    """Inspect the archive and print what was found."""
    from archiver import Archive, inspect

    with Archive.open(args.archive, limits=limits_of(args)) as archive:
        inspection = inspect(archive)
    if args.json:
        print(json.dumps(inspection.to_dict(), indent=2))
    else:
        _print_facts(inspection)
        print()
        _print_members(inspection)
        if inspection.warnings:
            print()
        for warning in inspection.warnings:
            print(f"warning: {warning}")
    return ExitCode.OK


def _print_facts(inspection: "Inspection") -> None:
    model = inspection.manifest.model
    version = f" {model.model_version}" if model.model_version else ""
    print(f"{model.model_name}{version} ({inspection.form}, {format_size(inspection.size_bytes)})")
    for line in aligned([list(fact) for fact in _facts(inspection)], right=[False, False]):
        print(f"  {line}")


def _facts(inspection: "Inspection") -> Iterator[tuple[str, str]]:
    """What the archive is made of, each thing with its name."""
    manifest, model = inspection.manifest, inspection.manifest.model
    yield "handler", _handler_of(inspection)
    if model.model_file:
        yield "model file", _with(model.model_file, inspection.model_classes)
    for serialized in inspection.serialized:
        yield "weights", f"{serialized.name}: {_serialized(serialized)}"
    if model.config_file:
        yield "config", _with(model.config_file, inspection.config_keys)
    if model.requirements_file:
        yield "requirements", _with(model.requirements_file, inspection.requirements)
    if inspection.labels is not None:
        yield "labels", f"{inspection.labels:,}"
    if model.envelope:
        yield "envelope", model.envelope
    yield from _tuned(inspection.profiles)
    yield "record", _RECORD[inspection.record]
    if manifest.description:
        yield "description", manifest.description
    if manifest.created_on:
        by = f" by archiver {manifest.archiver_version}" if manifest.archiver_version else ""
        yield "packed", f"{manifest.created_on}{by}"


def _tuned(profiles: "Sequence[TunedProfile]") -> Iterator[tuple[str, str]]:
    """The settings that were tuned, with the machines that they are for."""
    if not profiles:
        return
    from ts_sdk.hardware import Hardware
    from ts_sdk.tuned.matching import differences

    here = Hardware.here()
    for profile in profiles:
        fits = "not this machine" if differences(profile, here) else "this machine"
        yield "tuned", f"{profile.setting}, for {profile.machine} ({fits})"


def _handler_of(inspection: "Inspection") -> str:
    handler = inspection.handler
    if handler.declared is None:
        return "none"
    if handler.member is None:
        return f"{handler.declared} ({'built in' if handler.is_built_in else 'not here'})"
    return _with(handler.declared, handler.entry_points)


def _with(name: str, found: Sequence[str]) -> str:
    return f"{name}: {', '.join(found)}" if found else name


def _serialized(serialized: "SerializedFile") -> str:
    facts = [str(serialized.form)]
    for count, noun in ((serialized.tensors, "tensor"), (serialized.parameters, "parameter")):
        if count is not None:
            facts.append(f"{count:,} {noun}{'' if count == 1 else 's'}")
    if serialized.more_than_weights:
        facts.append("more than weights")
    elif serialized.imports is not None and serialized.form in {"torch zip", "pickle"}:
        facts.append("weights only")
    return ", ".join([*facts, *serialized.dtypes])


def _print_members(inspection: "Inspection") -> None:
    columns = [Column("member"), Column("what it is"), Column("size", right=True)]
    columns += [Column("in the archive", right=True), Column("how")]
    rows = [
        [
            each.member.name,
            each.kind,
            format_size(each.member.size),
            format_size(each.member.compressed_size),
            each.member.method + (", aligned" if each.member.is_aligned else ""),
        ]
        for each in inspection.members
    ]
    print_table(columns, rows)
