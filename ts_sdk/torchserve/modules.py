"""TorchServe's modules, made when they are imported.

Each archive has its own, so that a handler which replaces something in one changes it for nobody
else; the classes in them are the same for all.
"""

import builtins
import importlib
import importlib.util
import logging
from collections.abc import Iterable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from ts_sdk.torchserve.names import (
    is_package,
    knows,
    names_in,
    nearest_names,
    offer_for,
    submodules_of,
    why_not,
)
from ts_sdk.torchserve.omissions import why_omitted
from ts_sdk.torchserve.table import LOGGER, OFFERED, TABLE

ROOT: Final = "ts"
"""The package that all of them are in."""

_PLACE = "<ts_sdk.torchserve>"
"""The folder in which the packages look for their modules; there is none of that name."""


def find_old_module(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Where TorchServe's module *name* is.

    Args:
        name: Its full name.
        path: The ``__path__`` of its package; None for a name without a dot.

    Returns:
        None when it is no module of TorchServe, or its package is another's.

    Raises:
        ModuleNotFoundError: TorchServe has no such module, or it is left out; the message says why.
    """
    is_ours = name == ROOT if path is None else _PLACE in path
    if not is_ours:
        return None
    if not knows(name):
        raise ModuleNotFoundError(why_not(name), name=name)
    spec = ModuleSpec(name, _OldModuleLoader(), origin=_PLACE)
    spec.submodule_search_locations = [_PLACE] if is_package(name) else None
    return spec


def check_names(module: ModuleType, names: Iterable[str]) -> None:
    """Check that *names* can be imported from *module*, if it is an old one.

    Python's own error would not say what became of a name.

    Raises:
        ImportError: One cannot; the message says why.
    """
    if not isinstance(module, OldModule):
        return
    for name in names:
        try:
            _ = name == "*" or getattr(module, name)
        except AttributeError as error:
            place = module.__name__
            is_unknown = name not in names_in(place) and why_omitted(place, name) is None
            why = nearest_names(place, name) if is_unknown else error
            raise ImportError(
                f"cannot import name {name!r} from {place!r}: {why}", name=place
            ) from error


class OldModule(ModuleType):
    """One of TorchServe's modules, whose names are looked up when they are asked for."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a module
        module = self.__name__
        if name == "__all__":
            return [known for known in _available_in(module) if not known.startswith("_")]
        if name in names_in(module) or not name.startswith("_"):
            value = self._value_of(name)
            vars(self)[name] = value
            return value
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        module = self.__name__
        return sorted({*vars(self), *_available_in(module), *submodules_of(module)})

    def _value_of(self, name: str) -> Any:  # noqa: ANN401 - as above
        submodule = f"{self.__name__}.{name}"
        if submodule in TABLE:
            return self._import(submodule)
        home = names_in(self.__name__).get(name)
        if home is not None and home.attribute is None and home.module in TABLE:
            return self._import(home.module)
        return _value_of(self.__name__, name)

    def _import(self, name: str) -> ModuleType:
        """Old module *name* as whoever owns this one imports it: an archive has its own."""
        own = vars(self).get("__builtins__", vars(builtins))
        module: ModuleType = own["__import__"](name, vars(self), None, ["__name__"])
        return module


class _OldModuleLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return OldModule(spec.name, f"TorchServe's {spec.name}, as ts_sdk spells it.")

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is done before a name is asked for."""


def _value_of(module: str, name: str) -> Any:  # noqa: ANN401 - what the name stands for
    """What *name* of old module *module* stands for.

    Raises:
        AttributeError: It has no such name, or a package that it needs is missing.
    """
    home = names_in(module).get(name)
    if home is None or home.module == OFFERED:
        return _offered(module, name)
    where, attribute = home
    if where == LOGGER:
        return logging.getLogger(module)
    package = _missing_package(where)
    if package is not None:
        raise AttributeError(
            f"{module}.{name} needs the package {package!r}, which is not installed"
        )
    if attribute is None:
        return importlib.import_module(where)
    if where in TABLE:
        return _value_of(where, attribute)
    return getattr(importlib.import_module(where), attribute)


def _offered(module: str, name: str) -> Any:  # noqa: ANN401 - as above
    """*name* from the module that a package offers under the old module's name."""
    offer = offer_for(module)
    if offer is not None:
        value = getattr(offer.load(), name, None)
        if value is not None:
            return value
    elif name in names_in(module):
        raise AttributeError(
            f"{module}.{name} is offered by none of the installed packages (entry-point group "
            "ts_sdk.torchserve); install ts-sdk anew"
        )
    raise AttributeError(why_not(module, name))


def _available_in(module: str) -> list[str]:
    """The names in *module* that can be had here and now."""
    offer = offer_for(module) if OFFERED in TABLE.get(module, (OFFERED,)) else None
    if module not in TABLE and offer is not None:
        return [name for name in dir(offer.load()) if not name.startswith("_")]
    return [
        name
        for name, home in names_in(module).items()
        if (offer is not None if home.module == OFFERED else _missing_package(home.module) is None)
    ]


def _missing_package(module: str) -> str | None:
    """The package that *module* is in, if it is not installed."""
    top = module.partition(".")[0]
    if top in {ROOT, LOGGER.partition(".")[0]}:
        return None
    return None if importlib.util.find_spec(top) is not None else top
