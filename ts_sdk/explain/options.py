"""The options of methods, checked."""

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.attributed import Options


def options_of(
    *,
    steps: int = 50,
    samples: int | None = None,
    cells: int = 10,
    layer: str | None = None,
    rows_at_once: int | None = None,
) -> Options:
    """The options; see `Options`.

    Raises:
        ExplanationError: A number is below 1.
    """
    for name, number in {
        "steps": steps,
        "samples": samples,
        "cells": cells,
        "internal_batch_size": rows_at_once,
    }.items():
        if number is not None and number < 1:
            raise ExplanationError(f"{name} must be 1 or more, not {number}")
    return Options(steps, samples, cells, layer, rows_at_once)
