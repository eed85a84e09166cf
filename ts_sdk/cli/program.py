"""The `mar` program: which command is meant, and what becomes of its errors."""

import argparse
import importlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from ts_sdk.cli.exit_codes import EXPLANATION, ExitCode
from ts_sdk.cli.usage import UsageError

COMMANDS = {
    "run": "answer inputs with an archive's model",
    "explain": "show what in an input speaks for an answer",
    "inspect": "show what is in an archive, without running it",
    "test": "hold an archive's handler to its promises, and its answers to golden ones",
    "verify": "check that archives are sound, byte for byte",
    "replay": "ask an archive again what was recorded, or make tests of it",
    "doctor": "say whether archives run here, or what they need",
    "diff": "show what differs between two archives",
    "convert": "convert an archive's model to another form",
    "precision": "measure which precision is safe for a model",
    "tune": "find the setting that answers most under a latency target",
    "bench": "measure an archive under load, or hold it against another",
    "profile": "show where an archive's time and memory go",
    "unpack": "write an archive's files to a folder",
    "cache": "show or clear the extracted archives",
}
"""Name → summary; each command is the module of that name, imported when it is asked for."""


class Command(Protocol):
    """What the module of a command offers."""

    parse: Callable[[Sequence[str]], argparse.Namespace]
    execute: Callable[[argparse.Namespace], ExitCode]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``mar`` with *argv*, or with the arguments of this process.

    Returns:
        The exit code, one of `ts_sdk.cli.exit_codes.ExitCode`.

    Raises:
        SystemExit: The arguments cannot be parsed, or help was asked for.
    """
    parsed = make_parser().parse_args(argv)
    command = cast("Command", importlib.import_module(f"ts_sdk.cli.{parsed.command}"))
    return _guarded(command, command.parse(parsed.arguments))


def make_parser() -> argparse.ArgumentParser:
    """The parser that finds the command; each command parses the rest."""
    listed = "\n".join(f"  {name:<10} {summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="mar",
        usage="mar [-h] [--version] COMMAND ...",
        description="Run and examine model archives: a .mar, a .tar.gz or a folder of sources.",
        epilog=f"commands:\n{listed}\n\n'mar COMMAND --help' tells more.\n\n{EXPLANATION}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_VersionAction, nargs=0, help="show the version")
    parser.add_argument(
        "command", metavar="COMMAND", choices=COMMANDS, help="one of those listed below"
    )
    rest = parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    rest.required = False  # before Python 3.12 a missing COMMAND is reported with its name
    return parser


class _VersionAction(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"mar {version('ts-sdk')}")
        parser.exit()


def _guarded(command: Command, args: argparse.Namespace) -> ExitCode:
    """Run *command*; an error becomes its message on stderr and an exit code."""
    from archiver import ArchiveError
    from ts_sdk.errors import SdkError

    try:
        _let_any_text_be_printed()
        code = command.execute(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit; that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PIPE_CLOSED
    except KeyboardInterrupt:
        print("mar: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except (ArchiveError, SdkError, UsageError, OSError) as error:
        if args.traceback:
            traceback.print_exc()
        print(f"mar: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.NOT_OPENED
    except Exception:  # noqa: BLE001 - a script must not take a defect for a failed request
        traceback.print_exc()
        print("mar: this should not have happened; please report it", file=sys.stderr)
        return ExitCode.DEFECT
    return code


def _let_any_text_be_printed() -> None:
    """Escape what the terminal's encoding does not know, such as odd bytes in a file's name."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
