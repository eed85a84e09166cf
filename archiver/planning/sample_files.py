"""Which files ``--sample`` stands for, and what they are called in the archive.

A file is a sample, and so is a folder with a ``request.json``. Any other folder holds samples. The
golden answers that lie beside a sample go with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archiver.planning.named_file import NamedFile
from archiver.samples import GOLDEN_SUFFIX, REQUEST_FILE, SAMPLE_ROLE, SAMPLES_FOLDER, is_hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(slots=True)
class SampleFiles:
    """Collects the files of samples.

    Attributes:
        is_output: Tells which files of a folder are this program's own output and passed over.
        files: What was found so far.
        problems: A sentence for each sample that is none.
    """

    is_output: Callable[[Path], bool]
    files: list[NamedFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Add what one argument stands for.

        Args:
            path: A file, a stored request, or a folder of both.
        """
        if path.name in {"", ".."}:
            path = path.resolve()
        if path.is_dir() and not (path / REQUEST_FILE).exists():
            self._add_all_in(path)
        elif path.name == REQUEST_FILE:
            self.problems.append(f"the sample {path} is a part of one: give its folder")
        elif path.name.endswith(GOLDEN_SUFFIX):
            self.problems.append(f"{path} holds golden answers: give the sample, and they follow")
        elif is_hidden(path.name):
            self.problems.append(f"the sample {path} begins with a dot, and would not be found")
        else:
            self._add_sample(path)

    def _add_all_in(self, folder: Path) -> None:
        """Add the samples that a folder holds."""
        names = self._names_in(folder)
        samples = [name for name in names if not name.endswith(GOLDEN_SUFFIX)]
        if not samples:
            self.problems.append(f"the folder {folder} holds no samples")
        for name in samples:
            path = folder / name
            if path.is_dir() and not (path / REQUEST_FILE).exists():
                self.problems.append(f"the folder {path} is no sample: it has no {REQUEST_FILE}")
            else:
                self._add_sample(path)

    def _add_sample(self, path: Path) -> None:
        """Add a file or the files of a stored request, and the golden answers beside it."""
        name = f"{SAMPLES_FOLDER}/{path.name}"
        if path.is_dir():
            for inner in self._names_in(path):
                self._add_file(f"{name}/{inner}", path / inner)
        else:
            self._add_file(name, path)
        golden = path.with_name(f"{path.name}{GOLDEN_SUFFIX}")
        if golden.exists():
            self._add_file(f"{name}{GOLDEN_SUFFIX}", golden)

    def _names_in(self, folder: Path) -> list[str]:
        """List a folder in a fixed order, without what is hidden."""
        try:
            found = sorted(os.listdir(folder))  # noqa: PTH208 -- names are wanted, not paths
        except OSError as error:
            self.problems.append(f"the folder {folder} cannot be read: {error.strerror}")
            return []
        return [name for name in found if not is_hidden(name) and not self.is_output(folder / name)]

    def _add_file(self, name: str, path: Path) -> None:
        self.files.append(NamedFile(name, path, SAMPLE_ROLE))
