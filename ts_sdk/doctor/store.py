"""A folder of archives, such as TorchServe's model store."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import DEFAULT_LIMITS
from archiver.names import MANIFEST_NAME
from ts_sdk.doctor.examination import examine
from ts_sdk.doctor.findings import Report

if TYPE_CHECKING:
    from archiver import Limits

_SUFFIXES = (".mar", ".tar.gz", ".tgz")


def is_store(path: Path) -> bool:
    """Whether *path* is a folder that holds archives, and is none itself.

    A folder with a manifest is an archive. Without one it is a store when there are archive files
    in it, or folders with a manifest or a handler and no Python file beside them.
    """
    return path.is_dir() and not (path / MANIFEST_NAME).is_file() and bool(archives_in(path))


def archives_in(folder: Path) -> list[Path]:
    """The archives that lie directly in *folder*, by name."""
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    files = [entry for entry in entries if entry.name.endswith(_SUFFIXES) and entry.is_file()]
    holds_sources = any(entry.suffix == ".py" for entry in entries)
    folders = [
        entry
        for entry in entries
        if entry.is_dir()
        and ((entry / MANIFEST_NAME).is_file() or (not holds_sources and _has_handler(entry)))
    ]
    return sorted([*files, *folders])


def examine_store(
    folder: str | os.PathLike[str], *, limits: "Limits" = DEFAULT_LIMITS
) -> list[Report]:
    """Examine every archive in a folder, also after one that cannot be opened.

    Args:
        folder: The folder; what lies in its subfolders is not looked for.
        limits: What each archive may hold.

    Returns:
        One report for each, by name; see `ts_sdk.doctor.examine`.

    Raises:
        OSError: The folder cannot be read.
    """
    return [examine(path, limits=limits) for path in archives_in(Path(folder))]


def _has_handler(folder: Path) -> bool:
    return any("handler" in entry.name for entry in folder.glob("*.py"))
