"""Module objects in `sys.modules` that answer each asker with its own module.

Under a name of an archive's, a router stands there while the archive's code runs: the archive gets
its own module, everybody else what stood there before. When the last such code returns,
`sys.modules` is as it was.
"""

import importlib.util
import sys
import threading
from dataclasses import dataclass, field
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

from ts_sdk.running import Code, is_active, is_archive_module, running_code

_lock = threading.RLock()

_SCANNED = frozenset(
    {
        "__builtins__",
        "__cached__",
        "__class__",
        "__dict__",
        "__doc__",
        "__file__",
        "__loader__",
        "__package__",
        "__warningregistry__",
    }
)
"""What `inspect`, `warnings` and debuggers read of everything in `sys.modules`: loads nothing."""


@dataclass
class _Route:
    """What one router knows.

    Attributes:
        name: The name that it stands under.
        placed: Whether its router stands in `sys.modules`.
        original: What stood there before.
        users: The codes that run and need it.
        keepers: The codes of which a thread that they started by themselves needs it: nobody says
            when such a thread has done with it.
    """

    name: str
    placed: bool = False
    original: ModuleType | None = None
    users: set[Code] = field(default_factory=set)
    keepers: set[Code] = field(default_factory=set)

    def target(self, attribute: str, *, wait: bool = True) -> ModuleType:
        """The module whose *attribute* the asker means, executed unless another thread is at it."""
        code = running_code()
        if code is None or not code.owns(self.name):
            found = self._for_program(attribute)
        elif attribute in _SCANNED:
            found = code.module(self.name) or self.original
        else:
            found = code.load(self.name, wait=wait)
        if found is None:
            raise AttributeError(
                f"module {self.name!r} belongs to an archive whose code is not running "
                f"(asked for {attribute!r})"
            )
        return found

    def _for_program(self, attribute: str) -> ModuleType | None:
        if not self.placed:  # somebody kept the router
            found = sys.modules.get(self.name)
            return found if type(found) is not Router else None
        if self.original is not None or attribute in _SCANNED:
            return self.original
        return self._import_for_program() or self._of_sole_user()

    def _import_for_program(self) -> ModuleType | None:
        """The program's module, which it imports for the first time while the router stands here.

        The import system is passed by: it would have to see `sys.modules` without the router.
        """
        spec = find_for_program(self.name)
        if spec is None or spec.loader is None:
            return None
        self.original = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(self.original)
        except BaseException:
            self.original = None
            raise
        return self.original

    def _of_sole_user(self) -> ModuleType | None:
        # A pool's thread that runs a library's function has no frame of the archive that it is for.
        codes = [code for code in tuple(self.users) if code.owns(self.name)]
        return codes[0].load(self.name) if len(codes) == 1 else None


def _holds_import_lock(frame: FrameType | None) -> bool:
    """Whether *frame* is the import system's own, at a package of what it is importing."""
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        if frame.f_code.co_name == "_find_and_load_unlocked":
            return True
        frame = frame.f_back
    return False


