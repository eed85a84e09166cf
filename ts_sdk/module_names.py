"""Names of modules, from the files and the import statements that mean them."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def dotted(path: Path, root: Path) -> str:
    """The name of the module in file *path*, seen from the folder *root*."""
    return ".".join(path.with_suffix("").relative_to(root).parts)


def absolute_name(name: str, importer: Mapping[str, Any] | None, level: int) -> str:
    """The full name of what ``from ...name import`` means.

    Args:
        name: What stands behind the dots, if anything.
        importer: The variables of the module that the statement is in.
        level: The number of dots.

    Raises:
        ImportError: That module is in no package.
    """
    package = (importer or {}).get("__package__") or ""
    if not package:
        raise ImportError(
            f"attempted relative import ({'.' * level}{name}) in a file that is in no package: "
            f"import {name or 'it'} without dots, or put an __init__.py beside the file"
        )
    return importlib.util.resolve_name("." * level + name, package)
