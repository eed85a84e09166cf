"""Names that are not any more where the code looks for them."""

import ast
import sys
from collections.abc import Iterator

from packaging.version import Version

from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.moved import GONE_METHODS, GONE_TASKS, Moved
from ts_sdk.doctor.moved_table import moved_names
from ts_sdk.doctor.sources import Source
from ts_sdk.doctor.subject import Subject

_PYTHON = Version(".".join(map(str, sys.version_info[:3])))


def names_gone(subject: Subject) -> Iterator[Finding]:
    """Names that the installed release of their package does not have; each once a file."""
    table = moved_names()
    packages = {name.partition(".")[0] for name in table}
    for source in subject.reachable:
        if packages.isdisjoint(full.partition(".")[0] for full in source.aliases.values()):
            continue
        told: set[str] = set()
        for node, moved in sorted(_uses(source, table), key=lambda use: _position(use[0])):
            if moved.name in told or not _is_gone(subject, moved) or _is_caught(source, node):
                continue
            told.add(moved.name)
            yield _finding(subject, source, node, moved)


def _uses(source: Source, table: dict[str, Moved]) -> Iterator[tuple[ast.AST, Moved]]:
    for node in source.nodes:
        for name in _names_in(source, node):
            moved = _covering(name, table)
            if moved is not None:
                yield node, moved
        if isinstance(node, ast.Call):
            yield from _called(source, node)


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "end_col_offset", 0)


def _names_in(source: Source, node: ast.AST) -> Iterator[str]:
    """The full names that a node asks for, as far as they come of an import."""
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            yield from (f"{module}.{alias.name}" for alias in aliases)
        case ast.Attribute(ctx=ast.Load()):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in source.aliases:
                yield source.dotted(node)


def _covering(name: str, table: dict[str, Moved]) -> Moved | None:
    """The entry of *table* for *name*, or for something that it is below."""
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return None


def _called(source: Source, node: ast.Call) -> Iterator[tuple[ast.AST, Moved]]:
    """Methods that are gone, and tasks of a pipeline."""
    imported = source.aliases.values()
    if isinstance(node.func, ast.Attribute) and not source.dotted(node.func).startswith("os.path."):
        for module, moved in GONE_METHODS:
            if node.func.attr == moved.name and any(
                full == module or full.startswith(f"{module}.") for full in imported
            ):
                yield node, moved
    if source.dotted(node.func) in {"transformers.pipeline", "transformers.pipelines.pipeline"}:
        given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "task")]
        for task in given:
            if isinstance(task, ast.Constant) and task.value in GONE_TASKS:
                yield node, GONE_TASKS[task.value]


def _is_gone(subject: Subject, moved: Moved) -> bool:
    """Whether the release that runs here is without it; of none, pip installs the newest."""
    if moved.distribution == "python":
        return Version(moved.gone_since) <= _PYTHON
    version = subject.expected_version(moved.distribution)
    return version is None or version >= Version(moved.gone_since)


def _is_caught(source: Source, node: ast.AST) -> bool:
    """Whether the code has something else ready for the case that the name is not there."""
    return any(
        isinstance(around, ast.Try)
        and (child in around.body or isinstance(child, ast.ExceptHandler))
        for around, child in source.ancestors(node)
    ) and isinstance(node, ast.Import | ast.ImportFrom)


def _finding(subject: Subject, source: Source, node: ast.AST, moved: Moved) -> Finding:
    is_certain = subject.is_run(source.functions_around(node), source)
    is_model = source.name == subject.model.model_file
    owner = {"python": "Python", "pillow": "Pillow", "numpy": "NumPy"}.get(
        moved.distribution, moved.distribution
    )
    return Finding(
        check="moved-name",
        severity=Severity.CHANGE if is_certain or is_model else Severity.NOTE,
        member=source.name,
        line=getattr(node, "lineno", None),
        message=f"{moved.name} is used, which {owner} does not have since {moved.gone_since}",
        fix=f"use {moved.instead} instead",
    )
