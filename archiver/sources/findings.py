"""Everything that is wrong with a container, gathered to be told at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archiver.errors import (
    CorruptArchiveError,
    InvalidArchiveError,
    LimitExceededError,
    UnsafeArchiveError,
)
from archiver.names import clash_problems, folded, member_name_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from archiver.limits import Limits

# A hostile archive can have a problem for each of its names; nobody reads past these.
MOST_TOLD = 50

_LEADING_DOTS = re.compile(r"\A(?:\./)+")


class Findings:
    """The problems of one container.

    The error's class is that of the gravest problem: unsafe, then too large, then damaged, then
    merely of no use to this reader.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsafe: list[str] = []
        self._too_large: list[str] = []
        self._damaged: list[str] = []
        self._unusable: list[str] = []

    def unsafe(self, problem: str) -> None:
        """Note what makes the container dangerous to unpack."""
        self._unsafe.append(problem)

    def too_large(self, problem: str) -> None:
        """Note what is more than the limits allow."""
        self._too_large.append(problem)

    def damaged(self, problem: str) -> None:
        """Note what is missing or contradicts itself."""
        self._damaged.append(problem)

    def unusable(self, problem: str) -> None:
        """Note what is sound, but cannot be read here."""
        self._unusable.append(problem)

    def judge_names(self, files: Sequence[str], folders: Iterable[str], limits: Limits) -> None:
        """Note each name that may not be written, alone or beside the others."""
        # Only names of decent length are compared: the others could make that take for ever.
        files = [name for name in files if self._accepts(name, limits)]
        folders = [name for name in sorted({*folders} - {""}) if self._accepts(name, limits)]
        for problem in (*clash_problems(files), *_folder_problems(files, folders)):
            self.unsafe(problem)

    def judge_each_name(self, files: Iterable[str], limits: Limits) -> None:
        """Note each name that may not be written, whatever the others are."""
        for name in files:
            self._accepts(name, limits)

    def judge_total(self, total_bytes: int, limits: Limits) -> None:
        """Note that all members together are more than is allowed."""
        if total_bytes > limits.max_total_bytes:
            self.too_large(
                f"its members are {total_bytes} bytes unpacked, more than "
                f"max_total_bytes = {limits.max_total_bytes}"
            )

    def raise_any(self) -> None:
        """Raise what was noted.

        Raises:
            UnsafeArchiveError: Something is dangerous.
            LimitExceededError: Nothing is dangerous, but something too large.
            CorruptArchiveError: Something is damaged, and nothing is worse.
            InvalidArchiveError: Something cannot be read here, and nothing is worse.
        """
        kinds: list[tuple[type[InvalidArchiveError], list[str]]] = [
            (UnsafeArchiveError, self._unsafe),
            (LimitExceededError, self._too_large),
            (CorruptArchiveError, self._damaged),
            (InvalidArchiveError, self._unusable),
        ]
        problems = [problem for _, noted in kinds for problem in noted]
        for error, noted in kinds:
            if noted:
                raise error(self.path, _shortened(problems))

    def _accepts(self, name: str, limits: Limits) -> bool:
        """Judge one name alone."""
        length = len(name.encode(errors="surrogatepass"))
        if length > limits.max_name_length:
            self.too_large(
                f"the member name {name[:40] + '...'!r} is {length} bytes long, more than "
                f"max_name_length = {limits.max_name_length}"
            )
            return False
        problem = member_name_problem(name)
        if problem is not None:
            self.unsafe(problem)
        return problem is None


def too_many_members(
    path: Path,
    count: int,
    limits: Limits,
    advice: str = "if that is right, open it with higher limits (--max-members)",
) -> LimitExceededError:
    """Make the error for more members than are allowed; it ends the listing at once."""
    problem = f"it has {count} members or more, and max_members = {limits.max_members}; {advice}"
    return LimitExceededError(path, [problem])


def without_dot_parts(name: str) -> str:
    """Return a name as it is meant: ``./handler.py`` is handler.py, and a folder ends in no ``/``.

    Packers that were given a folder's ``.`` write such names; they are odd, but harmless.
    """
    return _LEADING_DOTS.sub("", name).removesuffix("/")


def _folder_problems(files: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Say which folder entries have the name of a file, or lie in one."""
    spelled = {folded(name): name for name in files}
    problems = []
    for folder in folders:
        key = folded(folder)
        while key:
            if key in spelled:
                problems.append(f"the member {spelled[key]!r} is a file and the folder {folder!r}")
            key = key.rpartition("/")[0]
    return problems


def _shortened(problems: list[str]) -> list[str]:
    """Keep the first problems and count the others."""
    if len(problems) <= MOST_TOLD:
        return problems
    return [*problems[:MOST_TOLD], f"and {len(problems) - MOST_TOLD} more problems"]
