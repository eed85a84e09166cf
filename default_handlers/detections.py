"""The answers of an object detector: the objects in a picture, each with its box."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from default_handlers.labels import label_of

Names = Mapping[str, str] | None
"""Class number as text → class name; None without names."""

_SCORE = "score"


def as_mappings(
    boxes: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor, names: Names
) -> list[dict[str, Any]]:
    """``[{label: [x1, y1, x2, y2], "score": s}]``, TorchServe's answer.

    Under a class named "score" the score would take the place of the box: the class has its number
    behind it, as in ``"score (7)"``.
    """
    answer = []
    for box, number, score in _rows(boxes, labels, scores):
        label = label_of(number, names)
        if label == _SCORE:
            label = f"{label} ({number})"
        answer.append({label: box, _SCORE: score})
    return answer


def as_records(
    boxes: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor, names: Names
) -> list[dict[str, Any]]:
    """``[{"label": …, "index": …, "score": …, "box": [x1, y1, x2, y2]}]``."""
    return [
        {"label": label_of(number, names), "index": number, _SCORE: score, "box": box}
        for box, number, score in _rows(boxes, labels, scores)
    ]


def _rows(
    boxes: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor
) -> Iterable[tuple[list[float], int, float]]:
    numbers = map(int, labels.tolist())
    return zip(boxes.tolist(), numbers, scores.tolist(), strict=True)
