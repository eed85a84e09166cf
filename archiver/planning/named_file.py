"""A file and the member that it is going to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.names import (
    METADATA_FOLDER,
    clash_problems,
    is_reserved,
    member_name_problem,
)
from archiver.samples import SAMPLE_ROLE
from archiver.tuned_profiles import PROFILE_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_OWN_ROLES = (SAMPLE_ROLE, PROFILE_ROLE)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that is going to be a member.

    Attributes:
        name: The member's name.
        path: The file.
        role: What it is to the archive, in words.
    """

    name: str
    path: Path
    role: str

    def __str__(self) -> str:
        return f"the {self.role} {self.path}"


def without_repetitions(files: Iterable[NamedFile]) -> list[NamedFile]:
    """Leave out a file that was given before under the same name, be it by another path."""
    kept: dict[str, list[NamedFile]] = {}
    for file in files:
        earlier = kept.setdefault(file.name, [])
        if not any(_is_same(file.path, other.path) for other in earlier):
            earlier.append(file)
    return [file for same_name in kept.values() for file in same_name]


def naming_problems(files: Sequence[NamedFile]) -> Iterator[str]:
    """Say which files cannot be members under their names.

    Args:
        files: All files of the archive, without repetitions.

    Yields:
        A sentence for each name that may not be, and for each two files that clash.
    """
    by_name: dict[str, list[NamedFile]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    for name, rivals in by_name.items():
        problem = member_name_problem(name)
        if problem is not None:
            yield f"{rivals[0]} cannot be packed: {problem}"
        elif is_reserved(name):
            yield from _intruders(rivals)
        if len(rivals) > 1:
            yield (
                f"{' and '.join(map(str, rivals))} would both become {name!r}; "
                f"{_way_out(name, rivals)}"
            )
    for problem in clash_problems(by_name):
        yield f"{problem}; give one of them another name"


def _way_out(name: str, rivals: Sequence[NamedFile]) -> str:
    """Say what to do about files that would have the same name."""
    if all(file.role == PROFILE_ROLE for file in rivals):
        return "there is one profile a machine, so leave one of them out"
    if is_reserved(name):
        return "rename one of them"
    return "rename one of them, or give it another place with --extra-files src=dest"


def _intruders(files: Iterable[NamedFile]) -> Iterator[str]:
    """Say which files would lie among the archive's own, where few kinds may."""
    for file in files:
        if file.role not in _OWN_ROLES:
            yield (
                f"{file} would become {file.name!r}, but {METADATA_FOLDER} is reserved for the "
                "archive's own metadata"
            )


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return one == other
