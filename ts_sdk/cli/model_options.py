"""Options that several commands have in common: how a model is loaded, and what it is shown."""

import argparse
from collections.abc import Sequence

from ts_sdk.cli.inputs import KINDS, find_inputs
from ts_sdk.cli.usage import UsageError
from ts_sdk.errors import DeviceUnavailableError, PrecisionError, RequestError


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        type=_device,
        help="auto, cpu, cuda, cuda:1 or mps (default: what model-config.yaml asks for, or auto)",
    )


def add_trust_pickle(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-pickle``."""
    parser.add_argument(
        "--trust-pickle",
        action="store_true",
        help="load weights that are a full pickle, which can run any code",
    )


def add_tuned_switch(parser: argparse.ArgumentParser) -> None:
    """Add ``--no-tuned``."""
    parser.add_argument(
        "--no-tuned",
        action="store_false",
        dest="tuned",
        help="leave out the setting that was tuned for this machine, where the archive has one",
    )


def add_isolation(parser: argparse.ArgumentParser) -> None:
    """Add ``--isolation`` and ``--response-timeout``, which `check_isolation` checks."""
    parser.add_argument(
        "--isolation",
        choices=("archive", "process", "venv"),
        default="archive",
        help="run the handler in a process of its own, or in one that has what the archive's "
        "requirements file asks for (venv installs that, once)",
    )
    parser.add_argument(
        "--response-timeout",
        metavar="SECONDS",
        type=quantity,
        help="with --isolation process or venv, the longest time that a batch may take, 0 for any "
        "(default: responseTimeout of model-config.yaml, or 120)",
    )


def check_isolation(args: argparse.Namespace) -> None:
    """Refuse a timeout where nothing can be cut off.

    Raises:
        UsageError: ``--response-timeout`` is given without another process.
    """
    if args.response_timeout is not None and args.isolation == "archive":
        raise UsageError("--response-timeout needs --isolation process or --isolation venv")


def add_kind(parser: argparse.ArgumentParser, of: str) -> None:
    """Add ``--as``, which says what each *of* is."""
    parser.add_argument("--as", dest="kind", choices=KINDS, help=f"read every {of} as this")


def precision(text: str) -> str:
    """A word of `Precision`; `argparse` reports what is none."""
    from ts_sdk.precision import Precision

    try:
        return Precision.parse(text)
    except PrecisionError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def quantity(text: str) -> float:
    """A finite number of 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 or more")
    return number


def read_samples(words: Sequence[str], kind: str | None) -> list[object]:
    """What `Model.predict_batch` takes for the samples on the command line.

    Raises:
        UsageError: One does not exist or cannot be read.
    """
    samples = []
    for asked in find_inputs(words, [], kind):
        try:
            samples.append(asked.read())
        except RequestError as error:
            raise UsageError(f"the sample {asked.name}: {error.message}") from error
    return samples


def _device(text: str) -> str:
    from ts_sdk.devices import checked_word

    try:
        return checked_word(text)
    except DeviceUnavailableError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
