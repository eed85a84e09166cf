"""One archive's own modules, kept apart from those of every other archive and of the program.

Each module of the archive gets a ``__builtins__`` of its own, whose ``__import__`` looks into the
archive first; Python takes that function for every import statement in the module, also a late one
inside a function and also in another thread. `ts_sdk.routing` answers for the rest.
"""

import builtins
import importlib.util
import os
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ts_sdk import routing
from ts_sdk.environment import OwnEnvironment, share, unshare
from ts_sdk.module_names import absolute_name, dotted
from ts_sdk.module_search import ModuleSearch
from ts_sdk.routers import Router, routes
from ts_sdk.running import running_code
from ts_sdk.torchserve.modules import check_names
from ts_sdk.working_directory import starting_in

_TRUST = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""`torch.load` asks for it, in torch 2.6 and later."""

_starting = threading.RLock()
"""The working directory and `sys.path` belong to the process: one archive starts at a time."""


def current_code() -> "ArchiveCode | None":
    """The archive whose code is running, None outside of any."""
    code = running_code()
    return code if isinstance(code, ArchiveCode) else None


class ArchiveCode:
    """The modules in one archive's folder.

    Args:
        folder: Where the archive's members are.
        keep_bytecode: Whether compiled modules are kept beside the sources; right for a folder
            whose files never change.
        alone: Whether the process is the archive's alone, so that its working directory,
            environment and `sys.path` are what the code makes of them.

    Attributes:
        at_close: What its code has started and cannot outlive it, ended by `close`.
    """

    def __init__(self, folder: Path, *, keep_bytecode: bool = True, alone: bool = False) -> None:
        self.folder = folder.resolve()
        self._own_builtins = {"__import__": self._import}
        self.builtins: dict[str, Any] = {**vars(builtins), **self._own_builtins}
        self._search = ModuleSearch(self.folder, keep_bytecode=keep_bytecode)
        self._modules: dict[str, ModuleType] = {}
        self._executing: dict[str, int] = {}
        self._waiting: dict[int, str] = {}
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        self._alone = alone
        self.environment = OwnEnvironment()
        self.at_close = ExitStack()
        routing.register(self)
        if not alone:
            share()

    @property
    def outside_paths(self) -> list[str]:
        """What the archive's code has put on `sys.path` that is no folder of it."""
        return self._search.outside_paths

    def close(self) -> None:
        """Forget the modules; what still refers to them goes on working but imports no more."""
        if not self._closed and not self._alone:
            unshare()
        self._closed = True
        self.at_close.close()
        routing.unregister(self)
        self._modules.clear()

    def trust_pickles(self) -> None:
        """Let `torch.load` in the code read full pickles where it does not say ``weights_only``."""
        if self._alone:
            os.environ[_TRUST] = "1"
        else:
            self.environment.changes[_TRUST] = "1"

    def running(self) -> AbstractContextManager[None]:
        """While the ``with`` block runs, module names lead this thread to this archive."""
        # What the program has put into or replaced in its builtins since; in one step.
        self.builtins.update(vars(builtins) | self._own_builtins)
        return routing.running(self)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """As `running`, in the archive's folder; afterwards cwd and `sys.path` are as before.

        What the code adds to `sys.path` or ``os.environ`` is remembered for this archive alone. In
        a process of its own, everything stays as the code has left it.
        """
        with _starting, self.running():
            path, entries, names = sys.path, list(sys.path), set(sys.modules)
            with starting_in(self.folder, stay=self._alone) as cwd:
                if cwd is not None:  # which the program's relative entries stay relative to
                    path[:] = [
                        str(Path(cwd, each)) if isinstance(each, str) else each for each in entries
                    ]
                self._search.program_path = tuple(path)
                self.environment.reaches_libraries = True
                try:
                    yield
                finally:
                    self.environment.reaches_libraries = False
                    self._search.remember_paths()
                    self._adopt_aliases(names)
                    if not self._alone:
                        self.environment.take_back_from_libraries()
                        path[:] = entries
                        sys.path = path

    def import_file(self, member: str) -> ModuleType:
        """The module in file *member*, such as ``handler.py`` or ``package/handler.py``.

        Raises:
            ModuleNotFoundError: There is no such file.
            Exception: Whatever the module's own code raises.
        """
        path = self.folder / f"{member.removesuffix('.py')}.py"
        root = path.parent
        while root != self.folder and (root / "__init__.py").is_file():
            root = root.parent
        for folder in (root, path.parent):  # a package's files may import each other either way
            self._search.add_root(str(folder))
        name = dotted(path, root)
        top = root / name.partition(".")[0]
        spec = self.find(top.name)
        if spec is not None and spec.origin not in (str(path), str(top / "__init__.py")):
            name = dotted(path, self.folder)  # another file of that name came first
        return self.load(name)

    def owns(self, name: str) -> bool:
        """Whether module *name* (absolute, dotted or not) is this archive's."""
        top = name.partition(".")[0]
        return top in self._modules or name in self._modules or self._search.has(top)

    def module(self, name: str) -> ModuleType | None:
        """The archive's module *name* if it is loaded or about to be."""
        return self._modules.get(name)

    def names_to_route(self) -> list[str]:
        """The loaded modules, and names of the archive that the program has modules under."""
        return [*self._modules, *self._search.names_loaded_by_program()]

    def invalidate_caches(self) -> None:
        """Look at the folders anew."""
        self._search.invalidate_caches()

    def find(self, name: str) -> ModuleSpec | None:
        """Where the archive's module *name* is; a parent must be loaded.

        Raises:
            ModuleNotFoundError: The parent is no package.
        """
        loaded = self._modules.get(name)
        if loaded is not None and getattr(loaded, "__spec__", None) is not None:
            return loaded.__spec__
        parent = name.rpartition(".")[0]
        if not parent:
            return self._search.find(name)
        folders = getattr(self._modules.get(parent), "__path__", None)
        if folders is None:
            raise ModuleNotFoundError(
                f"No module named {name!r}; {parent!r} is not a package", name=name
            )
        return self._search.find(name, list(folders))

    def load(self, name: str, *, wait: bool = True) -> ModuleType:
        """The archive's module *name*, executed if it is not loaded yet.

        Args:
            name: Its absolute name.
            wait: Whether another thread that executes it is waited for. Where that thread waits
                for this one, the module is given as it is, half executed, as Python does.

        Raises:
            ModuleNotFoundError: The archive has no such module.
            Exception: Whatever the module's own code raises.
        """
        module = self._modules.get(name)
        if module is not None and name not in self._executing:
            return module
        parent = name.rpartition(".")[0]
        if parent and parent not in self._modules:
            self.load(parent, wait=wait)
        with self._changed:
            if wait:
                self._await(name)
            if name in self._modules:
                return self._modules[name]
            module = self._create(name)
        return self._execute(module, name)

    def _await(self, name: str) -> None:
        me = threading.get_ident()
        while self._must_wait(name, me):
            self._waiting[me] = name
            try:
                self._changed.wait()
            finally:
                del self._waiting[me]

    def _must_wait(self, name: str, me: int) -> bool:
        thread = self._executing.get(name)
        if thread is None:
            return False
        while thread is not None and thread != me:
            thread = self._executing.get(self._waiting.get(thread, ""))
        return thread is None

    def _create(self, name: str) -> ModuleType:
        if self._closed:
            raise ImportError(f"the archive of module {name!r} is closed", name=name)
        spec = self.find(name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        module = importlib.util.module_from_spec(spec)
        vars(module)["__builtins__"] = self.builtins
        self._executing[name] = threading.get_ident()  # first: `load` looks without the lock
        self._modules[name] = module
        return module

    def _execute(self, module: ModuleType, name: str) -> ModuleType:
        parent_name, _, child = name.rpartition(".")
        parent = self._modules.get(parent_name)
        try:
            with self.running():
                routes.add(self, name)
                if parent is not None:
                    # Before it is executed, so that modules that import each other find it.
                    setattr(parent, child, module)
                if module.__spec__ is not None and module.__spec__.loader is not None:
                    module.__spec__.loader.exec_module(module)
                made = self._modules[name] = routes.taken_over(name) or module
        except BaseException:
            routes.drop(self, name)
            self._modules.pop(name, None)
            if getattr(parent, child, None) is module:
                delattr(parent, child)
            raise
        finally:
            with self._changed:
                del self._executing[name]
                self._changed.notify_all()
        if parent is not None:
            setattr(parent, child, made)
        return made

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the protocol's parameter names
        locals: Mapping[str, Any] | None = None,  # noqa: A002 - as above
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What import statements in the archive's modules call."""
        absolute = absolute_name(name, globals, level) if level else name
        if not self.owns(absolute):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = self.load(absolute)
        if not fromlist:
            if fromlist == [] and type(sys.modules.get(absolute)) is not Router:
                # Python's C code asks in this way (pickle), and then looks into `sys.modules`.
                routes.lookup(self, absolute)
            return module if level else self._modules[absolute.partition(".")[0]]
        self._load_submodules(module, fromlist)
        check_names(module, fromlist)
        return module

    def _load_submodules(self, package: ModuleType, names: Sequence[str]) -> None:
        if not hasattr(package, "__path__"):
            return
        for name in getattr(package, "__all__", ()) if "*" in names else names:
            dotted = f"{package.__name__}.{name}"
            if not hasattr(package, name) and self.find(dotted) is not None:
                self.load(dotted)

    def _adopt_aliases(self, names_before: Collection[str]) -> None:
        """Take back what the archive's code has put into `sys.modules` by itself."""
        for name in sys.modules.keys() - names_before:
            module = sys.modules[name]
            if type(module) is not Router and _has(module, self.builtins):
                self._modules[name] = module
                del sys.modules[name]


def _has(module: object, its_builtins: Mapping[str, Any]) -> bool:
    return getattr(module, "__dict__", {}).get("__builtins__") is its_builtins
