"""Classes, threshold, overlaps and number, in this order."""

import pytest
import torch

from default_handlers.found import Found
from default_handlers.selection import Selection

SCORES = [0.9, 0.8, 0.7, 0.6, 0.5]
LABELS = [1, 1, 2, 1, 3]
BOXES = [
    [0, 0, 10, 10],
    [0, 0, 10, 9],  # nine tenths of the first
    [0, 0, 10, 8],  # of another class, eight tenths of the first
    [50, 50, 60, 60],
    [0, 0, 1, 1],
]
ALL = [0, 1, 2, 3, 4]


def found(order=ALL):
    scores = torch.tensor([SCORES[place] for place in order])
    return Found(
        torch.tensor([BOXES[place] for place in order], dtype=torch.float32),
        torch.tensor([LABELS[place] for place in order]),
        scores,
        masks=scores[:, None, None].expand(-1, 2, 2),
    )


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({}, ALL),
        ({"threshold": 0.7}, [0, 1, 2]),
        ({"classes": {2, 3, 99}}, [2, 4]),
        ({"nms": 0.85}, [0, 2, 3, 4]),
        ({"nms": 0.75, "nms_per_class": False}, [0, 3, 4]),
        ({"nms": 0.95}, ALL),
        ({"max_boxes": 2}, [0, 1]),
        ({"max_boxes": 9}, ALL),
        ({"nms": 0.85, "max_boxes": 2}, [0, 2]),
        ({"classes": {1}, "threshold": 0.7, "nms": 0.85}, [0]),
        ({"threshold": 0.95}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("order", [ALL, [3, 1, 4, 0, 2]], ids=["by score", "mixed"])
def test_what_stays_and_in_the_models_order(rules, kept, order):
    selected = Selection(**rules).of(found(order))
    expected = [SCORES[place] for place in order if place in kept]
    assert selected.scores.tolist() == pytest.approx(expected)
    assert selected.masks[:, 0, 0].tolist() == pytest.approx(expected)


def test_nothing_found_stays_nothing():
    rules = Selection({1}, 0.5, 0.5, max_boxes=3)
    assert len(rules.of(found([]))) == 0


def test_what_has_no_number_for_its_score_stays_to_be_told():
    spoilt = Found(torch.zeros(1, 4), torch.tensor([1]), torch.tensor([float("nan")]))
    assert len(Selection(threshold=0.5).of(spoilt)) == 1
