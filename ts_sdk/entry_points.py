"""Finding the handler that a manifest names, in the archive or among the installed ones."""

import difflib
import importlib.metadata
import inspect
import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from ts_sdk.blame import describe, explain
from ts_sdk.errors import HandlerLoadError
from ts_sdk.imports import ArchiveCode
from ts_sdk.runtime.awaiting import Loop

GROUP = "ts_sdk.handlers"
"""Entry-point group through which packages offer handlers by name."""

_BASE = "base_handler"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EntryPoint:
    """A handler ready to be initialised.

    Attributes:
        initialize: Called once with the context.
        handle: Called with the rows of a batch and its context.
        handler: The object that keeps the model; None when the module's functions do.
        kept_by_module: Whether the module keeps *handler*, in a variable of its own.
    """

    initialize: Callable[[Any], object]
    handle: Callable[[list[dict[str, Any]], Any], Any]
    handler: Any = None
    kept_by_module: bool = False


def find_handler(code: ArchiveCode, named: str) -> EntryPoint:
    """The handler that *named* stands for; a file in the archive wins over an installed handler.

    Args:
        code: The archive's modules.
        named: ``file.py``, ``file.py:name``, ``file:name``, or the name of an installed handler.

    Raises:
        HandlerLoadError: There is no such handler, importing it failed, or several could be meant.
    """
    member, _, attribute = named.partition(":")
    path = f"{member.removesuffix('.py')}.py"
    for file in dict.fromkeys((path, path.rpartition("/")[2])):  # TorchServe takes the last name
        if (code.folder / file).is_file():
            return _in_module(code, _import(code, file), file, attribute)
    return _instance(code, _installed(code, member), member)


def handler_given(code: ArchiveCode, given: type | Callable[..., Any]) -> EntryPoint:
    """A handler that the program hands over itself.

    Args:
        code: The modules of the archive that it is to run with.
        given: A class, or a function ``handle(data, context)``.

    Raises:
        HandlerLoadError: It is no handler.
    """
    name = getattr(given, "__qualname__", repr(given))
    if isinstance(given, type):
        return _instance(code, given, given.__module__)
    return _functions(code, sys.modules.get(given.__module__), given, name)


def enveloped(entry: EntryPoint, envelope: str | None, code: ArchiveCode, loop: Loop) -> EntryPoint:
    """*entry* behind the request envelope of that name; as it is for None.

    Args:
        entry: The handler.
        envelope: A known envelope, or a file of the archive that defines one.
        code: The archive's modules.
        loop: Waits for the answers of a handler that is a coroutine, since envelopes are not.

    Raises:
        HandlerLoadError: There is no such envelope.
    """
    if not envelope:
        return entry
    from ts_sdk.envelopes import find_envelope

    def handle(data: list[dict[str, Any]], context: Any) -> Any:  # noqa: ANN401 - as handlers have it
        return loop.result_of(entry.handle(data, context))

    return replace(entry, handle=find_envelope(envelope, code)(handle).handle)


def _import(code: ArchiveCode, file: str) -> ModuleType:
    try:
        return code.import_file(file)
    except (Exception, SystemExit) as error:
        raise HandlerLoadError(
            f"importing the handler {file} failed: {explain(error, code.folder)}",
            phase="import handler",
        ) from error


def _in_module(code: ArchiveCode, module: ModuleType, file: str, attribute: str) -> EntryPoint:
    found = getattr(module, attribute or "handle", None)
    if isinstance(found, type):
        return _instance(code, found, file)
    if callable(found):
        return _functions(code, module, found, file)
    if attribute not in ("", "handle"):  # TorchServe takes the class when there is no function
        missing = (
            f"{file} defines no function or class {attribute!r}"
            f"{_suggestion(attribute, vars(module))}"
        )
        try:
            chosen = _the_class(module, file)
        except HandlerLoadError as error:
            raise HandlerLoadError(missing, phase="find handler") from error
        _logger.warning("%s; its class %s is the handler", missing, chosen.__name__)
        return _instance(code, chosen, file)
    return _instance(code, _the_class(module, file), file)


