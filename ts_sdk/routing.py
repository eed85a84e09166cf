"""Module names lead each archive to its own modules.

Archives hold modules of equal names (`handler`, `model`, `utils`). An ``import`` statement inside
an archive is answered by that archive itself (see `ts_sdk.imports`). What looks modules up by name
elsewhere (`pickle`, `importlib.import_module`, `dataclasses`, `inspect`, `torch.jit`) reads
`sys.modules`, one dict for the whole process: while an archive's code runs, its names there hold
routers (see `ts_sdk.routers`), and a finder answers for what it has not loaded yet.

One thing stays out of reach: a thread that a handler started, in which only a library's code looks
a module up by name (``pool.submit(pickle.loads, data)``), does not tell which archive it works for.
It finds the right module while one archive that has the name runs. While several do it finds none,
and once the handler has returned it finds the program's.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from ts_sdk.routers import RoutedLoader, routes
from ts_sdk.running import Code, active, known_codes, running_code

_lock = threading.RLock()


@contextmanager
def running(code: Code) -> Iterator[None]:
    """Make *code* the one that runs in this thread or task, and its names lead to its modules."""
    with active(code):
        routes.enter(code)
        try:
            yield
        finally:
            routes.leave(code)


def register(code: Code) -> None:
    """Start answering for *code*."""
    with _lock:
        known_codes[id(code.builtins)] = code
        if _owned not in sys.meta_path:
            sys.meta_path.insert(0, _owned)
            sys.meta_path.append(_outside)


def unregister(code: Code) -> None:
    """Stop answering for *code*."""
    with _lock:
        routes.forget(code)
        known_codes.pop(id(code.builtins), None)
        if not known_codes and _owned in sys.meta_path:
            sys.meta_path.remove(_owned)
            sys.meta_path.remove(_outside)


class _OwnedFinder(MetaPathFinder):
    """Answers imports by name that archive code causes outside of its own import statements."""

    answers_archives = True

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's signature
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        code = running_code()
        if code is None or not code.owns(fullname):
            return None
        found = code.find(fullname)
        if found is None:
            return None
        spec = ModuleSpec(fullname, RoutedLoader(code), origin=found.origin)
        spec.submodule_search_locations = found.submodule_search_locations
        return spec

    def invalidate_caches(self) -> None:
        for code in tuple(known_codes.values()):
            code.invalidate_caches()


class _OutsideFinder(MetaPathFinder):
    """Looks, after all others, where archive code has put folders outside of it on `sys.path`."""

    answers_archives = True

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's signature
    ) -> ModuleSpec | None:
        code = running_code()
        if code is None or path is not None or not code.outside_paths:
            return None
        return PathFinder.find_spec(fullname, code.outside_paths)


_owned = _OwnedFinder()
_outside = _OutsideFinder()
