"""TorchServe's import names outside of archives, where they are asked for."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ts_sdk.routers import find_for_program, loaded_by_program
from ts_sdk.torchserve.modules import ROOT, OldModule, find_old_module


class _OldModuleFinder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's signature
    ) -> ModuleSpec | None:
        return find_old_module(fullname, path)


_finder = _OldModuleFinder()


def install() -> None:
    """Let the program import TorchServe's names; calling it twice does nothing.

    Raises:
        ImportError: There is another package of that name, which stays as it is.
    """
    if _finder in sys.meta_path:
        return
    spec = find_for_program(ROOT)
    if spec is not None or loaded_by_program(ROOT):
        place = _place_of(spec)
        raise ImportError(
            f"TorchServe's names cannot be installed: there is a package {ROOT!r} already{place}. "
            "Handlers in archives do not need them to be installed; for a program, take that "
            "package away or run in an environment without it",
            name=ROOT,
        )
    sys.meta_path.append(_finder)  # last, so that a package of that name is never hidden


def uninstall() -> None:
    """Take the names away again; what was imported by them stays usable."""
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] == ROOT and type(module) is OldModule:
            del sys.modules[name]


def _place_of(spec: ModuleSpec | None) -> str:
    if spec is None:
        return ""
    folders = [*(spec.submodule_search_locations or ())]
    found = spec.origin or (folders[0] if folders else None)
    return f" ({found})" if found else ""
