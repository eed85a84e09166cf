"""Promises about what is around a handler: the terminal, the network, the file system."""

import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import PromiseBroken, check
from ts_sdk.testing.watching.auditing import refusing_network, watching_writes

if TYPE_CHECKING:
    from ts_sdk.model import Model

_SHOWN = 3


@check()
def check_nothing_is_printed(case: HandlerCase) -> None:
    """Loading the model and answering requests prints nothing.

    Take logging.getLogger(__name__) in place of print(): whoever runs the handler decides where
    that goes, and a program's output stays its own.
    """
    with _captured() as printed, case.load() as model:
        case.answers(case.requests, model)
    text = printed.getvalue()
    if text.strip():
        first = text.strip().splitlines()[0]
        raise PromiseBroken(f"it printed {len(text)} characters, which begin with {first[:80]!r}")


@check()
def check_no_network_is_used(case: HandlerCase) -> None:
    """Loading the model and answering requests asks no other machine.

    Pack what a download would bring as extra files and read it from model_dir; give
    local_files_only=True to libraries that look for newer files.
    """
    with refusing_network() as asked, case.load() as model:
        case.outcomes(case.requests, model)
    if asked:
        raise PromiseBroken(f"it asked for {_some(asked)}")


@check()
def check_nothing_is_written_elsewhere(case: HandlerCase) -> None:
    """Nothing is written outside of the model's folder, the cache and the temporary folder.

    Write to a file of the tempfile module, and remove it; a server's disk may be read-only, and
    another worker may write to the same path.
    """
    with watching_writes() as written, case.load() as model:
        case.answers(case.requests, model)
        allowed = _writable(model)
    elsewhere = [str(path) for path in dict.fromkeys(written) if not _is_below(path, allowed)]
    if elsewhere:
        raise PromiseBroken(f"it wrote to {_some(elsewhere)}")


@contextmanager
def _captured() -> Iterator[io.StringIO]:
    """Keep what is printed; warnings and log records, which are no prints, are left out."""
    text = io.StringIO()
    last_resort = logging.lastResort
    logging.lastResort = logging.NullHandler()  # with None, logging itself prints a complaint
    try:
        with warnings.catch_warnings(), redirect_stdout(text), redirect_stderr(text):
            warnings.simplefilter("ignore")
            yield text
    finally:
        logging.lastResort = last_resort


def _writable(model: "Model") -> list[Path]:
    from ts_sdk.cache import ExtractionCache

    named = (
        model.context.system_properties["model_dir"],
        tempfile.gettempdir(),
        ExtractionCache().root,
        os.devnull,
    )
    return [Path(os.path.realpath(name)) for name in named]


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(folder) for folder in folders)


def _some(names: Iterable[str]) -> str:
    listed = list(dict.fromkeys(names))
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
