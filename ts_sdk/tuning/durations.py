"""Durations as people write them."""

import re

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)\s*", re.ASCII | re.IGNORECASE)


def parse_duration(text: str) -> float:
    """The seconds that *text* stands for.

    Args:
        text: A number with a unit: ``100ms``, ``30s``, ``10m`` (minutes) or ``1h``.

    Raises:
        ValueError: It is no duration, or none at all.
    """
    match = _DURATION.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise ValueError(
            f"{text!r} is no duration; write a number with a unit: 100ms, 30s, 10m, 1h"
        )
    return float(match[1]) * _SECONDS[match[2].lower()]


def show_duration(seconds: float) -> str:
    """*seconds* as `parse_duration` reads them, rounded."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds:.0f}s" if seconds < 2 * _SECONDS["m"] else f"{seconds / 60:.1f}m"
