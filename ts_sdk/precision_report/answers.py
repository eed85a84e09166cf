"""Whether two answers of a handler say the same."""

from collections.abc import Mapping
from typing import Any

Probabilities = dict[str, float]


def probabilities_in(answer: object) -> Probabilities | None:
    """Label → probability, where *answer* is such a mapping or a list of records; else None."""
    if isinstance(answer, Mapping):
        numbers = {str(label): value for label, value in answer.items() if _is_number(value)}
        return numbers if len(numbers) == len(answer) > 1 else None
    if isinstance(answer, list) and answer and all(isinstance(item, Mapping) for item in answer):
        pairs = [(item.get("label"), item.get("probability")) for item in answer]
        if all(label is not None and _is_number(value) for label, value in pairs):
            return {str(label): float(value) for label, value in pairs}
    return None


def top_label(probabilities: Probabilities) -> str:
    """The most probable label."""
    return max(probabilities, key=lambda label: probabilities[label])


def answers_difference(expected: object, found: object) -> float | None:
    """The largest difference of a number in two answers; None when they differ in structure.

    Of probabilities, the difference itself: a label that only one answer has was at most as
    probable as the least that the other one shows. Of other fractional numbers, as a share of the
    largest under the same keys. Whole numbers are indices and counts: they are the same or not.
    """
    wanted, got = probabilities_in(expected), probabilities_in(found)
    if wanted is not None and got is not None:
        return _probability_difference(wanted, got)
    numbers: dict[str, list[tuple[float, float]]] = {}
    if not _gather(expected, found, "", numbers):
        return None
    return max((_relative(pairs) for pairs in numbers.values()), default=0.0)


def _probability_difference(wanted: Probabilities, got: Probabilities) -> float:
    shared = [abs(wanted[label] - got[label]) for label in wanted.keys() & got.keys()]
    only_wanted = [wanted[label] - min(got.values()) for label in wanted.keys() - got.keys()]
    only_got = [got[label] - min(wanted.values()) for label in got.keys() - wanted.keys()]
    return max(0.0, *shared, *only_wanted, *only_got)


def _gather(
    expected: Any,  # noqa: ANN401 - JSON-like
    found: Any,  # noqa: ANN401 - as above
    place: str,
    numbers: dict[str, list[tuple[float, float]]],
) -> bool:
    """Collect pairs of numbers by the keys that they stand under; whether all else is the same."""
    expected, found = (
        value.tolist() if hasattr(value, "tolist") else value for value in (expected, found)
    )
    if isinstance(expected, float) and isinstance(found, float):
        numbers.setdefault(place, []).append((expected, found))
        return True
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return list(expected) == list(found) and all(
            _gather(expected[key], found[key], f"{place}.{key}", numbers) for key in expected
        )
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        return len(expected) == len(found) and all(
            _gather(one, other, place, numbers) for one, other in zip(expected, found, strict=True)
        )
    return bool(expected == found)


def _relative(pairs: list[tuple[float, float]]) -> float:
    largest = max(abs(expected) for expected, _ in pairs)
    difference = max(abs(expected - found) for expected, found in pairs)
    if largest == 0:
        return 0.0 if difference == 0 else float("inf")
    return difference / largest


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
