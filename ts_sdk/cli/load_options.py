"""Options of the commands that put an archive under load: tune, bench and profile."""

import argparse
from pathlib import Path

from ts_sdk.cli.model_options import add_kind
from ts_sdk.tuning.durations import parse_duration


def add_archive_and_inputs(parser: argparse.ArgumentParser) -> None:
    """Add ``ARCHIVE``, ``--input`` and ``--as``."""
    parser.add_argument(
        "archive", metavar="ARCHIVE", type=Path, help="a .mar, a .tar.gz or a folder of sources"
    )
    parser.add_argument(
        "--input",
        metavar="INPUT",
        nargs="+",
        action="extend",
        required=True,
        help="files and folders that the handler answers, like those that will come",
    )
    add_kind(parser, "input")


def output_folder(text: str) -> Path:
    """A folder that is there or can be made; `argparse` reports a file, before anything is done."""
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file: name a folder")
    return folder


def add_workers_isolation(parser: argparse.ArgumentParser) -> None:
    """Add ``--isolation``, as a pool understands it."""
    parser.add_argument(
        "--isolation",
        choices=("archive", "process", "venv"),
        default="archive",
        help="whether workers are threads, or processes (default: archive, which is threads)",
    )


def duration(text: str) -> float:
    """Seconds, of a text such as ``90s`` or ``1h``; `argparse` reports what is none."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
