"""What starts a handler file: the rule of `ts_sdk.entry_points`, told without running the file."""

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ts_sdk.doctor.handler_code import (
    FindSource,
    HandlerClass,
    HandlerCode,
    class_named,
    code_of_class,
    code_of_function,
    is_sdk_handler,
    read_class,
)
from ts_sdk.doctor.sources import Source

_DEFAULT = "handle"


@dataclass(frozen=True)
class Entry:
    """What starts a handler file.

    Attributes:
        code: What runs of it; None when that cannot be told.
        candidates: The classes that could be meant, where there are several.
        is_missing: Whether there certainly is nothing to start.
    """

    code: HandlerCode | None = None
    candidates: tuple[str, ...] = ()
    is_missing: bool = False


def find_entry(source: Source, wanted: str, find: FindSource) -> Entry:
    """What starts the handler file *source*.

    Args:
        source: The handler file.
        wanted: What is named behind the colon of ``file.py:entry_point``, "" when nothing is.
        find: Gives the archive's own source of a module.
    """
    name = wanted or _DEFAULT
    if name in source.functions:
        return Entry(code_of_function(source, name, find))
    if name in source.classes:
        return Entry(code_of_class(source, name, find))
    if name in source.outline.names:  # a variable, or imported from elsewhere
        return Entry()
    if wanted not in ("", _DEFAULT):
        return Entry(is_missing=not source.outline.may_bind_more)
    return _class_of(source, find)


def _class_of(source: Source, find: FindSource) -> Entry:
    """The class that starts a file without a function ``handle``."""
    own = {name: read_class(source, name, find) for name in source.classes}
    unknown = [name for name, each in own.items() if _may_be_handler(each)]
    for able in (_sdk_handlers(own), _with_handle(own)):
        leaves = _leaves(source, able)
        if len(leaves) == 1:
            return Entry(code_of_class(source, leaves[0], find))
        if leaves:
            return Entry() if unknown else Entry(candidates=tuple(leaves))
    if unknown or source.outline.may_bind_more or source.outline.may_have_more_classes:
        return Entry()
    return _imported_class(source, find)


def _sdk_handlers(own: Mapping[str, HandlerClass]) -> list[str]:
    return [name for name, each in own.items() if each.is_sdk_handler]


def _with_handle(own: Mapping[str, HandlerClass]) -> list[str]:
    return [name for name, each in own.items() if "handle" in each.methods]


def _may_be_handler(its_class: HandlerClass) -> bool:
    """Whether only running the code would tell that a class is a handler."""
    if its_class.is_sdk_handler or "handle" in its_class.methods:
        return False
    return "__getattr__" in its_class.methods or any(
        "." not in base and not hasattr(builtins, base) for base in its_class.foreign
    )


def _leaves(source: Source, names: Iterable[str]) -> list[str]:
    """Those of *names* from which no other one derives."""
    among = list(names)
    return [
        name for name in among if not any(name in source.outline.ancestors(each) for each in among)
    ]


def _imported_class(source: Source, find: FindSource) -> Entry:
    """The class that starts a file which only imports it."""
    imported = [full for full in source.aliases.values() if full.rpartition(".")[2][:1].isupper()]
    for full in imported:
        found = class_named(source, full, find)
        if found is not None and "handle" in read_class(*found, find).methods:
            return Entry(code_of_class(*found, find))
    is_known = any(is_sdk_handler(full) and not full.endswith(".BaseHandler") for full in imported)
    return Entry(is_missing=not is_known and not _imports_unknown_class(imported))


def _imports_unknown_class(imported: Iterable[str]) -> bool:
    """Whether a class comes from a package whose code is not looked at."""
    known = ("torch", "torchvision", "numpy", "PIL", "typing", "collections", "ts", "ts_sdk")
    return any(full.partition(".")[0] not in known for full in imported)
