"""Answers that drift a little still say the same; those that say something else are told."""

import io

import pytest
from PIL import Image

from ts_sdk.testing.drift import drift_problem

HALF = "float16"


def png(level):
    file = io.BytesIO()
    Image.new("L", (16, 16), level).save(file, "PNG")
    return file.getvalue()


def with_one_pixel_more(levels):
    return [
        [levels + 1 if (row, column) == (3, 4) else levels for column in range(16)]
        for row in range(16)
    ]


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ({"cat": 0.61, "dog": 0.39}, {"cat": 0.60, "dog": 0.40}),
        ({"cat": 0.495, "dog": 0.505}, {"cat": 0.505, "dog": 0.495}),
        (with_one_pixel_more(2), [[2] * 16] * 16),
        ({"mask": png(100)}, {"mask": png(101)}),
        ([1.0, 2.0], [1.001, 2.002]),
        (
            [{"label": "cup", "score": 0.9}, {"label": "cat", "score": 0.51}],
            [{"label": "cup", "score": 0.9}],
        ),
        ([], []),
    ],
)
def test_a_small_drift_is_none(actual, expected):
    assert drift_problem(actual, expected, HALF) is None


@pytest.mark.parametrize(
    ("actual", "expected", "problem"),
    [
        ({"cat": 0.5, "dog": 0.5}, {"cat": 0.6, "dog": 0.4}, "is 0.1 apart, 0.02 is allowed"),
        ([[2] * 8 + [3] * 8] * 16, [[2] * 16] * 16, "is 0.5 apart"),
        ({"mask": png(0)}, {"mask": png(200)}, r"differs: \$.mask"),
        ([1.0, 2.5], [1.0, 2.0], "is 0.2"),
        (
            [{"label": "cup", "score": 0.9}],
            [{"label": "cup", "score": 0.9}, {"label": "cat", "score": 0.95}],
            "differs",
        ),
        ([1, 2], [1, 3], "differs"),
        ("cat", "dog", "differs"),
    ],
)
def test_a_large_one_says_in_what(actual, expected, problem):
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(drift_problem(actual, expected, HALF))


def test_bfloat16_may_drift_further():
    assert drift_problem({"a": 0.54, "b": 0.46}, {"a": 0.5, "b": 0.5}, "autocast-bfloat16") is None
