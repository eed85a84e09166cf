"""Which version of a model a request goes to."""

import random
from collections.abc import Mapping
from typing import TypeVar

_Version = TypeVar("_Version")


class WeightedChoice:
    """Draws versions as often as their weights say.

    Args:
        seed: Makes the draws the same each time; None makes them different.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is to be kept secret

    def of(self, weights: Mapping[_Version, float]) -> _Version:
        """One of the versions; those of weight 0 only where all have it."""
        versions = list(weights)
        if len(versions) == 1:
            return versions[0]
        shares = list(weights.values())
        if not any(shares):
            shares = [1.0] * len(shares)
        return self._random.choices(versions, shares)[0]
