"""Classes by their modules and by their names."""

import importlib
import inspect
from types import ModuleType
from typing import Any


def list_classes_from_module(module: ModuleType, parent_class: type | None = None) -> list[type]:
    """The classes that *module* defines itself, in the order of their names.

    Args:
        module: A module.
        parent_class: Only subclasses of it (it is one itself); None for all classes.
    """
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__
        and (parent_class is None or issubclass(found, parent_class))
    ]


def import_class(class_name: str, module_prefix: str | None = None) -> Any:  # noqa: ANN401 - whatever has that name
    """The class called *class_name*.

    Args:
        class_name: ``module.Class``, or a class in *module_prefix*.
        module_prefix: The package that the module is in.

    Raises:
        ImportError: There is no such class.
    """
    module_name, _, name = (class_name or "").rpartition(".")
    path = ".".join(part for part in (module_prefix, module_name) if part)
    if not path or not name:
        raise ImportError(f"a class is named as module.Class, not {class_name!r}")
    found = getattr(importlib.import_module(path), name, None)
    if found is None:
        raise ImportError(f"module {path!r} has no class {name!r}", name=path)
    return found
