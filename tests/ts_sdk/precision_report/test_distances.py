"""Distances have known values, and infinity is no number."""

import pytest
import torch

from ts_sdk.precision_report.distances import output_drifts, relative_error

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("expected", "found", "error"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0),
        ([3.0, 4.0], [3.0, 5.0], 0.2),
        ([0.0], [0.0], 0.0),
        ([0.0], [1.0], INFINITE),
        ([1.0], [INFINITE], INFINITE),
        ([1.0], [float("nan")], INFINITE),
        ([-INFINITE, 2.0], [-INFINITE, 2.0], 0.0),
        ([float("nan"), 2.0], [float("nan"), 1.0], 0.5),
        ([1e30, 0.0], [2e30, 0.0], 1.0),
        ([], [], 0.0),
    ],
)
def test_relative_errors(expected, found, error):
    assert relative_error(torch.tensor(expected), torch.tensor(found)) == pytest.approx(error)


def test_outputs_are_named_by_their_place():
    expected = {"out": torch.tensor([1.0, -8.0]), "aux": [torch.tensor([2.0]), torch.tensor([1])]}
    found = {"out": torch.tensor([1.0, -4.0]), "aux": [torch.tensor([2.5]), torch.tensor([1])]}
    out, aux = output_drifts(expected, found)
    assert (out.name, out.largest, out.relative) == ("out", 4.0, 0.5)
    assert (aux.name, aux.largest, aux.relative) == ("aux.0", 0.5, 0.25)


def test_what_cannot_be_compared_says_why():
    (shape,) = output_drifts(torch.ones(3), torch.ones(2))
    assert shape.note == "shape (2,) where float32 gives (3,)"
    (other,) = output_drifts({"a": torch.ones(1)}, {"b": torch.ones(1)})
    assert other.note == "other outputs: a, b"


def test_nothing_does_not_differ():
    (empty,) = output_drifts(torch.ones(0, 4), torch.ones(0, 4))
    assert (empty.largest, empty.relative, empty.note) == (0.0, 0.0, None)
