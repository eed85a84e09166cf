"""Which files ``--extra-files`` stands for, and what they are called in the archive.

An entry is a file, a folder, a pattern such as ``labels/*.json``, or any of these followed by
``=dest``. Entries are separated by commas. A file that really exists is meant literally, whatever
characters its name has.
"""

from __future__ import annotations

import glob
import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.planning.named_file import NamedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ROLE = "extra file"
_UNWANTED_FOLDERS = frozenset({"__MACOSX", "__pycache__"})


@dataclass(slots=True)
class ExtraFiles:
    """Collects the files that the entries stand for.

    Attributes:
        keep_paths: Whether files keep the folders that their entry names.
        is_output: Tells which files of a folder, or of those that a pattern matches, are this
            program's own output and passed over.
        files: What was found so far.
        problems: A sentence for each entry that stands for nothing.
    """

    keep_paths: bool
    is_output: Callable[[Path], bool]
    files: list[NamedFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, entry: str | os.PathLike[str]) -> None:
        """Add what one argument stands for.

        Args:
            entry: Text with one entry or several, or a path, which is taken literally.
        """
        if not isinstance(entry, str):
            self._add_path(os.fspath(entry), None)
            return
        for part in _split_at_commas(entry):
            source, destination = _split_destination(part)
            if _exists(source) or not glob.has_magic(source):
                self._add_path(source, destination)
            else:
                self._add_pattern(source, destination)

    def _add_pattern(self, pattern: str, destination: str | None) -> None:
        """Add what a pattern matches, folders with their contents."""
        found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 -- keeps paths as given
        matches = [match for match in found if not self.is_output(Path(match))]
        if "**" in pattern:
            # Each file under a matched folder is a match of its own.
            matches = [match for match in matches if not os.path.isdir(match)]  # noqa: PTH112
        if not matches:
            self.problems.append(f"the pattern {pattern!r} in --extra-files matches no file")
        if destination is not None and not destination.endswith("/") and len(matches) > 1:
            self.problems.append(
                f"the pattern {pattern!r} in --extra-files matches {len(matches)} files, "
                f"which cannot all be {destination!r}; end it with '/' to name a folder"
            )
            return
        for match in matches:
            self._add_path(match, destination)

    def _add_path(self, source: str, destination: str | None) -> None:
        """Add a file, or all files of a folder."""
        path = Path(source)
        if path.is_dir():
            prefix = _folder_name(source) if self.keep_paths else ""
            if destination is not None:
                prefix = destination
            for file in self._files_below(path):
                inner = file.relative_to(path).as_posix()
                self._add_file(_joined(prefix, inner), file)
            return
        name = _folder_name(source) if self.keep_paths else path.name
        if destination is not None:
            is_folder = destination in {"", "."} or destination.endswith("/")
            name = _joined(destination, path.name) if is_folder else _joined("", destination)
        self._add_file(name, path)

    def _add_file(self, name: str, path: Path) -> None:
        self.files.append(NamedFile(name, path, _ROLE))

    def _files_below(self, folder: Path) -> Iterator[Path]:
        """Yield a folder's files in a fixed order, links followed, as TorchServe's tool does.

        Hidden folders and what Python and macOS leave behind are passed over.
        """
        yield from self._walk(folder, (folder.resolve(),))

    def _walk(self, folder: Path, ancestors: tuple[Path, ...]) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            self.problems.append(f"the folder {folder} cannot be read: {error.strerror}")
            return
        for entry in entries:
            if self.is_output(entry):
                continue
            if not entry.is_dir():
                yield entry
            elif not entry.name.startswith(".") and entry.name not in _UNWANTED_FOLDERS:
                real = entry.resolve()
                if real in ancestors:
                    self.problems.append(f"the folder {entry} is a link to a folder that holds it")
                else:
                    yield from self._walk(entry, (*ancestors, real))


def _split_at_commas(text: str) -> Iterable[str]:
    """Part a list at its commas, except those that belong to the name of an existing file."""
    pieces = text.split(",")
    while pieces:
        for count in range(len(pieces), 0, -1):
            part = ",".join(pieces[:count]).strip()
            source, destination = _split_destination(part)
            if count == 1 or (_exists(source) and "," not in (destination or "")):
                break
        del pieces[:count]
        if part:
            yield part


def _split_destination(text: str) -> tuple[str, str | None]:
    """Part ``src=dest``, at the last ``=`` before which there is an existing file."""
    if _exists(text) or "=" not in text:
        return text, None
    pieces = text.split("=")
    for count in range(len(pieces) - 1, 0, -1):
        source = "=".join(pieces[:count]).strip()
        if _exists(source):
            return source, "=".join(pieces[count:]).strip()
    source, _, destination = text.rpartition("=")
    return source.strip(), destination.strip()


def _exists(path: str) -> bool:
    """Tell whether there is something of this name, be it a link that leads nowhere."""
    return os.path.lexists(path)


def _folder_name(source: str) -> str:
    """Return a path as given, in a member name's form."""
    return _joined("", source.replace(os.sep, "/"))


def _joined(prefix: str, name: str) -> str:
    """Join two parts of a member's name, without ``.`` and doubled slashes; ``..`` stays."""
    kept = [part for part in f"{prefix.rstrip('/')}/{name}".split("/") if part not in {"", "."}]
    is_absolute = posixpath.isabs(prefix) or (not prefix and posixpath.isabs(name))
    return ("/" if is_absolute else "") + "/".join(kept)
