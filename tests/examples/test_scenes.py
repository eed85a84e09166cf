"""The scenes that detectors and segmenters are trained on, and how these are judged."""

import importlib

import numpy as np
import pytest


@pytest.fixture
def judge(scenes, monkeypatch):
    """The function that compares what was found with what is there."""
    monkeypatch.syspath_prepend(str(scenes.__file__).removesuffix("scenes.py"))
    return importlib.import_module("judging").judge


def test_the_same_seed_gives_the_same_scenes(scenes):
    one, other = (scenes.training_composer(3).compose() for _ in range(2))
    assert np.array_equal(one.picture, other.picture)
    assert [digit.box for digit in one.digits] == [digit.box for digit in other.digits]


def test_another_seed_gives_other_scenes(scenes):
    one, other = (scenes.training_composer(seed).compose() for seed in (3, 4))
    assert not np.array_equal(one.picture, other.picture)


def test_no_digit_that_is_held_out_is_in_a_scene_to_train_on(scenes):
    held_out, _ = scenes._digits(held_out=True)
    trained, _ = scenes._digits(held_out=False)
    assert (len(held_out), len(trained)) == (1000, 4000)
    assert not {digit.tobytes() for digit in held_out} & {digit.tobytes() for digit in trained}
    assert not set(scenes.HELD_OUT_PHOTOGRAPHS) & set(scenes.TRAINING_PHOTOGRAPHS)


@pytest.mark.parametrize("seed", range(5))
def test_boxes_frame_the_masks_and_do_not_overlap(scenes, seed):
    scene = scenes.training_composer(seed).compose(160, 120, digits=8)
    assert scene.picture.shape == (120, 160, 3)
    covered = np.zeros((120, 160), int)
    for digit in scene.digits:
        rows, columns = np.nonzero(digit.mask)
        frame = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert digit.box == frame
        left, top, right, bottom = digit.box
        covered[top:bottom, left:right] += 1
        assert set(np.unique(scene.class_map[digit.mask])) == {digit.number + 1}
    assert covered.max() == 1


def test_what_is_found_twice_or_elsewhere_or_taken_for_another_is_wrong(scenes, judge):
    scene = scenes.training_composer().compose(digits=2)
    one, other = scene.digits
    right = (one.number, one.box)
    elsewhere = (other.number, tuple(side + 40 for side in other.box))
    mistaken = ((other.number + 1) % 10, other.box)
    found = judge([[right, right, elsewhere, mistaken]], [scene])
    assert (found.precision, found.recall, found.overlap) == (0.25, 0.5, 1.0)


def test_everything_found_is_right(scenes, judge):
    composer = scenes.training_composer()
    several = [composer.compose() for _ in range(3)]
    found = judge([[(each.number, each.box) for each in one.digits] for one in several], several)
    assert (found.precision, found.recall, found.overlap) == (1.0, 1.0, 1.0)


def test_nothing_found_is_no_error(scenes, judge):
    found = judge([[]], [scenes.training_composer().compose()])
    assert (found.precision, found.recall, found.overlap) == (0.0, 0.0, 0.0)
