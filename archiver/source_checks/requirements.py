"""Can pip read the requirements file? Line by line, without resolving anything."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# PEP 508's grammar as far as one line of a requirements file needs it: name, extras, versions.
_VERSION = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9_.*+!-]+"
_VERSIONS = rf"{_VERSION}(?:\s*,\s*{_VERSION})*\s*,?"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(
    rf"{_NAME}\s*(?:\[\s*(?:{_NAME}(?:\s*,\s*{_NAME})*)?\s*\])?\s*"
    rf"(?:{_VERSIONS}|\(\s*{_VERSIONS}\s*\))?\s*(?:;\s*\S.*)?"
)
_DIRECT_REFERENCE = re.compile(rf"{_NAME}\s*(?:\[[^\]]*\])?\s*@\s*\S+.*")
_COMMENT = re.compile(r"(^|\s)#.*$")
_PER_REQUIREMENT_OPTIONS = re.compile(r"\s--[a-z].*$")
_LOCAL_SUFFIXES = (".whl", ".tar.gz", ".zip", ".tar.bz2")


def requirements_problems(path: Path) -> list[str]:
    """Say which lines of a requirements file pip would not accept.

    Args:
        path: The requirements file, which exists.
    """
    try:
        text = _decode(path.read_bytes())
    except UnicodeDecodeError as error:
        return [f"the requirements file {path} is not text: {error}"]
    if "\0" in text:
        return [f"the requirements file {path} is not text: it contains NUL characters"]
    return [
        f"{path}:{number}: not a requirement: {line!r}{_advice(line)}"
        for number, line in _logical_lines(text)
        if not _is_accepted(line)
    ]


def _decode(data: bytes) -> str:
    """Decode as pip does: a byte order mark decides, UTF-8 without one."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that says something with its number, continuation lines joined."""
    started, parts = 0, ""
    for number, physical in enumerate([*text.splitlines(), ""], start=1):
        started = started or number
        if physical.endswith("\\") and not physical.lstrip().startswith("#"):
            parts += physical[:-1]
            continue
        line = _COMMENT.sub("", parts + physical).strip()
        if line:
            yield started, line
        started, parts = 0, ""


def _is_accepted(line: str) -> bool:
    """Tell whether one line is an option, a place to install from, or a requirement."""
    if line.startswith("-") or "${" in line:
        return True
    if line.startswith("<"):  # a web page in place of the file: its tags look like paths
        return False
    line = _PER_REQUIREMENT_OPTIONS.sub("", line)
    before_marker = line.partition(";")[0].strip()
    if "://" in before_marker or before_marker.endswith(_LOCAL_SUFFIXES):
        return True
    if before_marker.startswith((".", "/")) or ("/" in before_marker and " " not in before_marker):
        return True
    return bool(_REQUIREMENT.fullmatch(line) or _DIRECT_REFERENCE.fullmatch(line))


def _advice(line: str) -> str:
    """Name the slip that is made most often."""
    return "; a version is pinned with '=='" if re.search(r"[^=!<>~]=[^=]", line) else ""
