"""What starts a handler file: the rule of `ts_sdk.entry_points`, told without running the file."""

import ast
import builtins
import sys
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
from ts_sdk.doctor.old_names import is_old_name, old_name_problem
from ts_sdk.doctor.sources import Source

_DEFAULT = "handle"
_NEEDED = frozenset({"handle", "initialize"})
_KNOWN = frozenset(
    {"torch", "torchvision", "numpy", "PIL", "typing", "collections", "ts", "ts_sdk"}
)
"""Packages whose classes are no handlers, but for those of the library."""
_REFLECTION = frozenset({"__getattr__", "exec", "globals", "locals", "setattr", "vars"})


@dataclass(frozen=True)
class Entry:
    """What starts a handler file.

    Attributes:
        code: What runs of it; None when that cannot be told.
        candidates: The classes that could be meant, where there are several, as they stand in it.
        class_name: The class that starts it, if one of its own does.
        lacks: The methods that this class certainly has not, and needs.
        is_missing: Whether there certainly is nothing to start.
    """

    code: HandlerCode | None = None
    candidates: tuple[str, ...] = ()
    class_name: str | None = None
    lacks: tuple[str, ...] = ()
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
        return _of_class(source, name, find)
    if name in source.outline.names:  # a variable, or imported from elsewhere
        return Entry()
    if wanted not in ("", _DEFAULT):
        if _may_bind_more(source):
            return Entry()
        its_class = _class_of(source, find)  # as TorchServe does, when there is just one
        nothing = its_class.is_missing or its_class.candidates
        return Entry(is_missing=True) if nothing else its_class
    return _class_of(source, find)


def _class_of(source: Source, find: FindSource) -> Entry:
    """The class that starts a file without a function ``handle``."""
    own = {name: read_class(source, name, find) for name in source.classes}
    unknown = [name for name, each in own.items() if _may_be_handler(each)]
    for able in (_sdk_handlers(own), _with_handle(own)):
        leaves = _leaves(source, able)
        if len(leaves) == 1:
            return _of_class(source, leaves[0], find)
        if leaves:
            return Entry() if unknown else Entry(candidates=tuple(leaves))
    if unknown or _may_bind_more(source) or source.outline.may_have_more_classes:
        return Entry()
    return _imported_class(source, find)


def _of_class(source: Source, name: str, find: FindSource) -> Entry:
    its_class = read_class(source, name, find)
    is_plain = its_class.foreign <= {"ABC", "abc.ABC", "object"}
    node = source.classes[name]
    may_have_more = (
        not is_plain
        or source.outline.may_bind_more
        or node.decorator_list
        or node.keywords
        or "__getattr__" in its_class.attributes
    )
    lacks = () if may_have_more else tuple(sorted(_NEEDED - its_class.attributes))
    return Entry(code_of_class(source, name, find), class_name=name, lacks=lacks)


def _may_bind_more(source: Source) -> bool:
    """Whether a file may bind names that its syntax tree does not show.

    One without a class or a function that puts things into other modules binds none by that.
    """
    if not source.outline.may_bind_more:
        return False
    if source.classes or source.functions or "*" in source.aliases:
        return True
    if any(isinstance(node, ast.Name) and node.id in _REFLECTION for node in source.nodes):
        return True
    other = [
        node.value
        for node in source.nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value != source.name.removesuffix(".py").rpartition("/")[2]
    ]
    return any(
        isinstance(node, ast.Attribute)
        and source.dotted(node) == "sys.modules"
        and not any(node is each for each in other)
        for node in source.nodes
    )


def _sdk_handlers(own: Mapping[str, HandlerClass]) -> list[str]:
    return [name for name, each in own.items() if each.is_sdk_handler]


def _with_handle(own: Mapping[str, HandlerClass]) -> list[str]:
    return [name for name, each in own.items() if "handle" in each.methods]


def _may_be_handler(its_class: HandlerClass) -> bool:
    """Whether only running the code would tell that a class is a handler."""
    if its_class.is_sdk_handler or "handle" in its_class.methods:
        return False
    if {"__getattr__", "handle"} & its_class.attributes:
        return True
    return any(map(_may_have_handle, its_class.foreign))


def _may_have_handle(base: str) -> bool:
    """Whether only running the code would tell that a class from elsewhere is a handler."""
    module, _, name = base.rpartition(".")
    top = module.partition(".")[0]
    if not module:
        return not hasattr(builtins, base)
    if is_old_name(module):  # what is wrong with the import is told, and not what comes of it
        return old_name_problem(module, name) is not None
    return top not in _KNOWN and top not in sys.stdlib_module_names


def _leaves(source: Source, names: Iterable[str]) -> list[str]:
    """Those of *names* from which no other one derives."""
    among = sorted(names, key=lambda name: source.classes[name].lineno)
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
    return any(full.partition(".")[0] not in _KNOWN for full in imported)
