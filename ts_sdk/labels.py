"""Class names: `index_to_name.json` in the three shapes that archives hold."""

import json
from pathlib import Path

from ts_sdk.errors import ConfigError

LABELS_FILE = "index_to_name.json"


def read_labels(folder: Path) -> dict[str, str] | None:
    """The class names in *folder*, from class number (as text) to name; None without a file.

    Args:
        folder: Where the archive's members are. Its `index_to_name.json` holds
            ``{"0": "name"}``, ``{"0": ["id", "name"]}`` or ``{"object_type_names": [...]}``
            (the shapes that TorchServe 0.12 reads).

    Raises:
        ConfigError: The file is not JSON or has another shape.
    """
    return read_labels_file(folder / LABELS_FILE)


def read_labels_file(path: Path) -> dict[str, str] | None:
    """The class names in the file *path*; see `read_labels`."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f'{path.name} must hold {{"0": "name", ...}}, not a {_kind(found)}')
    names = found.get("object_type_names", found)
    if isinstance(names, list):
        names = {str(number): name for number, name in enumerate(names)}
    if not isinstance(names, dict):
        raise ConfigError(f"{path.name}: object_type_names must be a list, not a {_kind(names)}")
    return {str(number): _name(number, value, path) for number, value in names.items()}


def _name(number: str, value: object, path: Path) -> str:
    name = value[-1] if isinstance(value, list) and value else value
    if not isinstance(name, str):
        raise ConfigError(
            f"{path.name}: class {number} must have a name or [id, name], not {value!r}"
        )
    return name


def _kind(value: object) -> str:
    return type(value).__name__
