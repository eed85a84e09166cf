"""Tables: drawn on a terminal, plain aligned columns everywhere else."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Column:
    """The head of a column; numbers are aligned at the *right*."""

    title: str
    right: bool = False


def print_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], file: TextIO | None = None
) -> None:
    """Print *rows* under the titles of *columns*."""
    stream = file or sys.stdout
    if wants_drawing(stream):
        _draw(columns, rows, stream)
    else:
        lines = [[column.title for column in columns], *rows]
        for line in aligned(lines, right=[column.right for column in columns]):
            print(line, file=stream)


def wants_drawing(stream: TextIO) -> bool:
    """Whether *stream* is a terminal on which colours and lines are welcome."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[bool]) -> list[str]:
    """Each row as a line, with every column as wide as its longest cell."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _draw(columns: Sequence[Column], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(file=stream).print(table)
