"""List what TorchServe's modules hold: a program for a process that finds it, which prints JSON.

Of each module its public names, with the module that each is from; of one that cannot be imported
here, None.
"""

import importlib
import json
import logging
import pkgutil
import sys
import types
import warnings


def names_of(module: types.ModuleType) -> list[str]:
    """What handlers can import from *module* and what is no module of its own package."""
    return [
        name
        for name, value in vars(module).items()
        if (not name.startswith("_") or name == "__version__")
        and not (isinstance(value, types.ModuleType) and value.__name__.startswith("ts."))
    ]


def main() -> None:
    """Print ``{module: [name, …] | None}``."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    import ts

    found: dict[str, list[str] | None] = {"ts": None}
    found |= {info.name: None for info in pkgutil.walk_packages(ts.__path__, "ts.")}
    for name in found:
        try:
            found[name] = names_of(importlib.import_module(name))
        except ImportError:
            continue
    json.dump(found, sys.stdout)


main()
