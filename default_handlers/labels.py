"""Answers of classifiers: class numbers and probabilities become named answers."""

from collections.abc import Iterable, Mapping
from typing import Any

Ranked = Iterable[tuple[int, float]]
"""Class number and probability, the most probable first."""


def label_of(number: int, names: Mapping[str, str] | None) -> str:
    """The name of class *number*; the number itself when *names* has none for it.

    Args:
        number: Position in the model's output, counted from 0.
        names: Class number as text → name, as `BaseHandler.mapping` holds it; None without names.
    """
    return (names or {}).get(str(number), str(number))


def as_mapping(ranked: Ranked, names: Mapping[str, str] | None) -> dict[str, float]:
    """``{label: probability}``, TorchServe's answer.

    Two classes of one name (ImageNet has two each of "crane" and "maillot") stay two: the more
    probable has the name, the other has its number behind it, as in ``"crane (517)"``.
    """
    answer: dict[str, float] = {}
    for number, probability in ranked:
        label = label_of(number, names)
        while label in answer:
            label = f"{label} ({number})"
        answer[label] = probability
    return answer


def as_records(ranked: Ranked, names: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """``[{"label": …, "index": …, "probability": …}]``, in which no two classes can collide."""
    return [
        {"label": label_of(number, names), "index": number, "probability": probability}
        for number, probability in ranked
    ]
