"""How ``mar tune`` is getting on: a bar of the budget with the best so far, on a terminal only."""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ts_sdk.cli.tables import wants_drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ts_sdk.tuning import Candidate, Measurement, Objective


@contextmanager
def show_best(
    objective: "Objective", budget_s: float
) -> "Iterator[Callable[[Candidate, Measurement], None]]":
    """Show, on a terminal, how much of the budget is used and the best so far."""
    if not wants_drawing(sys.stderr):
        yield lambda _candidate, _measured: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from ts_sdk.tuning.report.sentences import rates

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    best: list[tuple[Candidate, Measurement]] = []
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("starting", total=budget_s)

        def note(candidate: "Candidate", measured: "Measurement") -> None:
            found = (candidate, measured)
            if not best or objective.rank(*found) > objective.rank(*best[-1]):
                best[:] = [found]
            reached = "best" if objective.is_met(best[0][1]) else "nearest"
            told = f"{reached}: {rates(best[0][1])}, {best[0][0].name}"
            elapsed_s = bar.tasks[0].elapsed or 0.0
            bar.update(task, completed=min(elapsed_s, budget_s), description=told)

        yield note
