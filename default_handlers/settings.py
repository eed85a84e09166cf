"""Checked reading of the settings in the `handler:` section of `model-config.yaml`."""

import difflib
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ts_sdk.errors import ConfigError

Triple = tuple[float, float, float]
"""Numbers for red, green and blue."""

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")

_WHOLE = "a whole number of at least 1"
_CLOSE = 0.75
"""How alike two names must be, of 1, for one to pass as a misspelling of the other."""


class Settings:
    """The `handler:` section, read setting by setting; all problems are raised at once.

    Names that nothing here reads belong to the user's handler and are left alone, unless they look
    like a misspelling of one that is read.

    Args:
        section: Setting name → value.
        beside: What stands in the file outside of the section, where nothing here reads it.
    """

    def __init__(self, section: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> None:
        self._section = section
        self._beside = beside or {}
        self._known: list[str] = []
        self._problems: list[str] = []

    def whole(self, name: str, default: _T) -> int | _T:
        """A whole number of at least 1."""
        value = self._value(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        return default if value is default else self._wrong(name, _WHOLE, default)

    def fraction(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self._value(name, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        return default if value is default else self._wrong(name, "a number from 0 to 1", default)

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

    def per_channel(self, name: str, default: Triple) -> Triple:
        """Three finite numbers, for red, green and blue."""
        value = self._value(name, default)
        if (
            isinstance(value, list | tuple)
            and len(value) == len(default)
            and all(_is_finite_number(each) for each in value)
        ):
            red, green, blue = map(float, value)
            return red, green, blue
        return self._wrong(name, "a list of three numbers, for red, green and blue", default)

    def given(self, names: Sequence[str]) -> list[str]:
        """Those of *names* that the section holds."""
        return [name for name in names if name in self._section]

    def problem(self, sentence: str) -> None:
        """Add a problem that concerns several settings."""
        self._problems.append(sentence)

    def check(self) -> None:
        """Raise what was found.

        Raises:
            ConfigError: A setting has a wrong value, or a name looks misspelt; all are named.
        """
        for name in self._section:
            near = difflib.get_close_matches(str(name), self._known, n=1, cutoff=_CLOSE)
            if near and name not in self._known and not _has_more_words(str(name), near[0]):
                self._problems.append(f"{name} is not a setting; did you mean {near[0]}?")
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

    def _value(self, name: str, default: object) -> object:
        self._known.append(name)
        return self._section.get(name, default)

    def _wrong(self, name: str, wanted: str, default: _T) -> _T:
        self._problems.append(f"{name} must be {wanted}, not {self._section[name]!r}")
        return default


def _is_finite_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _has_more_words(name: str, known: str) -> bool:
    """Whether *name* is *known* and a word more, as ``iou_threshold`` is to ``threshold``."""
    return name.startswith(f"{known}_") or name.endswith(f"_{known}")
