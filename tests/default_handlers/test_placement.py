"""Boxes and pixels find their way back from what the model saw to the picture that was sent."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from default_handlers.placement import Placement
from default_handlers.presets import ImagePreset

SIDES = st.integers(2, 300)


def test_a_box_is_scaled_and_shifted_back():
    placement = Placement((400, 200), (200, 100), (50, 0, 150, 100))
    boxes = torch.tensor([[0, 0, 100, 100], [10, 20, 30, 40]])
    assert placement.boxes(boxes, (100, 100)).tolist() == [[100, 0, 300, 200], [120, 40, 160, 80]]


def test_a_model_may_answer_in_pixels_of_its_own():
    placement = Placement((400, 200), (200, 100), (50, 0, 150, 100))
    assert placement.boxes(torch.tensor([[0, 0, 25, 25]]), (25, 25)).tolist() == [
        [100, 0, 300, 200]
    ]


def test_boxes_in_an_unchanged_picture_are_not_touched():
    boxes = torch.rand(3, 4)
    assert Placement.unchanged((7, 9)).boxes(boxes, (7, 9)) is boxes


@given(width=SIDES, height=SIDES, resize=st.integers(8, 200), data=st.data())
def test_what_is_seen_of_a_box_is_where_the_box_is(width, height, resize, data):
    crop = data.draw(st.integers(1, resize))
    placement = ImagePreset(resize, crop).place((width, height))
    left, top, _, _ = placement.crop
    across, down = placement.resized[0] / width, placement.resized[1] / height
    box = torch.tensor([[0.1 * width, 0.2 * height, 0.6 * width, 0.9 * height]])
    seen = box * torch.tensor([across, down] * 2) - torch.tensor([left, top] * 2)
    assert torch.allclose(placement.boxes(seen, placement.seen), box, atol=1e-3)


@given(width=SIDES, height=SIDES, resize=st.integers(8, 200), data=st.data())
def test_the_window_holds_the_pixels_whose_centres_are_seen(width, height, resize, data):
    crop = data.draw(st.integers(1, resize))
    placement = ImagePreset(resize, crop).place((width, height))
    left, top, right, bottom = placement.window()
    for axis, (start, end) in enumerate([(left, right), (top, bottom)]):
        whole = placement.positions(axis, crop, 0, placement.size[axis])
        seen = [place for place, each in enumerate(whole) if -0.5 <= each + 1e-9 < crop - 0.5]
        assert seen == list(range(start, end))


@pytest.mark.parametrize("size", [(4, 4), (8, 2)])
def test_all_of_a_picture_without_a_crop_is_seen(size):
    placement = ImagePreset((3, 5), None).place(size)
    assert placement.is_whole
    assert placement.window() == (0, 0, *size)
