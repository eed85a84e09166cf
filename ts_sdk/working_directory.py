"""The program's working directory, also while an archive starts in its own.

It belongs to the process: while a handler's `initialize` runs, it is the archive's folder for all
threads. What the SDK itself is given as a relative path is meant from where the program is.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ts_sdk.running import running_code

_moving = threading.Lock()
_of_program: str | None = None


@contextmanager
def starting_in(folder: Path, *, stay: bool) -> Iterator[str | None]:
    """Be in *folder* for the ``with`` block, and afterwards too if asked to *stay*.

    Yields:
        The program's working directory, None when it was deleted.
    """
    global _of_program  # noqa: PLW0603 - there is one of the process
    with _moving:
        before = _current()
        os.chdir(folder)
        _of_program = before
    try:
        yield before
    finally:
        with _moving:
            _of_program = None
            if before is not None and not stay:
                os.chdir(before)


def from_program(path: str | os.PathLike[str]) -> Path:
    """*path*, absolute, as whoever gives it means it: the program, or the code of an archive."""
    given = Path(path)
    if given.is_absolute():
        return given
    with _moving:
        here = _of_program if running_code() is None else None
        here = here or _current()
    return given if here is None else Path(here, given)


def _current() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it was deleted
        return None
