"""Whether answers in another precision, or from another device, still say the same."""

from collections.abc import Mapping
from typing import Any

from ts_sdk.precision_report.answers import answers_difference, probabilities_in, top_label
from ts_sdk.testing.closeness import Tolerance, differences

_COARSE = "bfloat16"
_ALLOWED = 0.02
"""As `ts_sdk.measure_precision` takes for safe: a share of the largest number under the same key;
of a probability, the difference itself; of a map of classes, the share of pixels."""

_ALLOWED_COARSELY = 0.05
"""In bfloat16, whose rounding steps are eight times those of float16."""

_LARGE_MAP = 64
"""From so many whole numbers on, nested lists of them are a map of classes."""

_SCORES = ("score", "probability")


def drift_problem(actual: object, expected: object, precision: str) -> str | None:
    """In what an answer has drifted too far, as the end of a sentence; None when it has not.

    Objects whose score is within the drift of the least likely one shown may come and go. Pictures,
    such as masks, are compared by their pixels.

    Args:
        actual: The answer.
        expected: The answer in float32, or of the CPU.
        precision: What the answer was computed in, a word of `ts_sdk.Precision`.
    """
    allowed = _ALLOWED_COARSELY if _COARSE in precision else _ALLOWED
    share = _share_of_pixels(actual, expected)
    if share is not None:
        return _told(share, allowed)
    actual, expected = _without_the_least_likely(actual, expected, allowed)
    drift = answers_difference(expected, actual)
    if drift is None:
        tolerance = Tolerance.for_precision(precision)
        found = differences(actual, expected, tolerance=tolerance, equal_nan=True)
        return f"differs: {found[0]}" if found else None
    return _told(drift, allowed) or _label_problem(actual, expected, allowed)


def _told(drift: float, allowed: float) -> str | None:
    return f"is {drift:.2g} apart, {allowed} is allowed" if drift > allowed else None


def _label_problem(actual: object, expected: object, allowed: float) -> str | None:
    """Which label was taken; two that are as good as tied may change places."""
    wanted, got = probabilities_in(expected), probabilities_in(actual)
    if not wanted or not got:
        return None
    label, found = top_label(wanted), top_label(got)
    if label == found or wanted[label] - wanted.get(found, 0.0) <= 2 * allowed:
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


def _without_the_least_likely(
    actual: Any,  # noqa: ANN401 - any answer
    expected: Any,  # noqa: ANN401 - as above
    allowed: float,
) -> tuple[Any, Any]:
    """Two lists of objects without those whose score is near the least one that is shown."""
    scores = [_score_of(item) for answer in (actual, expected) for item in _listed(answer)]
    if not scores or None in scores or len(_listed(actual)) == len(_listed(expected)):
        return actual, expected
    least = min(score for score in scores if score is not None) + 2 * allowed

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
