"""What methods are told, and what they find."""

from dataclasses import dataclass
from typing import Literal

import torch

from ts_sdk.explain.subject import Subject

Tensors = tuple[torch.Tensor, ...]
Parts = Literal["superpixels", "grid"] | torch.Tensor
"""What is covered together: parts of a picture that follow it, squares, or what has one number."""


@dataclass(frozen=True)
class Options:
    """How an explanation is to be made.

    Attributes:
        steps: Of the integral, for integrated gradients.
        samples: Of the methods that draw at random; None for as many as the input's size asks for.
        parts: What is covered together by the methods that cover parts of the input; a tensor is of
            the first input's shape without its batch, or ``(H, W)`` of a picture.
        cells: Into how many rows and columns of parts a picture is divided, about.
        layer: That of Grad-CAM; None for the last one that sees places.
        rows_at_once: Most rows in one call of the model; None for what the memory allows.
    """

    steps: int = 50
    samples: int | None = None
    parts: Parts = "superpixels"
    cells: int = 10
    layer: str | None = None
    rows_at_once: int | None = None


@dataclass(frozen=True)
class Attributed:
    """What a method found.

    Attributes:
        attributions: One tensor for each input, ``(1, …)`` of its shape; of tokens ``(1, T)``.
        delta: By how much their sum misses the score's change from the baseline; None where the
            method promises no sum.
    """

    attributions: Tensors
    delta: float | None = None


def change(subject: Subject, baselines: Tensors) -> float:
    """By how much the score is above that of the baseline."""
    with torch.no_grad():
        return float(subject.scores(*subject.inputs)[0] - subject.scores(*baselines)[0])


def delta_of(subject: Subject, found: Tensors, baselines: Tensors) -> float:
    """By how much the sum of what was found misses the score's change."""
    total = sum(float(each.sum()) for each in found)
    return total - change(subject, baselines)
