"""Which container a path is, told by its content and not by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.errors import InvalidArchiveError
from archiver.first_bytes import first_bytes_tell
from archiver.nearest import nearest_name
from archiver.sources.folder import FolderSource
from archiver.sources.tar_gz import TarGzSource
from archiver.sources.zip import ZipSource
from archiver.text import HEAD_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.limits import Limits
    from archiver.sources.source import Source

_ZIP_STARTS = (b"PK\3\4", b"PK\5\6")
_GZIP_START = b"\x1f\x8b"


def open_source(path: Path, limits: Limits) -> Source:
    """Open what is at *path* as the container that it is.

    Args:
        path: A file or a folder.
        limits: What it may hold.

    Raises:
        InvalidArchiveError: There is nothing, nothing that is a container, or a container that
            cannot be used.
    """
    try:
        if path.is_dir():
            return FolderSource(path, limits)
        if not path.is_file():
            raise InvalidArchiveError(path, [_no_file(path)])
        with path.open("rb") as file:
            head = file.read(HEAD_SIZE)
        if head.startswith(_ZIP_STARTS):
            return ZipSource(path, limits)
        if head.startswith(_GZIP_START):
            return TarGzSource(path, limits)
    except OSError as error:
        problem = f"it cannot be read: {error.strerror or error}"
        raise InvalidArchiveError(path, [problem]) from error
    raise InvalidArchiveError(path, [_no_container(head)])


def _no_file(path: Path) -> str:
    """Say what is at a path instead of a file or folder."""
    if path.exists():
        return "it is a device, a named pipe or a socket; give a file or a folder"
    if path.is_symlink():
        return f"it is a symbolic link to {path.readlink()}, which does not exist"
    if not path.parent.is_dir():
        return f"it does not exist, nor does the folder {path.parent}"
    nearest = nearest_name(path.name, (entry.name for entry in path.parent.iterdir()))
    meant = "" if nearest is None else f"; did you mean {path.parent / nearest}?"
    return f"it does not exist{meant}"


def _no_container(head: bytes) -> str:
    """Say what a file is that is no archive, and what to do."""
    if not head:
        return "it is empty: pack, copy or download it again"
    kind = first_bytes_tell(head)
    seen = "it is of an unknown kind" if kind is None else f"it looks like {kind}"
    return (
        f"{seen}; give a .mar, a .tar.gz or a folder; "
        "mar-pack makes one of a model's weights (--serialized-file) and its handler"
    )
