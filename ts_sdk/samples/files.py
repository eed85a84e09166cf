"""Where stored requests are read from: a folder, or an archive that is not unpacked."""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from archiver import Archive
from archiver.limits import DEFAULT_LIMITS
from archiver.samples import REQUEST_FILE
from ts_sdk.samples.errors import SampleError

LARGEST_BYTES = DEFAULT_LIMITS.max_read_bytes
"""How large a stored request may be, and each of its files."""


class Readable(Protocol):
    """Files that are read by name, ``/`` between the folders."""

    @property
    def where(self) -> str:
        """What to call the place in messages."""

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            SampleError: There is none, it leads elsewhere, or it is too large.
        """


class Files(Readable, Protocol):
    """Files whose names are known too."""

    def names(self) -> Collection[str]:
        """The names of all files."""


class FolderFiles:
    """The files below a folder; hidden ones are not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def where(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def names(self) -> Collection[str]:
        """The names of the files, sorted."""
        found = []
        for path in sorted(self._folder.rglob("*")):
            inner = path.relative_to(self._folder)
            if path.is_file() and not any(part.startswith(".") for part in inner.parts):
                found.append(inner.as_posix())
        return found

    def read(self, name: str) -> bytes:
        """The content of a file.

        Whoever fills a folder with samples may link to them; a stored request, which may come from
        somebody else, may not link to files outside of it.
        """
        path = self._folder / name
        try:
            is_part = (path.parent / REQUEST_FILE).is_file()
            if is_part and not path.resolve().is_relative_to(path.parent.resolve()):
                raise SampleError(f"{path} is a link out of its folder: copy the file there")
            if not path.is_file():
                raise SampleError(f"{path} is not there, or is no file")
            refuse_large(str(path), path.stat().st_size)
            return path.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SampleError(f"{path} cannot be read: {reason}") from error


class ArchiveFiles:
    """The members of an archive below one of its folders."""

    def __init__(self, archive: Archive, folder: str) -> None:
        self._archive = archive
        self._prefix = f"{folder}/"
        self._sizes = {
            member.name.removeprefix(self._prefix): member.size
            for member in archive.members
            if member.name.startswith(self._prefix)
        }

    @property
    def where(self) -> str:
        """The archive's path and the folder in it."""
        return f"{self._archive.path}: {self._prefix.rstrip('/')}"

    def names(self) -> Collection[str]:
        """The names of the members without their folder, sorted."""
        return sorted(self._sizes)

    def read(self, name: str) -> bytes:
        """The content of a member, compared with its checksum."""
        if name not in self._sizes:
            raise SampleError(f"{self.where}/{name} is not in the archive")
        refuse_large(f"{self.where}/{name}", self._sizes[name])
        return self._archive.read(self._prefix + name)


class FilesBelow:
    """The files of another place that lie in one folder there."""

    def __init__(self, files: Readable, folder: str) -> None:
        self._files = files
        self._prefix = f"{folder}/"

    @property
    def where(self) -> str:
        """The other place and the folder."""
        return f"{self._files.where}/{self._prefix.rstrip('/')}"

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return self._files.read(self._prefix + name)


def refuse_large(what: str, size: int) -> None:
    """Refuse what is larger than a request may be.

    Raises:
        SampleError: It is; *what* it is goes into the message.
    """
    if size > LARGEST_BYTES:
        raise SampleError(f"{what} has {size:,} bytes; a request may have {LARGEST_BYTES:,}")
