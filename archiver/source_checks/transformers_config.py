"""Is there a model as the library transformers saves it: a `config.json` that says its kind?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# The built-in handler that such a model needs no model file for.
HANDLER = "text_classifier"
_CONFIG = "config.json"


def holds_transformers_model(paths: Iterable[Path]) -> bool:
    """Tell whether one of the files is the description of such a model.

    Args:
        paths: Files that exist and can be read.
    """
    return any(path.name == _CONFIG and _names_model_type(path) for path in paths)


def _names_model_type(path: Path) -> bool:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("model_type"), str)
