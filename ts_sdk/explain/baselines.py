"""What stands for an input that says nothing."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import torch

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.attributed import Tensors
from ts_sdk.explain.subject import Subject

Baseline = float | Sequence[Any] | np.ndarray[Any, Any] | torch.Tensor | None
"""What stands for nothing: a number for all values, or values of the input's shape; None for 0."""


def baselines_of(subject: Subject, given: Baseline) -> Tensors:
    """What stands for nothing, of the shapes of the subject's inputs.

    Args:
        subject: What is explained.
        given: What was asked for; values are those of the first input, and 0 stands for the others.

    Raises:
        ExplanationError: It is none, does not fit the input, or is not finite.
    """
    if given is None or isinstance(given, int | float):
        value = subject.reference if subject.is_tokens and given is None else float(given or 0)
        _refuse_non_finite(isfinite(value), given)
        return tuple(torch.full_like(each, value) for each in subject.inputs)
    first = subject.inputs[0]
    try:
        tensor = torch.as_tensor(given, dtype=first.dtype, device=first.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ExplanationError(
            f"a baseline is a number, or values of the shape {tuple(first.shape[1:])}: {error}"
        ) from error
    _refuse_non_finite(bool(tensor.isfinite().all()), given)
    try:
        spread = tensor.expand(first.shape).clone()
    except RuntimeError as error:
        raise ExplanationError(
            f"a baseline of shape {tuple(tensor.shape)} does not fit an input of shape "
            f"{tuple(first.shape[1:])}"
        ) from error
    return (spread, *(torch.zeros_like(each) for each in subject.inputs[1:]))


def described(given: Baseline, subject: Subject) -> str:
    """How an explanation tells of the baseline that was asked for."""
    if given is None:
        return "no token" if subject.is_tokens else "zeros"
    return f"{given:g}" if isinstance(given, int | float) else "as given"


def _refuse_non_finite(is_finite: bool, given: Baseline) -> None:  # noqa: FBT001 - what was found
    if not is_finite:
        raise ExplanationError(f"a baseline has finite numbers, and this one has not: {given}")
