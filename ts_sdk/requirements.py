"""What an archive's requirements file asks for, compared with what is installed.

Nothing is installed and nothing is asked of an index: the metadata of the installed distributions
tells. Lines follow pip's rules for requirements files.
"""

import codecs
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION_OF_ONE = re.compile(r"\s--[a-z].*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]*(?P<file>.+)")
_INCLUDE_ANY = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]*(?P<file>.+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]*(?P<place>.+)")


@dataclass(frozen=True)
class Unmet:
    """A requirement that what is installed does not meet.

    Attributes:
        requirement: What is asked for, as it is written.
        name: The distribution; None where only installing it would tell.
        installed: Its version that is installed; None when there is none.
    """

    requirement: str
    name: str | None = None
    installed: str | None = None

    def __str__(self) -> str:
        if self.name is None:
            return f"needs {self.requirement}"
        return f"needs {self.requirement}, {_version(self.installed)}"


def _version(installed: str | None) -> str:
    return "not installed" if installed is None else f"installed {installed}"


def unmet_requirements(content: bytes | str, folder: Path | None = None) -> list[Unmet]:
    """The requirements of a file that what this Python has installed does not meet.

    Args:
        content: The requirements file.
        folder: Where it is, so that files which it includes with ``-r`` are read; None leaves
            them out.
    """
    return [
        unmet
        for line in _lines_with_included(content, folder)
        if (unmet := _unmet_in(line)) is not None
    ]


def requirement_lines(content: bytes | str) -> Iterator[str]:
    """Each line of a requirements file that says something; see `numbered_lines`."""
    return (line for _, line in numbered_lines(content))


def numbered_lines(content: bytes | str) -> Iterator[tuple[int, str]]:
    """Each line of a requirements file that says something, options among them, with its number.

    Continued lines are joined, comments are gone, ``${VARIABLE}`` is replaced.
    """
    begun, parts = 0, ""
    for number, physical in enumerate([*_text(content).splitlines(), ""], start=1):
        begun = begun or number
        if physical.endswith("\\") and not physical.lstrip().startswith("#"):
            parts += physical[:-1]
            continue
        line = _COMMENT.sub("", parts + physical).strip()
        if line:
            yield begun, _VARIABLE.sub(lambda found: os.environ.get(found[1], found[0]), line)
        begun, parts = 0, ""


def asked_packages(content: bytes | str) -> Iterator[tuple[int, str]]:
    """Each line that asks for a package, without its options, with its number."""
    for number, line in numbered_lines(content):
        if not line.startswith("-"):
            yield number, _OPTION_OF_ONE.sub("", line).strip()


def included_files(content: bytes | str) -> list[str]:
    """The requirements and constraints files that a requirements file names."""
    found = (_INCLUDE_ANY.fullmatch(line) for line in requirement_lines(content))
    return [match["file"].strip() for match in found if match is not None]


def unmet_in_environment(place: Path, path: Sequence[str]) -> list[Unmet]:
    """What the distributions in one folder need that is not on a path.

    Args:
        place: The folder, such as an environment's ``site-packages``.
        path: Where distributions are looked for, the first one counts.
    """
    needed = {
        requirement: None
        for distribution in importlib.metadata.distributions(path=[str(place)])
        for requirement in distribution.requires or ()
    }
    return [unmet for line in needed if (unmet := _unmet_in(line, path)) is not None]


def _text(content: bytes | str) -> str:
    """*content* as pip decodes it."""
    if isinstance(content, str):
        return content
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig", errors="replace")


def _lines_with_included(
    content: bytes | str, folder: Path | None, seen: frozenset[Path] = frozenset()
) -> Iterator[str]:
    for line in requirement_lines(content):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            yield line
            continue
        file = None if folder is None else (folder / include["file"].strip()).resolve()
        if file is not None and file not in seen and file.is_file():
            yield from _lines_with_included(file.read_bytes(), file.parent, seen | {file})


def _unmet_in(line: str, path: Sequence[str] | None = None) -> Unmet | None:
    editable = _EDITABLE.fullmatch(line)
    if editable is not None:
        return Unmet(editable["place"].strip())
    if line.startswith("-"):
        return None
    wanted = _OPTION_OF_ONE.sub("", line)
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:
        return _unmet_file(wanted, path)
    return _unmet(requirement, wanted, path)


def _unmet_file(place: str, path: Sequence[str] | None) -> Unmet | None:
    """A wheel is known by its name; of anything else only installing it would tell."""
    file = place.partition(";")[0].partition("#")[0].strip().replace("\\", "/").rpartition("/")[2]
    try:
        name, version, _, _ = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return Unmet(place)
    return _unmet(Requirement(f"{name}=={version}"), place, path)


def _unmet(
    requirement: Requirement, written: str, path: Sequence[str] | None, extra: str = ""
) -> Unmet | None:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return None
    distribution = _find(requirement.name, path)
    if distribution is None:
        return Unmet(written, requirement.name)
    unmet = Unmet(written, requirement.name, distribution.version)
    if requirement.url is not None and not _came_from(distribution, requirement.url):
        return unmet
    if not requirement.specifier.contains(distribution.version, prereleases=True):
        return unmet
    # What an extra needs is looked at; its own extras are not, which may lead round in circles.
    if extra or all(_has_extra(distribution, each, path) for each in requirement.extras):
        return None
    return unmet


def _find(name: str, path: Sequence[str] | None) -> "Distribution | None":
    places = list(sys.path if path is None else path)
    return next(iter(importlib.metadata.distributions(name=name, path=places)), None)


def _has_extra(distribution: "Distribution", extra: str, path: Sequence[str] | None) -> bool:
    """Whether what *distribution* needs for *extra* is there too."""
    return all(
        _unmet(requirement, str(requirement), path, extra) is None
        for requirement in _requirements(distribution.requires or ())
        if requirement.marker is not None
    )


def _requirements(written: Iterable[str]) -> Iterator[Requirement]:
    for each in written:
        try:
            yield Requirement(each)
        except InvalidRequirement:  # of a distribution made by an old tool
            continue


def _came_from(distribution: "Distribution", url: str) -> bool:
    """Whether *distribution* was installed from *url*."""
    origin = distribution.read_text("direct_url.json")
    plain = url.partition("#")[0].removeprefix("git+").partition("@")[0]
    return origin is not None and plain in origin
