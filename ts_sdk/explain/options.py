"""The options of methods, checked."""

from operator import index
from typing import Any, cast

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.attributed import Options, Parts

_PARTS = ("superpixels", "grid")
_LARGEST_SEED = 2**32 - 1


def options_of(
    *,
    steps: int = 50,
    samples: int | None = None,
    cells: int = 10,
    layer: str | None = None,
    rows_at_once: int | None = None,
    parts: Any = _PARTS[0],  # noqa: ANN401 - `Parts`, as far as this knows
) -> Options:
    """The options; see `Options`.

    Raises:
        ExplanationError: A number is none or below 1, or there is no such word for parts.
    """
    for name, number in {
        "steps": steps,
        "samples": samples,
        "cells": cells,
        "internal_batch_size": rows_at_once,
    }.items():
        if number is not None and _whole(name, number) < 1:
            raise ExplanationError(f"{name} must be 1 or more, not {number}")
    if isinstance(parts, str) and parts not in _PARTS:
        raise ExplanationError(
            f"features are {' or '.join(map(repr, _PARTS))}, or an array with the number of its "
            f"part for each pixel, not {parts!r}"
        )
    return Options(steps, samples, cast("Parts", parts), cells, layer, rows_at_once)


def checked_seed(seed: Any) -> int:  # noqa: ANN401 - what somebody gave
    """*seed*, where torch and numpy can both start with it.

    Raises:
        ExplanationError: It is no whole number from 0 to 4294967295.
    """
    number = _whole("seed", seed)
    if not 0 <= number <= _LARGEST_SEED:
        raise ExplanationError(f"seed must be from 0 to {_LARGEST_SEED}, not {number}")
    return number


def _whole(name: str, value: Any) -> int:  # noqa: ANN401 - as above
    try:
        return index(value)
    except TypeError as error:
        raise ExplanationError(f"{name} must be a whole number, not {value!r}") from error
