"""Which modules an archive has: in its folder, and in folders that its code puts on `sys.path`."""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType

from ts_sdk.routers import find_for_program, loaded_by_program
from ts_sdk.torchserve.modules import ROOT as TORCHSERVE
from ts_sdk.torchserve.modules import find_old_module

_NEVER_OWNED = frozenset({"ts_sdk"})
"""A copy of the SDK in a folder of sources would have classes of its own, equal to none of ours."""


class _UncachedLoader(SourceFileLoader):
    """Compiles anew each time: bytecode files miss an edit made within the same second."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class ModuleSearch:
    """Finds the modules of one archive.

    Args:
        folder: Where the archive's members are, an absolute path without links.
        keep_bytecode: Whether compiled modules are kept beside the sources.

    Attributes:
        outside_paths: What the archive's code has put on `sys.path` that is no folder of it.
        program_path: What was on `sys.path` before the archive's code ran.
    """

    def __init__(self, folder: Path, *, keep_bytecode: bool) -> None:
        self.outside_paths: list[str] = []
        self.program_path = tuple(sys.path)
        self._folder = str(folder)
        self._roots = [self._folder]
        self._loader = SourceFileLoader if keep_bytecode else _UncachedLoader
        self._finders: dict[str, FileFinder] = {}
        self._owned: dict[str, bool] = {}
        self._shared_names: frozenset[str] | None = None
        self._clashing: list[str] = []
        self._clashing_at: tuple[int, set[str]] | None = None
        self._paths_followed: list[str] = []

    def has(self, top: str) -> bool:
        """Whether *top*, a name without a dot, is a module of the archive."""
        if sys.path != self._paths_followed:
            self._follow_sys_path()
        owned = self._owned.get(top)
        if owned is None:
            owned = self._finds(top)
            if owned or loaded_by_program(top):
                self._owned[top] = owned  # what nobody has yet may still be written
        return owned

    def find(self, name: str, folders: Sequence[str] | None = None) -> ModuleSpec | None:
        """Where module *name* is, among *folders* or the archive's own; TorchServe's come after.

        Raises:
            ModuleNotFoundError: It would be a module of TorchServe's, which has none of that name.
        """
        namespace: ModuleSpec | None = None
        for folder in self._roots if folders is None else folders:
            spec = self._finder(folder).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
            namespace = namespace or spec
        # Before a folder without __init__.py, as an installed package is.
        return find_old_module(name, folders) or namespace

    def names_loaded_by_program(self) -> list[str]:
        """Modules in `sys.modules` under names that are the archive's too."""
        clashing = {name for name in self._top_names() & sys.modules.keys() if self.has(name)}
        if not clashing:
            return []
        looked_at = (len(sys.modules), clashing)  # looking at all names takes longest
        if looked_at != self._clashing_at:
            below = tuple(f"{name}." for name in clashing)
            submodules = (name for name in tuple(sys.modules) if name.startswith(below))
            self._clashing = [*clashing, *submodules]
            self._clashing_at = looked_at
        return self._clashing

    def add_root(self, folder: str, *, first: bool = False) -> None:
        """Find modules in *folder* too, before (*first*) or after the folders known already."""
        if folder not in self._roots:
            self._roots.insert(0 if first else len(self._roots), folder)
            self._shared_names = None
            self._owned = {name: True for name, owned in self._owned.items() if owned}

    def remember_paths(self) -> None:
        """Keep what the archive's code has added to `sys.path`."""
        self._follow_sys_path()
        for entry in sys.path:
            if isinstance(entry, str) and entry not in self.program_path:
                path = os.path.realpath(entry)
                if path not in self._roots and path not in self.outside_paths:
                    self.outside_paths.append(path)

    def invalidate_caches(self) -> None:
        """Look at the folders anew."""
        for finder in tuple(self._finders.values()):
            finder.invalidate_caches()

    def _follow_sys_path(self) -> None:
        """Look into folders of the archive that are on `sys.path`."""
        inside = {entry: path for entry in sys.path if (path := self._inside(entry))}
        for entry in reversed(_inserted(self.program_path)):
            if entry in inside and Path(inside[entry]).is_dir():
                self.add_root(inside[entry], first=True)
        for path in inside.values():
            if Path(path).is_dir():
                self.add_root(path)
        if all(Path(path).is_dir() for path in inside.values()):  # else it may be made yet
            self._paths_followed = list(sys.path)

    def _finds(self, top: str) -> bool:
        if top in _NEVER_OWNED:
            return False
        standard = top in sys.builtin_module_names or top in sys.stdlib_module_names
        if standard and loaded_by_program(top):
            return False  # as in the old worker, where it was imported before the archive's path
        spec = self.find(top)
        if spec is None:
            return False
        # A folder without __init__.py is a module only when nothing installed has its name.
        return spec.loader is not None or not _is_installed(top)

    def _finder(self, folder: str) -> FileFinder:
        if folder not in self._finders:
            self._finders[folder] = FileFinder(
                folder,
                (ExtensionFileLoader, EXTENSION_SUFFIXES),
                (self._loader, SOURCE_SUFFIXES),
                (SourcelessFileLoader, BYTECODE_SUFFIXES),
            )
        return self._finders[folder]

    def _top_names(self) -> frozenset[str]:
        if self._shared_names is None:
            roots = [root for root in self._roots if os.path.isdir(root)]  # noqa: PTH112 - they are strings
            entries = (entry for root in roots for entry in os.listdir(root))  # noqa: PTH208 - names are all that is needed
            names = {entry.partition(".")[0] for entry in entries}
            self._shared_names = frozenset(names | {TORCHSERVE})
        return self._shared_names

    def _inside(self, entry: object) -> str | None:
        """*entry* of `sys.path` as a place in the archive's folder, None when it is none."""
        if not isinstance(entry, str):  # Python ignores it too
            return None
        path = os.path.realpath(entry)
        return path if path == self._folder or path.startswith(self._folder + os.sep) else None


def _inserted(before: Sequence[str]) -> list[str]:
    """The entries of `sys.path` that stand in front of those that were there *before*."""
    entries: list[str] = []
    for entry in sys.path:
        if entry in before:
            break
        entries.append(entry)
    return entries


def _is_installed(top: str) -> bool:
    spec = find_for_program(top)
    return spec is not None and spec.loader is not None
