"""A process of its own that imports a handler's module and prints, as JSON, what that changed.

What the installed packages that it imports do by themselves is not the handler's fault: they are
imported before.
"""

import ast
import contextlib
import importlib
import importlib.util
import json
import os
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from ts_sdk.testing.watching.auditing import watching_writes
from ts_sdk.testing.watching.process_settings import changes, process_settings


def main(target: dict[str, Any]) -> list[str]:
    """Import *target* and say what changed: one phrase a change, to follow "importing it"."""
    import torch  # so that what torch itself does is not counted

    torch.zeros(1)
    import_it = _prepared(target)
    with watching_writes() as written, redirect_stdout(sys.stderr):
        before, after = import_it()
    found = changes(before, after)
    found += [f"writes {path}" for path in dict.fromkeys(written) if path != Path(os.devnull)]
    return found


_Settings = dict[str, Any]


def _prepared(target: dict[str, Any]) -> Callable[[], tuple[_Settings, _Settings]]:
    """What imports the module and gives the settings before and after, once all else is ready."""
    if "archive" not in target:
        sys.path[:] = target["path"]
        _import_installed(_imported_by(Path(target["file"])), {target["module"].partition(".")[0]})
        return lambda: _around(lambda: _import_file(target["module"], target["file"]))
    from archiver import Archive
    from ts_sdk.cache import ExtractionCache
    from ts_sdk.entry_points import find_handler
    from ts_sdk.imports import ArchiveCode

    with Archive.open(Path(target["archive"])) as archive:
        named = archive.manifest.model.handler or "base_handler"
        folder = archive.path.resolve()
        if archive.form != "folder":
            folder = ExtractionCache().lease(archive).folder.resolve()
    own = {path.relative_to(folder).parts[0].removesuffix(".py") for path in folder.rglob("*.py")}
    for file in folder.rglob("*.py"):
        _import_installed(_imported_by(file), own)
    code = ArchiveCode(folder)

    def import_handler() -> tuple[_Settings, _Settings]:
        with code.starting():  # which gives an archive an environment of its own
            return _around(lambda: find_handler(code, named))

    return import_handler


def _around(work: Callable[[], object]) -> tuple[_Settings, _Settings]:
    before = process_settings()
    work()
    return before, process_settings()


def _imported_by(file: Path) -> Iterator[str]:
    """The modules that *file* imports when it is imported itself, as far as it names them."""
    try:
        waiting: list[ast.AST] = [ast.parse(file.read_bytes())]
    except SyntaxError:  # which the import tells
        return
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _import_installed(names: Iterable[str], own: Collection[str]) -> None:
    """Import those of *names* that are Python's own or installed, and not the handler's *own*."""
    kinds = ("stdlib", "purelib", "platlib")
    places = tuple(os.path.realpath(sysconfig.get_path(kind)) + os.sep for kind in kinds)
    for name in names:
        top = name.partition(".")[0]
        if top in own:
            continue
        with contextlib.suppress(Exception):  # where it fails, the handler's import says so
            spec = importlib.util.find_spec(top)
            if spec and spec.origin and os.path.realpath(spec.origin).startswith(places):
                importlib.import_module(name)


def _import_file(name: str, file: str) -> ModuleType:
    """The module *name*, by its name where that leads to *file*, else from there."""
    spec = importlib.util.find_spec(name) if "." not in name else None
    if spec is not None and spec.origin == file:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201 - how the result gets back
