"""What every command's parser has in common."""

import argparse

from ts_sdk.cli.exit_codes import EXPLANATION


class UsageError(Exception):
    """The command line asks for something that cannot be done; nothing was done."""


def make_command_parser(name: str, description: str, details: str = "") -> argparse.ArgumentParser:
    """A parser for ``mar NAME``, whose help ends with *details* and the exit codes."""
    parser = argparse.ArgumentParser(
        prog=f"mar {name}",
        description=description,
        epilog=f"{details}\n{EXPLANATION}" if details else EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--traceback", action="store_true", help="show where in the code an error came from"
    )
    return parser


def add_json_switch(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, output for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
