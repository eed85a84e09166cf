"""Can the handler file be started?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.nearest import nearest_name
from archiver.outline import is_plain
from archiver.source_checks.python_source import parse

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.outline import Outline

_DEFAULT_ENTRY_POINT = "handle"
# What a class needs to be one; `__getattr__` may stand for both.
_METHODS = frozenset({"initialize", "handle"})


def handler_problems(path: Path, entry_point: str | None) -> list[str]:
    """Say why a handler file cannot be started.

    It is started by the function that is named, by its function ``handle``, or else by its class.
    What only running the file could tell is let through.

    Args:
        path: The handler file, which exists.
        entry_point: What is named behind the colon of ``file.py:entry_point``, if anything is.
    """
    outline, problems = parse(path, "handler")
    if outline is None:
        return problems
    wanted = entry_point or _DEFAULT_ENTRY_POINT
    if wanted in outline.names or outline.may_bind_more:
        return []
    if wanted != _DEFAULT_ENTRY_POINT:
        return [f"the handler {path} defines no {wanted!r}{_meant(outline, wanted)}"]

    able = [name for name in outline.classes if _may_handle(outline, name)]
    if not able and not outline.may_have_more_classes:
        problem = (
            f"the handler {path} has no entry point: it defines neither a function "
            "handle(data, context) nor a class with initialize(context) and "
            "handle(data, context); name another function with --handler FILE:FUNCTION"
        )
        return [problem]
    rivals = _rivals(outline, able)
    if len(rivals) > 1:
        problem = (
            f"the handler {path} has several classes that could be meant: {', '.join(rivals)}; "
            f"name one, as in --handler {path.name}:{rivals[0]}"
        )
        return [problem]
    return []


def _meant(outline: Outline, wanted: str) -> str:
    """Return what to write in place of a name that the file does not define."""
    nearest = nearest_name(wanted, sorted({*outline.classes, *outline.functions}))
    if nearest is None:
        able = [name for name in outline.classes if _may_handle(outline, name)]
        nearest = able[0] if len(able) == 1 else None
    return f"; did you mean {nearest!r}?" if nearest else ""


def entry_points(outline: Outline, wanted: str | None) -> list[str]:
    """Return what a handler is started by: one name if all is well.

    Args:
        outline: What the handler file defines.
        wanted: What is named behind the colon of ``file.py:entry_point``, if anything is.
    """
    function = wanted or _DEFAULT_ENTRY_POINT
    if function in outline.names:
        return [function]
    able = [name for name in outline.classes if _may_handle(outline, name)]
    return [] if wanted else _rivals(outline, able) or able


def _may_handle(outline: Outline, name: str) -> bool:
    """Tell whether a class has a handler's methods, or may inherit them from elsewhere."""
    attributes = outline.inherited_attributes(name)
    if attributes >= _METHODS or "__getattr__" in attributes:
        return True
    return not all(
        is_plain(base) or base.startswith("torch.nn.") for base in outline.foreign_bases(name)
    )


def _rivals(outline: Outline, able: list[str]) -> list[str]:
    """Return the classes that derive from BaseHandler and from which no other one derives."""
    handlers = [
        name
        for name in able
        if any(base.rpartition(".")[2] == "BaseHandler" for base in outline.foreign_bases(name))
    ]
    return [
        name for name in handlers if not any(name in outline.ancestors(other) for other in handlers)
    ]
