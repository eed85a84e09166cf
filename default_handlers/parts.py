"""Which part of a request's row holds what the handler is for."""

from collections.abc import Mapping
from typing import Any

from ts_sdk.errors import RequestError

_USUAL_PARTS = ("data", "body")
_PARTS_OF_OTHER_MEANING = frozenset({"target"})
"""Parts that go with an input: ``target`` names the class that an explanation is wanted for."""


def value_of(row: Any, expected: str) -> Any:  # noqa: ANN401 - a row holds what was sent
    """What was sent in *row*.

    Args:
        row: A dict from part name to value with the part ``data``, ``body`` or one of any other
            name; or the value itself, as the `body` envelope hands it over.
        expected: The start of the message when it has no such part: what was expected.

    Raises:
        RequestError: The row is a dict without such a part.
    """
    if not isinstance(row, Mapping):
        return row
    for part in _USUAL_PARTS:
        if row.get(part) is not None:
            return row[part]
    others = other_parts(row)
    if len(others) == 1:
        (value,) = others.values()
        return value
    got = f"the parts {', '.join(sorted(others))}" if others else "a request without content"
    raise RequestError(f"{expected} in a part named data or body, got {got}")


def other_parts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The parts that hold inputs where none is named data or body; else none."""
    if any(row.get(part) is not None for part in _USUAL_PARTS):
        return {}
    meant_otherwise = _PARTS_OF_OTHER_MEANING.union(_USUAL_PARTS)
    return {part: value for part, value in row.items() if part not in meant_otherwise}


def described(value: object) -> str:
    """What *value* is, for telling the sender what arrived in place of what was expected."""
    if isinstance(value, Mapping):
        keys = ", ".join(map(repr, list(value)[:5]))
        return f"a JSON object with the keys {keys}" if keys else "an empty JSON object"
    return f"{value!r:.60}" if isinstance(value, int | float) else f"a {type(value).__name__}"
