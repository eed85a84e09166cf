"""What the members say that people write as data: labels, settings, requirements."""

import json
import re
from collections.abc import Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from archiver.inspection.text_members import requirement_lines
from ts_sdk.comparison.changes import RequirementChange, ValueChange, changed_values

_MOST_VALUES = 1_000_000
"""In a document with its aliases written out: YAML makes a billion out of a few lines."""
_OPTION_OF_ONE = re.compile(r"\s--[a-z].*$")


def changed_labels(old: bytes, new: bytes) -> tuple[ValueChange, ...]:
    """The classes whose name differs in two ``index_to_name.json``.

    Raises:
        ValueError: One of them is no JSON.
    """
    return changed_values(_classes(_json(old)), _classes(_json(new)))


def changed_config(old: bytes, new: bytes) -> tuple[ValueChange, ...]:
    """The values that differ in two model configs.

    Raises:
        ValueError: One of them is no YAML, or too much of it.
    """
    return changed_values(_yaml(old), _yaml(new))


def changed_requirements(old: bytes, new: bytes) -> tuple[RequirementChange, ...]:
    """The packages that two requirements files ask for in different ways.

    What a line takes from the environment (``${NAME}``) stays as it is written.
    """
    before, after = _requirements(old), _requirements(new)
    return tuple(
        RequirementChange(package, before.get(package), after.get(package))
        for package in sorted({*before, *after}, key=str.lower)
        if before.get(package) != after.get(package)
    )


def _json(content: bytes) -> Any:  # noqa: ANN401 - as JSON holds anything
    try:
        return json.loads(content.decode("utf-8-sig")) if content else {}
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _classes(labels: object) -> object:
    """Index → name, in whichever shape the file has."""
    names = labels.get("object_type_names", labels) if isinstance(labels, Mapping) else labels
    if isinstance(names, list):
        return {str(index): name for index, name in enumerate(names)}
    return names


def _yaml(content: bytes) -> Any:  # noqa: ANN401 - as YAML holds anything
    import yaml

    try:
        value = yaml.safe_load(content.decode("utf-8"))
        if _count(value, {}) > _MOST_VALUES:
            raise ValueError("it holds too many values")
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return {} if value is None else value


def _count(value: object, known: dict[int, int]) -> int:
    """How many values *value* holds with its aliases written out."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in known:
        return known[id(value)]
    inner = value.values() if isinstance(value, dict) else value
    known[id(value)] = _MOST_VALUES  # one that holds itself never ends
    known[id(value)] = 1 + sum(_count(each, known) for each in inner)
    return known[id(value)]


def _requirements(content: bytes) -> dict[str, str]:
    """Package → what is asked of it; a line that names no package stands for itself."""
    found: dict[str, list[str]] = {}
    for line in requirement_lines(content.replace(b"\\\r\n", b"").replace(b"\\\n", b"")):
        try:
            wanted = Requirement(_OPTION_OF_ONE.sub("", line))
        except InvalidRequirement:
            found.setdefault(line, []).append("")
            continue
        extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
        place = f" @ {wanted.url}" if wanted.url else ""
        marker = f"; {wanted.marker}" if wanted.marker else ""
        asked = f"{extras}{wanted.specifier}{place}{marker}"
        found.setdefault(canonicalize_name(wanted.name), []).append(asked)
    return {package: " and ".join(sorted(asked)) for package, asked in found.items()}
