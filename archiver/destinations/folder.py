"""A plain folder with one file a member."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from archiver.destinations.flushed_file import FlushedFile, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.destinations.source_reader import SourceReader
    from archiver.plan import PlannedMember


class FolderDestination:
    """Writes a folder.

    Args:
        path: The folder, which exists and is empty.
        reader: Reads the sources.
    """

    def __init__(self, path: Path, reader: SourceReader) -> None:
        self._path = path
        self._reader = reader
        self._folders = {path}

    def add(self, member: PlannedMember) -> str:
        """Put a file in; return its SHA-256."""
        with self._new_file(member.name) as file:
            sha256 = self._reader.read(member, file.write)
            file.finish()
        return sha256

    def add_text(self, name: str, text: str) -> None:
        """Put a text in."""
        with self._new_file(name) as file:
            file.write(text.encode())
            file.finish()

    def finish(self) -> None:
        """Wait until the files' names are on the disk, as their content is already."""
        for folder in self._folders:
            sync_folder(folder)

    def close(self) -> None:
        """Do nothing: every file has been closed."""

    def _new_file(self, name: str) -> contextlib.closing[FlushedFile]:
        path = self._path.joinpath(*name.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._folders.update(folder for folder in path.parents if folder.is_relative_to(self._path))
        return contextlib.closing(FlushedFile(path))
