"""Options that adjust how much an archive may hold before it is refused."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from ts_sdk.sizes import parse_size

if TYPE_CHECKING:
    from archiver import Limits

_OPTIONS = ("max_members", "max_total_bytes", "max_ratio")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add an option for each limit that a real archive may exceed, by its name in the messages."""
    group = parser.add_argument_group("limits", "an archive that holds more is refused")
    group.add_argument(
        "--max-members", metavar="N", type=int, help="files and folders (default: 100000)"
    )
    group.add_argument(
        "--max-total-bytes",
        metavar="SIZE",
        type=_size,
        help="all files together, unpacked, such as 500GB (default: 4TiB)",
    )
    group.add_argument(
        "--max-ratio",
        metavar="N",
        type=float,
        help="unpacked size over packed size of files beyond 64 MiB (default: 200)",
    )


def limits_of(args: argparse.Namespace) -> "Limits":
    """The limits that the command line asks for."""
    from archiver import DEFAULT_LIMITS

    wished = {name: getattr(args, name) for name in _OPTIONS}
    return replace(DEFAULT_LIMITS, **{name: v for name, v in wished.items() if v is not None})


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
