"""The name that was probably meant."""

from __future__ import annotations

import difflib
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Comparing is slow, and an archive may have a hundred thousand names.
_MOST_COMPARED = 1000


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the name that is most like another one, or None when none is.

    Args:
        name: What was given.
        names: What there is; of very many, the first ones are compared.
    """
    compared = [*itertools.islice(names, _MOST_COMPARED)]
    return next(iter(difflib.get_close_matches(name, compared, n=1)), None)
