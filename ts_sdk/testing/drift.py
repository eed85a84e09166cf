"""Whether answers in another precision, or from another device, still say the same."""

from collections.abc import Mapping
from typing import Any

from ts_sdk.precision_report.answers import answers_difference, probabilities_in, top_label
from ts_sdk.testing.closeness import Tolerance, differences

ALLOWED = 0.02
"""As `ts_sdk.measure_precision` takes for safe: a share of the largest number under the same key;
of a probability, the difference itself; of a map of classes, the share of pixels."""

_NEAR_TIE = 2 * ALLOWED
"""Two labels whose probabilities are closer than this may change places."""

_LARGE_MAP = 64
"""From so many whole numbers on, nested lists of them are a map of classes."""

_SCORES = ("score", "probability")


def drift_problem(actual: object, expected: object, tolerance: Tolerance) -> str | None:
    """In what an answer has drifted too far, as the end of a sentence; None when it has not.

    Objects whose score is within the drift of the least likely one shown may come and go. Pictures,
    such as masks, are compared by their pixels.

    Args:
        actual: The answer.
        expected: The answer in float32, or of the CPU.
        tolerance: How far pictures may be apart.
    """
    share = _share_of_pixels(actual, expected)
    if share is not None:
        return _told(share)
    actual, expected = _without_the_least_likely(actual, expected)
    drift = answers_difference(expected, actual)
    if drift is None:
        found = differences(actual, expected, tolerance=tolerance, equal_nan=True)
        return f"differs: {found[0]}" if found else None
    return _told(drift) or _label_problem(actual, expected)


def _told(drift: float) -> str | None:
    return f"is {drift:.2g} apart, {ALLOWED} is allowed" if drift > ALLOWED else None


def _label_problem(actual: object, expected: object) -> str | None:
    wanted, got = probabilities_in(expected), probabilities_in(actual)
    if not wanted or not got:
        return None
    label, found = top_label(wanted), top_label(got)
    if label == found or wanted[label] - wanted.get(found, 0.0) <= _NEAR_TIE:
        return None
    return f"is {found!r}, in float32 {label!r}"


def _share_of_pixels(actual: object, expected: object) -> float | None:
    """The share of whole numbers that differ in two maps of classes; None where they are none."""
    import numpy as np

    if not (isinstance(actual, list) and isinstance(expected, list)):
        return None
    try:
        got, wanted = np.asarray(actual), np.asarray(expected)
    except ValueError:  # rows of several lengths
        return None
    whole = got.dtype.kind in "iu" and wanted.dtype.kind in "iu"
    if not whole or got.shape != wanted.shape or got.size < _LARGE_MAP:
        return None
    return float((got != wanted).mean())


def _without_the_least_likely(actual: Any, expected: Any) -> tuple[Any, Any]:  # noqa: ANN401 - any answers
    """Two lists of objects without those whose score is near the least one that is shown."""
    scores = [_score_of(item) for answer in (actual, expected) for item in _listed(answer)]
    if not scores or None in scores or len(_listed(actual)) == len(_listed(expected)):
        return actual, expected
    least = min(score for score in scores if score is not None) + _NEAR_TIE

    def likely(answer: list[Any]) -> list[Any]:
        return [item for item in answer if (_score_of(item) or 0.0) > least]

    return likely(actual), likely(expected)


def _listed(answer: object) -> list[Any]:
    return answer if isinstance(answer, list) else []


def _score_of(item: object) -> float | None:
    if not isinstance(item, Mapping):
        return None
    found = [item[name] for name in _SCORES if isinstance(item.get(name), float)]
    return found[0] if found else None
