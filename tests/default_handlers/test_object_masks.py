"""Masks come out in the pixels of the picture that was sent."""

import numpy as np
import pytest
import torch

from default_handlers.object_masks import mask_of
from default_handlers.placement import Placement

NO_BOX = torch.zeros(4)


def rectangle(size, left, top, right, bottom):
    inside = np.zeros((size[1], size[0]), bool)
    inside[top:bottom, left:right] = True
    return inside


def overlap(some, others):
    return (some & others).sum() / (some | others).sum()


def test_a_mask_of_the_picture_itself_is_compared_with_the_threshold():
    mask = torch.tensor([[0.2, 0.5, 0.6]])
    placement = Placement.unchanged((3, 1))
    for threshold, inside in ((0.5, [False, True, True]), (0.55, [False, False, True])):
        got = mask_of(mask, NO_BOX, (3, 1), placement, threshold)
        assert got.tolist() == [inside]


def test_a_mask_of_bools_is_taken():
    mask = torch.tensor([[True, False]])
    assert mask_of(mask, NO_BOX, (2, 1), Placement.unchanged((2, 1)), 0.5).tolist() == [
        [True, False]
    ]


def test_a_mask_of_a_resized_picture_is_stretched():
    placement = Placement((80, 40), (20, 10), (0, 0, 20, 10))
    mask = torch.zeros(10, 20)
    mask[2:5, 4:12] = 1
    got = mask_of(mask, NO_BOX, (20, 10), placement, 0.5)
    assert (got == rectangle((80, 40), 16, 8, 48, 20)).mean() > 0.99
    assert overlap(got, rectangle((80, 40), 16, 8, 48, 20)) > 0.96


def test_a_mask_that_reaches_the_edge_of_a_resized_picture_goes_to_the_edge():
    placement = Placement((80, 40), (20, 10), (0, 0, 20, 10))
    assert mask_of(torch.ones(10, 20), NO_BOX, (20, 10), placement, 0.5).all()


def test_a_mask_of_a_crop_is_shifted():
    placement = Placement((40, 40), (20, 20), (5, 5, 15, 15))
    mask = torch.zeros(10, 10)
    mask[0:4, 0:4] = 1
    got = mask_of(mask, NO_BOX, (10, 10), placement, 0.5)
    assert overlap(got, rectangle((40, 40), 10, 10, 18, 18)) > 0.9


def test_a_mask_of_its_box_is_pasted_there():
    mask = torch.ones(28, 28)
    got = mask_of(mask, torch.tensor([10.0, 20.0, 66.0, 48.0]), (99, 99), UNCHANGED, 0.5)
    assert overlap(got, rectangle((99, 99), 10, 20, 66, 48)) > 0.98


UNCHANGED = Placement.unchanged((99, 99))


@pytest.mark.parametrize(
    "box", [[-10, -20, 40, 30], [80, 90, 130, 120], [0.4, 0.4, 1.2, 1.3], [-50, -50, 200, 200]]
)
def test_a_box_may_reach_beyond_the_picture(box):
    got = mask_of(
        torch.ones(28, 28), torch.tensor(box, dtype=torch.float32), (9, 9), UNCHANGED, 0.5
    )
    left, top, right, bottom = (round(min(max(side, 0), 99)) for side in box)
    assert overlap(got, rectangle((99, 99), left, top, right, bottom)) > 0.9


@pytest.mark.parametrize(
    "box", [[5, 5, 5, 9], [200, 5, 300, 9], [9, 9, 5, 5], [5.1, 5.1, 5.2, 5.2]]
)
def test_a_box_without_a_pixel_of_the_picture_has_an_empty_mask(box):
    got = mask_of(
        torch.ones(28, 28), torch.tensor(box, dtype=torch.float32), (9, 9), UNCHANGED, 0.5
    )
    assert not got.any()


def test_an_empty_mask_is_empty():
    placement = Placement((80, 40), (20, 10), (0, 0, 20, 10))
    assert not mask_of(torch.zeros(10, 20), NO_BOX, (20, 10), placement, 0.5).any()


def test_a_pasted_mask_is_sampled_at_the_centres_of_the_pictures_pixels():
    """Against torch's own sampling, on the grid that Detectron2 pastes with."""
    torch.manual_seed(0)
    small = torch.nn.functional.interpolate(torch.rand(1, 1, 5, 5), (28, 28), mode="bicubic")
    box = torch.tensor([12.3, 7.8, 77.1, 91.4])
    centres = torch.arange(99) + 0.5
    across = (centres - box[0]) / (box[2] - box[0]) * 2 - 1
    down = (centres - box[1]) / (box[3] - box[1]) * 2 - 1
    grid = torch.stack([across.expand(99, 99), down[:, None].expand(99, 99)], dim=2)[None]
    expected = torch.nn.functional.grid_sample(small, grid, align_corners=False)[0, 0] >= 0.5
    got = mask_of(small[0, 0], box, (9, 9), UNCHANGED, 0.5)
    assert (got == expected.numpy()).mean() > 0.9999
