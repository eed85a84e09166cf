"""`assert_close_json`: whether answers are what they should be, numbers within a tolerance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ts_sdk.testing.shortened import shortened

MOST_SHOWN = 10
"""Differences that the message of `assert_close_json` lists."""


class Absent(Enum):
    """What stands in a `Difference` where one side has nothing."""

    ABSENT = "nothing"

    def __repr__(self) -> str:
        return self.value


ABSENT = Absent.ABSENT


@dataclass(frozen=True)
class Tolerance:
    """How far numbers, and the pixels of pictures, may be from those expected.

    A number may be ``atol + rtol * abs(expected)`` away; one whole number from another ``atol``,
    since they are counts and classes.

    The defaults are for float32, whose sums come out otherwise from one machine, batch size or
    version of a library to the next: 1e-4 of a number is about a thousand rounding steps.

    Attributes:
        rtol: Part of the expected number.
        atol: For numbers near 0.
        picture_mean: Mean distance of the pixels' levels, which go from 0 to 255.
        picture_max: Largest distance of one level.
    """

    rtol: float = 1e-4
    atol: float = 1e-5
    picture_mean: float = 0.5
    picture_max: float = 32.0

    @classmethod
    def for_precision(cls, word: str) -> "Tolerance":
        """The tolerance for answers of a model that computes in a precision.

        A rounding step is 2^-10 of a number in float16 and 2^-7 in bfloat16. A network rounds at
        every layer, and rounding errors add up to some steps, not to as many as there are layers:
        allowed are ten steps of a number, and two of 1, which probabilities and normalised features
        are made of. Of a picture the mean counts alone: a pixel at the border of a mask may change
        sides.

        Args:
            word: A word of `ts_sdk.Precision`; the ``autocast-`` words are as those without.

        Raises:
            PrecisionError: There is no such word.
        """
        from ts_sdk.precision import Precision

        return _FOR_PRECISION[Precision.parse(word).removeprefix("autocast-")]


_FOR_PRECISION: Mapping[str, Tolerance] = {
    "float32": Tolerance(),
    "float16": Tolerance(rtol=1e-2, atol=2e-3, picture_mean=1.0, picture_max=255.0),
    "bfloat16": Tolerance(rtol=8e-2, atol=2e-2, picture_mean=2.0, picture_max=255.0),
}


@dataclass(frozen=True)
class Difference:
    """One place at which a value is not as expected.

    Attributes:
        path: The place as a JSON path, such as ``$.boxes[0].score``.
        actual: What is there; `ABSENT` for nothing.
        expected: What should be there; `ABSENT` for nothing.
        reason: In what they differ, and what is allowed.
    """

    path: str
    actual: Any
    expected: Any
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.path}: got {shortened(self.actual)}, expected {shortened(self.expected)}: "
            f"{self.reason}"
        )


def assert_close_json(
    actual: object,
    expected: object,
    *,
    tolerance: Tolerance | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    hint: str | None = None,
) -> None:
    """Check that a value is as expected, numbers and pictures within a tolerance.

    Args:
        actual: What came: numbers, text, lists, dicts, arrays, tensors and pictures, nested.
        expected: What should have come.
        tolerance: As for `differences`; so are the others.
        rtol: Replaces `Tolerance.rtol`.
        atol: Replaces `Tolerance.atol`.
        equal_nan: Whether NaN is as expected where NaN is expected.
        hint: What to look at when they differ; the message ends with it.

    Raises:
        AssertionError: They differ; the message lists the first ten places and says how many there
            are.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    found = differences(
        actual, expected, tolerance=tolerance, rtol=rtol, atol=atol, equal_nan=equal_nan
    )
    if found:
        raise AssertionError(_message(found, hint))


def differences(
    actual: object,
    expected: object,
    *,
    tolerance: Tolerance | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
) -> list[Difference]:
    """The places at which a value is not as expected.

    The order of a dict's keys does not matter, nor whether a number is an int or a float, or a
    sequence a list or a tuple. ``True`` is no number. Arrays and tensors must have the same shape
    and hold the same kind of numbers (bool, whole, floating); against nested lists the numbers
    count alone. Pictures (encoded, as bytes or as base64 text, or Pillow images) are compared by
    their pixels.

    Args:
        actual: What came.
        expected: What should have come.
        tolerance: How far they may be apart; None for the one for float32.
        rtol: Replaces `Tolerance.rtol`.
        atol: Replaces `Tolerance.atol`.
        equal_nan: Whether NaN is as expected where NaN is expected.

    Returns:
        One item a place, in the order of *expected*; one for the whole of an array or a picture.
    """
    allowed = tolerance or Tolerance()
    given = {"rtol": rtol, "atol": atol}
    allowed = replace(allowed, **{name: each for name, each in given.items() if each is not None})
    return list(_differences(actual, expected, allowed, equal_nan=equal_nan))


def _differences(
    actual: object, expected: object, allowed: Tolerance, *, equal_nan: bool
) -> Iterator[Difference]:
    from ts_sdk.testing.comparing import Comparison, rendered

    for place, got, wanted, reason in Comparison(allowed, equal_nan=equal_nan).of(actual, expected):
        yield Difference(rendered(place), got, wanted, reason)


def _message(found: list[Difference], hint: str | None) -> str:
    count = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    lines = [f"{count}:", *(f"  {each}" for each in found[:MOST_SHOWN])]
    if len(found) > MOST_SHOWN:
        lines.append(f"  ... and {len(found) - MOST_SHOWN} more")
    if hint:
        lines.append(f"hint: {hint}")
    return "\n".join(lines)
