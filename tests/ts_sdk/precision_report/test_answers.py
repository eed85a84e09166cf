"""Two answers of a handler are compared by what they mean."""

import pytest
import torch

from ts_sdk.precision_report.answers import answers_difference, probabilities_in, top_label


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"cat": 0.75, "dog": 0.25}, {"cat": 0.75, "dog": 0.25}),
        (
            [
                {"label": "cat", "index": 1, "probability": 0.5},
                {"label": "dog", "probability": 0.25},
            ],
            {"cat": 0.5, "dog": 0.25},
        ),
        ({"double": 4.0}, None),  # one number is no choice
        ({"cat": 0.5, "box": [1]}, None),
        ([{"cat": [1, 2, 3, 4], "score": 0.5}], None),
        ([0.5, 0.25], None),
        ([], None),
        ("cat", None),
    ],
)
def test_labels_with_probabilities_are_known_by_their_shape(answer, expected):
    assert probabilities_in(answer) == expected


def test_the_top_label_is_the_most_probable_one():
    assert top_label({"dog": 0.25, "cat": 0.5}) == "cat"


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ({"cat": 0.5, "dog": 0.25}, {"cat": 0.375, "dog": 0.25}, 0.125),
        # Top two of many: "fox" was 0.25 at most in the first answer, "dog" in the second.
        ({"cat": 0.5, "dog": 0.25}, {"cat": 0.5, "fox": 0.375}, 0.125),
        ([1.0, -4.0], [1.0, -3.0], 0.25),
        (
            [{"cat": [100.0, 0.0, 8.0, 8.0], "score": 0.5}],
            [{"cat": [110.0, 0.0, 8.0, 8.0], "score": 0.5}],
            0.1,
        ),
        (
            [{"cat": [100.0, 0.0, 8.0, 8.0], "score": 0.5}],
            [{"cat": [100.0, 0.0, 8.0, 8.0], "score": 0.25}],
            0.5,
        ),
        (torch.tensor([2.0, 1.0]), torch.tensor([2.0, 1.5]), 0.25),
        (["cat", 3, None, True], ["cat", 3, None, True], 0.0),
        (b"png", b"png", 0.0),
        ([0.0], [0.0], 0.0),
        ([0.0], [0.5], float("inf")),
    ],
)
def test_the_largest_difference(expected, found, difference):
    assert answers_difference(expected, found) == pytest.approx(difference)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ([{"cat": [1.0], "score": 0.5}], []),
        ([{"cat": [1.0]}], [{"dog": [1.0]}]),
        (["cat"], ["dog"]),
        ([3], [4]),  # an index, not a measure
        (b"png", b"gif"),
        ({"cat": 0.5, "dog": 0.5}, "cat"),
        ([1.0], ["1.0"]),
    ],
)
def test_another_structure_has_no_difference(expected, found):
    assert answers_difference(expected, found) is None
