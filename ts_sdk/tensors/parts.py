"""Which part of a row holds its one value."""

from collections.abc import Mapping
from typing import Any

_PARTS = ("data", "body")


def value_of(row: Any) -> Any:  # noqa: ANN401 - a row holds what was sent
    """What *row* holds in its part ``data`` or ``body``; the row itself when it has neither."""
    if isinstance(row, Mapping):
        for part in _PARTS:
            if row.get(part) is not None:
                return row[part]
    return row
