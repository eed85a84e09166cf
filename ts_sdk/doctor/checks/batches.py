"""Whether a handler answers every request of a batch."""

import ast
from collections.abc import Iterator

from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.handler_code import Place
from ts_sdk.doctor.sources import Source
from ts_sdk.doctor.subject import Subject

_FIX = "take every row, [... for row in data], and return one answer for each"


def first_row_only(subject: Subject) -> Iterator[Finding]:
    """Functions that read ``data[0]`` and nothing else of a batch."""
    code = subject.handler_code
    for place in code.takes_rows if code is not None else ():
        line = _reads_first_only(place)
        if line is None:
            continue
        size = subject.config.batch_size
        asked = f", and batchSize is {size}" if size > 1 else "; one at a time it is right"
        yield Finding(
            check="first-row-only",
            severity=Severity.CHANGE if size > 1 else Severity.NOTE,
            member=place.source.name,
            line=line,
            message=f"{place.function.name}() reads the first request of a batch only{asked}",
            fix=f"{_FIX}, or set batchSize: 1" if size > 1 else _FIX,
        )


def _reads_first_only(place: Place) -> int | None:
    """The line where the first row is read, None when more of the batch is looked at."""
    names = [each.arg for each in place.function.args.args if each.arg not in {"self", "cls"}]
    if not names:
        return None
    source, first = place.source, None
    uses = sorted(
        (
            node
            for node in ast.walk(place.function)
            if isinstance(node, ast.Name) and node.id == names[0]
        ),
        key=lambda node: (node.lineno, node.col_offset),
    )
    rebound = min(
        (_end_of_statement(source, node) for node in uses if isinstance(node.ctx, ast.Store)),
        default=None,
    )
    for node in uses:
        if rebound is not None and (node.lineno, node.col_offset) > rebound:
            break
        if isinstance(node.ctx, ast.Store) or _is_neutral(source, node):
            continue
        if not _is_first_row(source, node):
            return None
        first = first or node.lineno
    return first


def _end_of_statement(source: Source, node: ast.AST) -> tuple[int, int]:
    statement = next(around for around, _ in source.ancestors(node) if isinstance(around, ast.stmt))
    return statement.end_lineno or 0, statement.end_col_offset or 0


def _is_first_row(source: Source, node: ast.Name) -> bool:
    parent, _ = next(source.ancestors(node))
    match parent:
        case ast.Subscript(value=ast.Name(), slice=ast.Constant(value=0)):
            return parent.value is node
    return False


def _is_neutral(source: Source, node: ast.Name) -> bool:
    """Whether a use tells nothing of how many rows are read: it is printed or tested."""
    for around, child in source.ancestors(node):
        match around:
            case ast.Compare(ops=[ast.Is() | ast.IsNot()]):
                return True
            case ast.UnaryOp(op=ast.Not()) if child is node:
                return True
            case ast.If(test=test) | ast.IfExp(test=test) if test is node:
                return True
            case ast.Call(func=called) if child is not called:
                name = source.dotted(called)
                if name in {"isinstance", "print", "type"} or ".log" in name or "logg" in name:
                    return True
            case ast.stmt():
                return False
    return False