def _functions(
    code: ArchiveCode, module: ModuleType | None, handle: Callable[..., Any], file: str
) -> EntryPoint:
    name = getattr(handle, "__name__", "handle")

    def initialize(context: Any) -> object:  # noqa: ANN401 - a handler's context
        try:
            return handle(None, context)  # how TorchServe initialises a module's function
        except (Exception, SystemExit) as error:
            raise HandlerLoadError(
                f"{file} is initialised by {name}(None, context), which failed: "
                f"{explain(error, code.folder)}; when data is None, load the model and return",
                phase="initialize",
            ) from error

    service = getattr(module, "_service", None)
    return EntryPoint(initialize, handle, service, kept_by_module=service is not None)


def _instance(code: ArchiveCode, handler_class: type, file: str) -> EntryPoint:
    handler = _built(code, handler_class, file)
    missing = [name for name in ("initialize", "handle") if not hasattr(handler, name)]
    if missing:
        raise HandlerLoadError(
            f"{file}: {handler_class.__name__} has no {' and no '.join(missing)} method; "
            "subclass ts_sdk.BaseHandler to inherit them",
            phase="build handler",
        )

    # As TorchServe does, before `initialize`: one that is replaced there stays without effect.
    return EntryPoint(handler.initialize, handler.handle, handler)


def _built(code: ArchiveCode, handler_class: type, file: str) -> Any:  # noqa: ANN401 - the user's own class
    try:
        return handler_class()
    except (Exception, SystemExit) as error:
        why = f"failed: {explain(error, code.folder)}"
        if _needs_arguments(handler_class):
            why = (
                f"cannot be called without arguments ({describe(error)}); "
                "read what it needs from the context in initialize()"
            )
        raise HandlerLoadError(
            f"{file}: {handler_class.__name__}() {why}", phase="build handler"
        ) from error


def _needs_arguments(handler_class: type) -> bool:
    try:
        inspect.signature(handler_class).bind()
    except TypeError:
        return True
    except ValueError:  # there is no signature to look at
        return False
    return False


def _the_class(module: ModuleType, file: str) -> type:
    """The handler class that the module defines, else the one that it imports or makes."""
    from ts_sdk.handler import BaseHandler

    classes = dict.fromkeys(value for value in vars(module).values() if isinstance(value, type))
    able = [cls for cls in classes if hasattr(cls, "handle") and cls is not BaseHandler]
    own = [cls for cls in able if cls.__module__ == module.__name__]
    for candidates in (_subclasses(own, BaseHandler), own, _subclasses(able, BaseHandler), able):
        # A base class of another candidate was written to be subclassed.
        leaves = [
            cls
            for cls in candidates
            if not any(other is not cls and issubclass(other, cls) for other in candidates)
        ]
        if len(leaves) == 1:
            return leaves[0]
        if leaves:
            names = ", ".join(cls.__name__ for cls in leaves)
            raise HandlerLoadError(
                f"{file} defines several handlers ({names}); name one in the manifest, "
                f"such as --handler {file}:{leaves[0].__name__}",
                phase="find handler",
            )
    of_module = [cls for cls in classes if cls.__module__ == module.__name__]
    if len(of_module) == 1 and not able and hasattr(of_module[0], "initialize"):
        return of_module[0]  # which may get its handle when it is built
    raise HandlerLoadError(
        f"{file} defines neither a function handle(data, context) nor a class with a handle "
        "method; subclass ts_sdk.BaseHandler, or name the function as in --handler "
        f"{file}:my_function",
        phase="find handler",
    )


def _subclasses(classes: Iterable[type], base: type) -> list[type]:
    return [cls for cls in classes if issubclass(cls, base)]


def _installed(code: ArchiveCode, name: str) -> type:
    if name == _BASE:
        from ts_sdk.handler import BaseHandler

        return BaseHandler
    offered = {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}
    if name not in offered:
        files = sorted(path.name for path in code.folder.glob("*.py"))
        known = [_BASE, *sorted(offered)]
        raise HandlerLoadError(
            f"there is no handler {name!r}{_suggestion(name, [*known, *files])}; the archive holds "
            f"{', '.join(files) or 'no Python file'}, installed are {', '.join(known)}",
            phase="find handler",
        )
    try:
        found: type = offered[name].load()
    except Exception as error:
        raise HandlerLoadError(
            f"importing the installed handler {name} ({offered[name].value}) failed: "
            f"{explain(error, code.folder)}",
            phase="import handler",
        ) from error
    return found


def _suggestion(name: str, among: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(among), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
