"""The manifest of a model that has none, as far as its files' names leave no doubt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archiver.manifest import Manifest, ModelEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_WEIGHT_SUFFIXES = (".pt", ".pth", ".safetensors", ".pt2", ".onnx")
_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".mar", ".zip")


def assume_manifest(path: Path, names: Sequence[str]) -> Manifest:
    """Make a manifest of what is there.

    Only files at the archive's root count, and only a file that is the single one of its kind:
    where two could be meant, none is.

    Args:
        path: The archive, which gives the model its name.
        names: The names of its members.
    """
    root = [name for name in names if "/" not in name]
    sources = [name for name in root if name.endswith(".py")]
    handler = (
        _only(sources, lambda name: name == "handler.py")
        or _only(sources, lambda name: "handler" in name)
        or _only(sources, lambda name: name != "model.py")
    )
    return Manifest(
        model=ModelEntry(
            model_name=_model_name(path),
            handler=handler,
            model_file=_only(sources, lambda name: name == "model.py" and name != handler),
            serialized_file=_only(root, lambda name: name.endswith(_WEIGHT_SUFFIXES)),
            config_file=_only(root, lambda name: name == "model-config.yaml"),
            requirements_file=_only(root, lambda name: name == "requirements.txt"),
        )
    )


def _only(names: Sequence[str], is_meant: Callable[[str], bool]) -> str | None:
    """Return the single name that is meant, or None when there are none or several."""
    meant = [name for name in names if is_meant(name)]
    return meant[0] if len(meant) == 1 else None


def _model_name(path: Path) -> str:
    """Name a model after its archive, in the characters that a model's name may have."""
    name = path.resolve().name
    for suffix in _ARCHIVE_SUFFIXES:
        name = name.removesuffix(suffix)
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", name).lstrip("_.-") or "model"
