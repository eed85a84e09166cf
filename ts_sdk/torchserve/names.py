"""TorchServe's old import names, looked up in the table and among what packages offer."""

import difflib
import importlib.metadata
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint
from typing import Final, NamedTuple

from archiver.nearest import nearest_name
from ts_sdk.torchserve.omissions import why_omitted
from ts_sdk.torchserve.table import IMPORT, TABLE

GROUP = "ts_sdk.torchserve"
"""Entry-point group through which packages offer a module under an old module's name."""

MODULES: Final = tuple(TABLE)
"""The old modules that handlers can import here."""

_MOST_SHOWN = 6
_NEAREST_SHOWN = 3


class Home(NamedTuple):
    """Where a name is defined; the module may be an old one in turn.

    Attributes:
        module: The module; `LOGGER` and `OFFERED` of the table stand for none.
        attribute: The name in it; None when the module itself is meant.
    """

    module: str
    attribute: str | None


@cache
def names_in(module: str) -> Mapping[str, Home]:
    """The names in old module *module* → where they are; submodules are not among them."""
    homes: dict[str, Home] = {}
    for where, imported in TABLE.get(module, {}).items():
        for each in imported.split(", "):
            name, _, other = each.partition(" as ")
            homes[other or name] = Home(name, None) if where == IMPORT else Home(where, name)
    return homes


def submodules_of(module: str) -> list[str]:
    """The names of the modules that are directly in package *module*."""
    below = f"{module}."
    inside = (name.removeprefix(below) for name in MODULES if name.startswith(below))
    return [name for name in inside if "." not in name]


def is_package(module: str) -> bool:
    """Whether old module *module* may have modules in it."""
    return not TABLE.get(module, True) or bool(submodules_of(module))


def offer_for(module: str) -> EntryPoint | None:
    """What an installed package offers under the name of old module *module*."""
    offers = importlib.metadata.entry_points(group=GROUP, name=module)
    return next(iter(offers), None)


def knows(module: str, name: str | None = None) -> bool:
    """Whether old module *module*, or *name* in it, can be imported by a handler.

    Args:
        module: Its full name, such as ``ts.torch_handler.base_handler``.
        name: A name in it, or that of a submodule; None asks for the module.
    """
    if name is None:
        return module in TABLE or offer_for(module) is not None
    if name in names_in(module) or f"{module}.{name}" in TABLE:
        return True
    offer = offer_for(module)
    return offer is not None and not name.startswith("_") and hasattr(offer.load(), name)


def why_not(module: str, name: str | None = None) -> str:
    """What to say of old module *module*, or of *name* in it, which is not known."""
    full = module if name is None else f"{module}.{name}"
    reason = why_omitted(module, name)
    if reason is not None:
        return f"{full} of TorchServe is left out here: {reason}"
    if name is None:
        near = nearest_name(module, MODULES)
        return (
            f"TorchServe 0.12 has no module {module!r}, or it is not supported here"
            f"{f'; did you mean {near!r}?' if near else ''} "
            "(ts_sdk.torchserve.MODULES lists what is)"
        )
    return f"{module} has no name {name!r} here; {nearest_names(module, name)}"


def nearest_names(module: str, name: str) -> str:
    """What to say of the names that old module *module* has, where *name* is not among them."""
    names = [each for each in names_in(module) if not each.startswith("_")]
    known = sorted({*names, *submodules_of(module)})
    near = nearest_name(name, known)
    shown = known
    if len(known) > _MOST_SHOWN:
        shown = difflib.get_close_matches(name, known, n=_NEAREST_SHOWN, cutoff=0.0)
    more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    meant = f"did you mean {near!r}? " if near else ""
    return f"{meant}it has {', '.join(shown) or 'none'}{more}"
