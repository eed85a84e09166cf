"""Checked reading of the settings in the `handler:` section of `model-config.yaml`."""

import difflib
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeGuard, TypeVar

from default_handlers.setting_names import OF_EVERY_HANDLER, meant_by, misspelt
from ts_sdk.errors import ConfigError

Sides = int | tuple[int, int]
"""One number of pixels, or a height and a width."""

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")

_WHOLE = "a whole number of at least 1"
_FRACTION = "a number from 0 to 1"
_PAIR = 2
_NONE = (None, "none")
"""How a file says that there is no such thing; YAML takes the word for text."""


class Settings:
    """The `handler:` section, read setting by setting; all problems are raised at once.

    Names that nothing here reads belong to the user's handler and are left alone, unless they look
    like a misspelling of one that is read. A default handler itself refuses them all.

    Args:
        section: Setting name → value.
        beside: What stands in the file outside of the section, where nothing here reads it.
        owner: The default handler whose settings they are; None for a handler of the user's own.
    """

    def __init__(
        self,
        section: Mapping[str, Any],
        beside: Mapping[str, Any] | None = None,
        owner: str | None = None,
    ) -> None:
        self._section = section
        self._beside = beside or {}
        self._owner = owner
        self._known: list[str] = []
        self._problems: list[str] = []

    def whole(self, name: str, default: _T) -> int | _T:
        """A whole number of at least 1."""
        value = self._value(name, default)
        if _is_whole(value):
            return int(value)
        return default if value is default else self._wrong(name, _WHOLE, default)

    def whole_or_none(self, name: str, default: int | None) -> int | None:
        """A whole number of at least 1, or none."""
        value = self._value(name, default)
        if value in _NONE:
            return None
        return int(value) if _is_whole(value) else self._wrong(name, f"{_WHOLE}, or none", default)

    def sides(self, name: str, default: Sides | None) -> Sides | None:
        """A number of pixels, a list of height and width, or none."""
        value = self._value(name, default)
        if value in _NONE:
            return None
        if _is_whole(value):
            return int(value)
        if isinstance(value, list | tuple) and len(value) == _PAIR and all(map(_is_whole, value)):
            height, width = value
            return height, width
        return self._wrong(name, f"{_WHOLE}, a list of height and width, or none", default)

    def fraction(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self._value(name, default)
        if _is_fraction(value):
            return float(value)
        return default if value is default else self._wrong(name, _FRACTION, default)

    def fraction_or_none(self, name: str, default: float | None) -> float | None:
        """A number from 0 to 1, or none."""
        value = self._value(name, default)
        if value in _NONE:
            return None
        return (
            float(value)
            if _is_fraction(value)
            else self._wrong(name, f"{_FRACTION}, or none", default)
        )

    def switch(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._value(name, default)
        return value if isinstance(value, bool) else self._wrong(name, "true or false", default)

    def word(self, name: str, default: _T, words: Sequence[_T]) -> _T:
        """One of *words*."""
        value = self._value(name, default)
        for word in words:
            if word == value:
                return word
        near = difflib.get_close_matches(str(value), map(str, words), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return self._wrong(name, f"one of {', '.join(map(str, words))}{hint}", default)

    def per_channel(
        self, name: str, default: tuple[float, ...], channels: str
    ) -> tuple[float, ...]:
        """As many finite numbers as *default* has, a list but for a single one.

        Args:
            name: The setting.
            default: Its value when it is not set.
            channels: What the numbers are for, such as ``"red, green and blue"``.
        """
        value = self._value(name, default)
        numbers = value if isinstance(value, list | tuple) else [value]
        if len(numbers) == len(default) and all(map(_is_finite_number, numbers)):
            return tuple(map(float, numbers))
        count = len(default)
        wanted = "a number" if count == 1 else f"a list of {count} numbers"
        return self._wrong(name, f"{wanted}, for {channels}", default)

    def classes(
        self, name: str, default: Collection[str | int] | None, names: Mapping[str, str] | None
    ) -> frozenset[int] | None:
        """The numbers of some classes, given by name or number.

        Args:
            name: The setting.
            default: Its value when it is not set.
            names: Class number as text → class name; None when there are no names.

        Returns:
            The class numbers; None for all classes.
        """
        value = self._value(name, default)
        if value in _NONE:
            return None
        if not isinstance(value, list | tuple | set | frozenset) or not value:
            return self._wrong(name, "a list of class names or numbers, or none", None)
        numbers: set[int] = set()
        for each in value:
            found = _classes_called(each, names or {})
            if not found:
                self._problems.append(f"{name}: {_unknown_class(each, names or {})}")
            numbers |= found
        # Only a warning: not all classes of a model need to have names.
        last = max((int(each) for each in names or {} if each.isdecimal()), default=None)
        for number in sorted(numbers):
            if last is not None and number > last:
                _logger.warning(
                    "model-config.yaml, section handler: %s: there is no class %d in "
                    "index_to_name.json, whose last is %d; the model must know it without a name",
                    *(name, number, last),
                )
        return frozenset(numbers)

    def given(self, names: Sequence[str]) -> list[str]:
        """Those of *names* that the section holds."""
        return [name for name in names if name in self._section]

    def problem(self, sentence: str) -> None:
        """Add a problem that concerns several settings."""
        self._problems.append(sentence)

    def idle(self, names: Sequence[str], reason: str) -> None:
        """Tell in the log which of *names* are set and have no effect, since *reason*."""
        for name in self.given(names):
            _logger.warning(
                "model-config.yaml, section handler: %s has no effect, since %s", name, reason
            )

    def check(self) -> None:
        """Raise what was found.

        Raises:
            ConfigError: A setting has a wrong value, or a name looks misspelt; all are named.
        """
        for name in self._section:
            if name not in self._known and name not in OF_EVERY_HANDLER:
                self._problems += self._problems_with(str(name))
        # Only a warning: a subclass may read the whole file and mean what it says.
        misplaced = [name for name in self._known if name in self._beside]
        if misplaced:
            _logger.warning(
                "model-config.yaml: %s has no effect outside of the section handler: move it there",
                ", ".join(misplaced),
            )
        if self._problems:
            sentences = "; ".join(self._problems)
            raise ConfigError(
                f"model-config.yaml, section handler: {sentences}", problems=tuple(self._problems)
            )

    def _problems_with(self, name: str) -> list[str]:
        """What is wrong with a name that nothing has read."""
        near = (meant_by if self._owner else misspelt)(name, self._known)
        if near:
            return [f"{name} is not a setting; did you mean {near}?"]
        if self._owner is None:
            return []
        names = ", ".join(sorted(self._known))
        return [f"{name} is not a setting of {self._owner}, whose settings are {names}"]

    def _value(self, name: str, default: object) -> object:
        self._known.append(name)
        return self._section.get(name, default)

    def _wrong(self, name: str, wanted: str, default: _T) -> _T:
        self._problems.append(f"{name} must be {wanted}, not {self._section.get(name, default)!r}")
        return default


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_fraction(value: object) -> TypeGuard[float]:
    return _is_finite_number(value) and 0 <= value <= 1


def _classes_called(word: object, names: Mapping[str, str]) -> set[int]:
    """The classes that have *word* for their name, or are of that number."""
    if isinstance(word, int) and not isinstance(word, bool):
        return {word} if word >= 0 else set()
    called = {int(number) for number, name in names.items() if name == word and number.isdecimal()}
    if not called and isinstance(word, str) and word.isdecimal():
        return {int(word)}
    return called


def _unknown_class(word: object, names: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(str(word), names.values(), n=1)
    if near:
        return f"there is no class {word!r}; did you mean {near[0]!r}?"
    known = "has no such name" if names else "is not in the archive, so classes have numbers only"
    return f"there is no class {word!r}: index_to_name.json {known}"


def _is_finite_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
