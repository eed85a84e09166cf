"""The names that TorchServe's own package had, which resolve inside of an archive."""

from ts_sdk.torchserve.modules import ROOT
from ts_sdk.torchserve.names import MODULES, names_in, offer_for, submodules_of, why_not


def is_old_name(module: str) -> bool:
    """Whether *module* is one that TorchServe's package had, or would be in it."""
    return module.partition(".")[0] == ROOT


def old_name_problem(module: str, name: str | None = None) -> str | None:
    """Why old module *module*, or *name* in it, cannot be imported by a handler.

    What another package offers under an old name is taken to have all names: only importing it
    would tell.

    Args:
        module: The module's full name.
        name: A name in it; None asks for the module.
    """
    is_offered = offer_for(module) is not None
    if module not in MODULES and not is_offered:
        return why_not(module)
    if name in (None, "*") or is_offered:
        return None
    is_there = name in names_in(module) or name in submodules_of(module)
    return None if is_there else why_not(module, name)
