"""``mar-pack``: pack a model with its handler into one archive."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


# As shells report SIGINT and SIGPIPE.
_INTERRUPTED = 130
_PIPE_CLOSED = 141

_DESCRIPTION = """\
Pack a model with its handler into one archive, which TorchServe and ts_sdk run.
All arguments of torch-model-archiver are understood."""

_EXAMPLES = """\
examples:
  # weights and the Python file that defines the model, with a built-in handler
  mar-pack --model-name cat --version 1.0 --handler image_classifier \\
      --model-file model.py --serialized-file weights.pth --extra-files index_to_name.json

  # a handler of one's own, and files in folders of the archive
  mar-pack --model-name ner --version 2 --handler handler.py --serialized-file model.pt \\
      --extra-files 'vocab.txt, assets/, lists/*.json=lists/' -r requirements.txt

  # what would be packed, without packing it
  mar-pack --model-name cat --version 1.0 --handler handler.py --dry-run

exit status: 0 packed; 1 refused or failed, nothing was packed; 2 wrong usage; 130 interrupted"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="mar-pack",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model_arguments(parser)
    _add_file_arguments(parser)
    _add_kept_arguments(parser)
    _add_archive_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may hold what the terminal's encoding does not know.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = vars(make_parser().parse_args(argv))
    dry_run, as_json = options.pop("dry_run"), options.pop("json")
    try:
        status = _run(options, dry_run=dry_run, as_json=as_json)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("mar-pack: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python flushes once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return status


def _run(options: dict[str, Any], *, dry_run: bool, as_json: bool) -> int:
    """Pack, and print what was packed or why nothing was."""
    from archiver.errors import ArchiveError
    from archiver.writer import pack, plan_pack

    try:
        outcome = plan_pack(**options) if dry_run else pack(**options)
    except ArchiveError as error:
        if as_json:
            problems = getattr(error, "problems", (str(error),))
            print(json.dumps({"error": str(error), "problems": problems}, indent=2))
        print(f"mar-pack: {error}", file=sys.stderr)
        return 1
    for note in outcome.notes:
        print(f"mar-pack: note: {note}", file=sys.stderr)
    print(json.dumps(outcome.to_dict(), indent=2) if as_json else outcome)
    return 0


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which model it is."""
    from archiver.manifest import RUNTIMES

    model = parser.add_argument_group("model")
    model.add_argument(
        "--model-name",
        required=True,
        metavar="NAME",
        help="the model's name, and the archive's without its suffix",
    )
    model.add_argument("-v", "--version", required=True, help="the model's version, any text")
    model.add_argument(
        "--handler",
        required=True,
        metavar="NAME|FILE[:ENTRY]",
        help="a built-in handler (base_handler, image_classifier, image_segmenter, "
        "object_detector, text_classifier), or a Python file, perhaps with the function or "
        "class in it that is meant",
    )
    model.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default="python",
        help="what runs the handler under TorchServe (default: %(default)s)",
    )


def _add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which files are packed."""
    files = parser.add_argument_group("files")
    files.add_argument(
        "--serialized-file",
        metavar="FILE",
        help="the weights: a state dict (.pt, .pth, .safetensors), TorchScript, ONNX",
    )
    files.add_argument(
        "--model-file",
        metavar="FILE",
        help="the Python file with the one nn.Module class that a state dict is loaded into",
    )
    files.add_argument(
        "--extra-files",
        action="append",
        default=[],
        metavar="LIST",
        help="other files, with commas between them: a file, a folder (its content keeps its "
        "subfolders), a pattern such as '*.json', or any of these as SRC=DEST, where DEST is "
        "a name in the archive, or a folder there if it ends in '/'; may be given repeatedly",
    )
    files.add_argument(
        "--keep-paths",
        action="store_true",
        help="keep the folders with which extra files are given; without it they are dropped",
    )
    files.add_argument(
        "-r",
        "--requirements-file",
        metavar="FILE",
        help="the Python packages that the handler needs, as for pip",
    )
    files.add_argument(
        "-c", "--config-file", metavar="FILE", help="the model's settings (model-config.yaml)"
    )


def _add_kept_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says what is kept beside the model, which TorchServe passes over."""
    kept = parser.add_argument_group("for testing and tuning")
    kept.add_argument(
        "--sample",
        action="append",
        default=[],
        dest="samples",
        metavar="FILE|FOLDER",
        help="a request to keep in MAR-INF/samples/, with the golden answers beside it: a file "
        "that is its body, a folder with a request.json, or a folder of such samples; may be "
        "given repeatedly",
    )
    kept.add_argument(
        "--profile",
        action="append",
        default=[],
        dest="profiles",
        metavar="FILE",
        help="what mar tune found on a machine (profile.json), to be applied there whenever the "
        "archive is loaded; kept in MAR-INF/tuned/; may be given repeatedly, for other machines",
    )


def _add_archive_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says where and how the archive is written."""
    from archiver.plan import ARCHIVE_FORMATS

    archive = parser.add_argument_group("archive")
    archive.add_argument(
        "--export-path",
        default=".",
        metavar="FOLDER",
        help="where the archive is written; created when missing (default: the current folder)",
    )
    archive.add_argument(
        "--archive-format",
        choices=ARCHIVE_FORMATS,
        default="default",
        help="default: NAME.mar, text compressed and weights stored; zip-store: NAME.mar, "
        "nothing compressed; tgz: NAME.tar.gz, all compressed; no-archive: a folder NAME",
    )
    archive.add_argument(
        "-f", "--force", action="store_true", help="replace an archive of that name"
    )
    archive.add_argument(
        "--dry-run", action="store_true", help="check all and list what would be packed"
    )
    archive.add_argument("--json", action="store_true", help="print the outcome as JSON")
