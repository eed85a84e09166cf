"""A progress bar for work on many inputs, shown on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from ts_sdk.cli.tables import wants_drawing


@dataclass(frozen=True)
class Progress:
    """Output beside a progress bar.

    Attributes:
        write: Prints a text to standard output without spoiling the bar.
        write_error: Prints a text to standard error without spoiling the bar.
        advance: Is told how many more inputs are done.
    """

    write: Callable[[str], None]
    write_error: Callable[[str], None]
    advance: Callable[[int], None]


@contextmanager
def show_progress(total: int) -> Iterator[Progress]:
    """Show how many of *total* inputs are done; for a single one there is no bar.

    The bar is on standard error, unless answers go to the terminal: then they are printed above
    it, by whatever draws it.
    """
    on_output, on_errors = wants_drawing(sys.stdout), wants_drawing(sys.stderr)
    if total == 1 or not (on_output or on_errors):
        yield Progress(print, partial(print, file=sys.stderr), advance=lambda _done: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(file=sys.stdout if on_output else sys.stderr)
    above_bar = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    write = above_bar if on_output else print
    write_error = above_bar if on_errors else partial(print, file=sys.stderr)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=on_errors,  # what a handler prints
    ) as bar:
        task = bar.add_task("", total=total)
        yield Progress(write, write_error, advance=lambda done: bar.advance(task, done))