class Router(ModuleType):
    """Stands in `sys.modules` under one name."""

    def __init__(self, route: _Route) -> None:
        super().__init__(route.name)
        object.__setattr__(self, "_route", route)

    def __getattribute__(self, attribute: str) -> Any:  # noqa: ANN401 - any attribute of a module
        if attribute == "__name__":  # the same for all askers
            return _route_of(self).name
        wait = True
        if attribute in ("__path__", "__spec__"):
            asker = sys._getframe(1)  # noqa: SLF001 - who asks is in no argument
            if asker.f_code.co_name == "_find_spec":
                # The import system would load with the spec of what another thread has put here
                # since it began, and so a second time.
                return None
            wait = not _holds_import_lock(asker)
        return getattr(_route_of(self).target(attribute, wait=wait), attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:  # noqa: ANN401 - as above
        if attribute == "__spec__" and isinstance(getattr(value, "loader", None), RoutedLoader):
            return  # the import system labels what it believes it has loaded
        if type(value) is Router:  # it binds a submodule to its package
            value = _route_of(value).target("__path__", wait=False)
        setattr(_route_of(self).target(attribute, wait=False), attribute, value)

    def __delattr__(self, attribute: str) -> None:
        delattr(_route_of(self).target(attribute, wait=False), attribute)

    def __dir__(self) -> list[str]:
        return dir(_route_of(self).target("__dict__"))

    def __repr__(self) -> str:
        try:
            return repr(_route_of(self).target("__file__"))
        except AttributeError:
            return f"<module {_route_of(self).name!r} of an archive>"


def _route_of(router: Router) -> _Route:
    route: _Route = object.__getattribute__(router, "_route")
    return route


class _Routes:
    """The routers that stand in `sys.modules` now, and who needs them."""

    def __init__(self) -> None:
        self._depth: dict[Code, int] = {}
        self._names: dict[Code, set[str]] = {}
        self._routers: dict[str, Router] = {}

    def enter(self, code: Code) -> None:
        """*code* runs (once more) and needs its names."""
        with _lock:
            if code not in self._depth:
                names = code.names_to_route()  # while no other thread can load more, or leave
                self._names[code] = set()
                for name in names:
                    self.add(code, name)
            self._depth[code] = self._depth.get(code, 0) + 1

    def leave(self, code: Code) -> None:
        """*code* runs no more (than before it entered)."""
        with _lock:
            self._depth[code] -= 1
            if not self._depth[code]:
                del self._depth[code]
                for name in self._names.pop(code):
                    self._forsake(code, name)

    def add(self, code: Code, name: str) -> None:
        """Let *name* lead to a module that *code* loads while it runs."""
        with _lock:
            names = self._names.get(code)
            if names is not None and name not in names:
                names.add(name)
                _route_of(self.router(name)).users.add(code)

    def drop(self, code: Code, name: str) -> None:
        """*code* needs *name* no more."""
        with _lock:
            if name in self._names.get(code, ()):
                self._names[code].remove(name)
                self._forsake(code, name)

    def router(self, name: str) -> Router:
        """The router under *name*, put there if need be."""
        router = self._routers.get(name)
        if router is None:
            router = self._routers[name] = Router(_Route(name))
        route = _route_of(router)
        if not route.placed:
            route.placed, route.original = True, sys.modules.get(name)
        sys.modules[name] = router
        return router

    def lookup(self, code: Code, name: str) -> Router:
        """The router under *name* for *code*, which looks into `sys.modules` right after.

        In a thread that a handler started by itself it stays until the archive is closed.
        """
        with _lock:
            if not is_active():
                _route_of(self.router(name)).keepers.add(code)
                if "." in name:  # its packages are looked up too
                    self.lookup(code, name.rpartition(".")[0])
            return self.router(name)

    def taken_over(self, name: str) -> ModuleType | None:
        """What a module has put into its own place in `sys.modules`, which goes back to the router.

        Packages with lazy attributes do so while they are executed.
        """
        with _lock:
            router, found = self._routers.get(name), sys.modules.get(name)
            if router is None or found is None or found is router:
                return None
            sys.modules[name] = router
            return found

    def forget(self, code: Code) -> None:
        """*code* is closed."""
        with _lock:
            for name, router in tuple(self._routers.items()):
                route = _route_of(router)
                route.keepers.discard(code)
                if not route.users and not route.keepers:
                    _take_away(route, router)
                    del self._routers[name]

    def _forsake(self, code: Code, name: str) -> None:
        router = self._routers[name]
        route = _route_of(router)
        route.users.discard(code)
        if not route.users and not route.keepers:
            _take_away(route, router)


def _take_away(route: _Route, router: Router) -> None:
    if not route.placed:
        return
    found, original = sys.modules.get(route.name), route.original
    route.placed, route.original = False, None
    if found is not router and found is not None and not is_archive_module(found):
        return  # the program put a module of that name there meanwhile
    if original is not None:
        sys.modules[route.name] = original
    else:
        sys.modules.pop(route.name, None)


routes = _Routes()


class RoutedLoader(Loader):
    """Gives the import system the router of a module that the archive loads by itself."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The router under the module's name."""
        self._code.load(spec.name, wait=False)  # the import system holds a lock
        return routes.lookup(self._code, spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do: the archive has executed its module."""


def loaded_by_program(name: str) -> bool:
    """Whether the program, as opposed to an archive, has module *name*."""
    module = sys.modules.get(name)
    return _route_of(module).original is not None if type(module) is Router else module is not None


def find_for_program(name: str) -> ModuleSpec | None:
    """Where the program would find module *name* if there were no archives."""
    parent = sys.modules.get(name.rpartition(".")[0])
    for finder in sys.meta_path:
        spec: ModuleSpec | None = None
        if not getattr(finder, "answers_archives", False) and hasattr(finder, "find_spec"):
            spec = finder.find_spec(name, getattr(parent, "__path__", None))
        if spec is not None:
            return spec
    return None
