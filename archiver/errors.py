"""The errors of this package.

::

    ArchiveError
    ├── PackError              what was asked for cannot be packed; every problem at once
    │   └── SourceChangedError a source file changed while it was being packed
    ├── TargetExistsError      the target is there already and may not be replaced
    ├── ManifestError          MAR-INF/MANIFEST.json is no manifest
    ├── UnknownMemberError     the archive has no member of that name
    └── InvalidArchiveError    a file or folder that cannot be used as an archive
        ├── UnsafeArchiveError     a member would be written outside its folder, or is no plain file
        ├── CorruptArchiveError    bytes are missing or are not those that were packed
        └── LimitExceededError     more members or more bytes than the limits allow

Each error keeps what it was made from in ``args``, so that it survives pickling on its way
from one process to another.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable


class ArchiveError(Exception):
    """Anything that goes wrong with an archive."""


class PackError(ArchiveError):
    """What was asked for cannot be packed.

    Attributes:
        problems: One sentence for each thing that is wrong, in the order of the arguments.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return _listed("nothing was packed", self.problems)


class SourceChangedError(PackError):
    """A source file was written to while it was being packed.

    Attributes:
        path: The file that changed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        problem = (
            f"{self.path} changed while it was being packed; "
            "pack again when whatever writes to it has finished"
        )
        super().__init__([problem])
        self.args = (self.path,)


class TargetExistsError(ArchiveError):
    """The target is there already and may not be replaced.

    Attributes:
        path: What is in the way.
        reason: Why it is not replaced, and what to do.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        reason: str = "give --force (force=True) to replace it",
    ) -> None:
        self.path = Path(path)
        self.reason = reason
        super().__init__(self.path, self.reason)

    def __str__(self) -> str:
        return f"{self.path} already exists: {self.reason}"


class ManifestError(ArchiveError):
    """A MANIFEST.json that is no manifest.

    Attributes:
        path: The archive or the file that it was read from; None when it was read from memory.
        problems: One sentence for each thing that is wrong.
    """

    def __init__(self, path: str | os.PathLike[str] | None, problems: Iterable[str]) -> None:
        self.path = None if path is None else Path(path)
        self.problems = tuple(problems)
        super().__init__(self.path, self.problems)

    def __str__(self) -> str:
        subject = "the manifest" if self.path is None else f"the manifest of {self.path}"
        return _listed(f"{subject} is not valid", self.problems)


class UnknownMemberError(ArchiveError, LookupError):
    """A member was asked for that the archive does not have.

    Attributes:
        path: The archive.
        name: What was asked for.
        nearest: The member whose name is most like it, or None.
    """

    def __init__(self, path: str | os.PathLike[str], name: str, nearest: str | None = None) -> None:
        self.path = Path(path)
        self.name = name
        self.nearest = nearest
        super().__init__(self.path, self.name, self.nearest)

    def __str__(self) -> str:
        meant = "" if self.nearest is None else f"; did you mean {self.nearest!r}?"
        return f"{self.path} has no member {self.name!r}{meant}"


class InvalidArchiveError(ArchiveError):
    """A file or folder that cannot be used as an archive.

    Attributes:
        path: The archive.
        problems: One sentence for each thing that is wrong.
    """

    _verdict = "is no archive that can be used"

    def __init__(self, path: str | os.PathLike[str], problems: Iterable[str]) -> None:
        self.path = Path(path)
        self.problems = tuple(problems)
        super().__init__(self.path, self.problems)

    def __str__(self) -> str:
        return _listed(f"{self.path} {self._verdict}", self.problems)


class UnsafeArchiveError(InvalidArchiveError):
    """An archive with a member that would be written outside its folder, or is no plain file."""

    _verdict = "is not safe to open"


class CorruptArchiveError(InvalidArchiveError):
    """An archive with bytes that are missing or are not those that were packed."""

    _verdict = "is damaged"


class LimitExceededError(InvalidArchiveError):
    """An archive with more members or more bytes than the limits allow."""

    _verdict = "is larger than the limits allow"


def _listed(verdict: str, problems: tuple[str, ...]) -> str:
    """Put one problem on the verdict's line, several below it."""
    if len(problems) == 1:
        return f"{verdict}: {problems[0]}"
    return "\n".join([f"{verdict}: {len(problems)} problems", *(f"- {line}" for line in problems)])
