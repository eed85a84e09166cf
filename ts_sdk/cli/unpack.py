"""``mar unpack``: write an archive's files to a folder."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.usage import add_json_switch, make_command_parser

_DETAILS = """\
Every member is checked while it is copied; the folder appears when all are there, or not at all.
Nothing of the archive is run or unpickled, and nothing that exists is overwritten.
"""
_SUFFIXES = (".tar.gz", ".tgz", ".mar")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar unpack``."""
    parser = make_command_parser("unpack", "Write an archive's files to a folder.", _DETAILS)
    parser.add_argument("archive", metavar="ARCHIVE", type=Path)
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help="a folder that is empty or not there yet (default: the archive's name)",
    )
    add_json_switch(parser)
    add_limits(parser)
    return parser.parse_intermixed_args(arguments)


def execute(args: argparse.Namespace) -> ExitCode:
    """Unpack the archive and list what was written."""
    from archiver import Archive

    folder: Path = args.output or Path(_without_suffix(args.archive.resolve().name))
    with Archive.open(args.archive, limits=limits_of(args)) as archive:
        archive.extract(folder)
        names = [member.name for member in archive.members]
    if args.json:
        facts = {"archive": str(args.archive), "folder": str(folder), "members": names}
        print(json.dumps(facts, indent=2))
    else:
        print(f"{len(names)} files in {folder}")
    return ExitCode.OK


def _without_suffix(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name
