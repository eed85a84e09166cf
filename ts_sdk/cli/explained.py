"""What ``mar explain`` works out of its arguments before a model is loaded."""

import argparse
from collections.abc import Callable, Sequence
from typing import TypeVar

from ts_sdk.cli.usage import UsageError

Region = tuple[float, ...]
"""Left, top, right and bottom in pixels of a picture."""
_T = TypeVar("_T")

_OTHERS = 4
"""Calls of the model besides those of the method: the answer, and both ends of its way."""
_ROWS = {
    "saliency": 1,
    "input_x_gradient": 1,
    "deep_lift": 2,
    "guided_backprop": 2,
    "grad_cam": 2,
    "gradient_shap": 50,
}
_COVERING: dict[str, Callable[[int], int]] = {
    "occlusion": lambda cells: cells**2,
    "feature_ablation": lambda cells: cells**2,
    "shapley_sampling": lambda cells: 25 * (cells // 2) ** 2,
    "kernel_shap": lambda cells: max(200, cells**2),
}
"""Of a picture in so many rows and columns of parts."""


def targets_of(words: Sequence[str], inputs: int) -> list[str | None]:
    """The target of each input.

    Raises:
        UsageError: There are several, and not one for each.
    """
    return _for_each(words, inputs, "--target")


def regions_of(regions: Sequence[Region], inputs: int) -> list[Region | None]:
    """The region of each input.

    Raises:
        UsageError: There are several, and not one for each.
    """
    return _for_each(regions, inputs, "--region")


def region_in(text: str) -> Region:
    """A region as it is written, ``left,top,right,bottom``; `argparse` reports what is none."""
    try:
        left, top, right, bottom = map(float, text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no region: give left,top,right,bottom in pixels, such as 10,20,110,90"
        ) from error
    return left, top, right, bottom


def _for_each(given: Sequence[_T], inputs: int, option: str) -> list[_T | None]:
    if not given:
        return [None] * inputs
    if len(given) not in {1, inputs}:
        raise UsageError(f"{option} was given {len(given)} times for {inputs} inputs")
    return list(given) if len(given) == inputs else [given[0]] * inputs


def estimated_rows(method: str, steps: int, cells: int) -> int:
    """About how many rows a model answers for one explanation, of which a bar tells.

    Args:
        method: The method's name; those that are not known take as many rows as *steps*.
        steps: Those of integrated gradients.
        cells: Into how many rows and columns of parts a picture is divided.
    """
    word = method.replace("-", "_")
    if word in _COVERING:
        return _COVERING[word](cells) + _OTHERS
    return _ROWS.get(word, steps) + _OTHERS
