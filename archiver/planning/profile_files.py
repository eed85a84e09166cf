"""Which files ``--profile`` stands for, and what they are called in the archive.

`mar tune` gives all of them the same name, so that each is called by the machine that it is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archiver.planning.named_file import NamedFile
from archiver.source_checks.readable import unreadable_problem
from archiver.tuned_profiles import (
    MOST_PROFILE_BYTES,
    PROFILE_ROLE,
    TUNED_FOLDER,
    parse_profile,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class ProfileFiles:
    """Collects the files of profiles.

    Attributes:
        files: What was found so far.
        problems: A sentence for each file that is no profile.
    """

    files: list[NamedFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Add what one argument names; what cannot be read is told with all other files."""
        name = f"{TUNED_FOLDER}/{path.name}"
        if unreadable_problem(path, PROFILE_ROLE) is None:
            try:
                with path.open("rb") as file:
                    name = parse_profile(file.read(MOST_PROFILE_BYTES + 1)).member_name
            except ValueError as error:
                self.problems.append(f"the {PROFILE_ROLE} {path} {error}")
        self.files.append(NamedFile(name, path, PROFILE_ROLE))
