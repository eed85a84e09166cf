"""``mar verify``: check that archives are sound, byte for byte."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.limits import add_limits, limits_of
from ts_sdk.cli.usage import add_json_switch, make_command_parser

if TYPE_CHECKING:
    from archiver import Limits

_DETAILS = """\
Every member is read and compared with its checksum in the archive and, where MAR-INF/RECORD has
one, its SHA-256. Nothing of an archive is run or unpickled. With --json each archive is one line.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar verify``."""
    parser = make_command_parser("verify", "Check archives byte for byte.", _DETAILS)
    parser.add_argument("archives", metavar="ARCHIVE", type=Path, nargs="+")
    add_json_switch(parser)
    add_limits(parser)
    return parser.parse_intermixed_args(arguments)


def execute(args: argparse.Namespace) -> ExitCode:
    """Verify each archive, also after one was found to be bad."""
    limits = limits_of(args)
    sound = [_verify(path, limits, as_json=args.json) for path in args.archives]
    return ExitCode.OK if all(sound) else ExitCode.FAILED


def _verify(path: Path, limits: "Limits", *, as_json: bool) -> bool:
    """Print the verdict on one archive; returns whether it is sound."""
    from archiver import Archive, InvalidArchiveError, ManifestError

    try:
        with Archive.open(path, limits=limits) as archive:
            archive.verify()
            members = len(archive.members)
            hashed = archive.record is not None
            in_folder = archive.form == "folder"
    except (InvalidArchiveError, ManifestError) as error:
        _print_problems(path, error.problems, as_json=as_json)
        return False
    if as_json:
        facts = {"archive": str(path), "sound": True, "members": members, "sha256": hashed}
        print(json.dumps(facts | {"problems": []}))
    else:
        print(f"{path}: sound ({members} members, {_how(hashed=hashed, in_folder=in_folder)})")
    return True


def _how(*, hashed: bool, in_folder: bool) -> str:
    """What the members were compared with."""
    if in_folder:
        return "SHA-256" if hashed else "readable; there are no checksums and no RECORD"
    return "checksums and SHA-256" if hashed else "checksums; the archive has no RECORD"


def _print_problems(path: Path, problems: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"archive": str(path), "sound": False, "problems": problems}))
        return
    print(f"{path}: not sound")
    for problem in problems:
        print(f"  - {problem}")
