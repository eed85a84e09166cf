"""What can change between two archives, each kind of change a record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ts_sdk.testing.closeness import ABSENT

Kind = Literal["added", "removed", "changed", "renamed"]
"""What can become of a member."""

_DEEPEST = 40
"""Levels of nesting that are gone into; what lies deeper is compared as a whole."""


@dataclass(frozen=True)
class ValueChange:
    """A value that is not the same in a manifest, a config or a table of labels.

    Attributes:
        place: Where it stands, such as ``handler.topk`` or ``classes[2]``.
        old: The value there in the old archive, `ts_sdk.testing.closeness.ABSENT` when it has none.
        new: The value there in the new archive, or the same.
    """

    place: str
    old: object
    new: object

    def to_dict(self) -> dict[str, Any]:
        """It in JSON's types; what is absent is left out."""
        sides = {"old": self.old, "new": self.new}
        there = {side: value for side, value in sides.items() if value is not ABSENT}
        return {"place": self.place, **{side: plain(value) for side, value in there.items()}}


@dataclass(frozen=True)
class MemberChange:
    """A file that is not the same in both archives.

    Attributes:
        kind: What became of it; ``renamed`` is another name for the same bytes.
        old: Its name in the old archive, None where it is not in there.
        new: Its name in the new archive, None where it is not in there. It differs from *old* too
            when each archive has another file in the same part, such as its weights.
        old_bytes: Its size in the old archive.
        new_bytes: Its size in the new archive.
    """

    kind: Kind
    old: str | None
    new: str | None
    old_bytes: int | None
    new_bytes: int | None


@dataclass(frozen=True)
class RequirementChange:
    """A package that the archives ask for in different ways.

    Attributes:
        package: Its name, or the whole line where that names no package.
        old: What the old archive asks of it, such as ``==2.1``; empty for any version, None when it
            does not ask for the package.
        new: The same of the new archive.
    """

    package: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class TextDiff:
    """The lines of a text file that changed.

    Attributes:
        old: Its name in the old archive.
        new: Its name in the new archive.
        lines: A unified diff without line ends; empty when there is a *note*.
        left_out: How many lines the diff has beyond these.
        note: Why there is no diff, None when there is one.
    """

    old: str
    new: str
    lines: tuple[str, ...]
    left_out: int = 0
    note: str | None = None


def changed_values(old: object, new: object, place: str = "") -> tuple[ValueChange, ...]:
    """The values in two JSON-like documents that differ, in the order of the old one.

    Args:
        old: Mappings, lists, and anything else in them.
        new: The same.
        place: What the documents are called at the front of each place.
    """
    return tuple(_changed(old, new, place, _DEEPEST))


def plain(value: Any) -> Any:  # noqa: ANN401 - what a document holds
    """*value* in JSON's types; what they have no form for, such as a date, is its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _changed(old: object, new: object, place: str, depth: int) -> Iterator[ValueChange]:
    # What a mapping that came or went holds is told value by value, too.
    if old is ABSENT and isinstance(new, Mapping) and new:
        old = {}
    elif new is ABSENT and isinstance(old, Mapping) and old:
        new = {}
    if depth and isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            inner = f"{place}.{key}" if place else str(key)
            yield from _changed(old.get(key, ABSENT), new.get(key, ABSENT), inner, depth - 1)
    elif depth and _is_list(old) and _is_list(new):
        yield from _changed_items(old, new, place, depth)
    elif type(old) is not type(new) or old != new:
        yield ValueChange(place, old, new)


def _changed_items(old: Any, new: Any, place: str, depth: int) -> Iterator[ValueChange]:  # noqa: ANN401 - two lists
    for index in range(max(len(old), len(new))):
        yield from _changed(
            old[index] if index < len(old) else ABSENT,
            new[index] if index < len(new) else ABSENT,
            f"{place}[{index}]",
            depth - 1,
        )


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
