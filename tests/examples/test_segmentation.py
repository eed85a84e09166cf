"""The example that trains a segmenter: it tells digits where it has never seen any."""

import io
import re

import numpy as np
import pytest
from example_programs import number, run
from PIL import Image

import ts_sdk

QUICK = ("--steps", 600)
TORCHSERVE_BYTES = 1_400_000  # what its answer to a picture of 224 by 224 pixels takes
TORCHSERVE_PIXELS = 224 * 224


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the weights of a short training."""
    folder = tmp_path_factory.mktemp("segmentation")
    run("segmentation/train.py", folder, *QUICK)
    return folder


@pytest.fixture(scope="module")
def printed(folder):
    """What the example prints."""
    return run("segmentation/run.py", folder)


def test_it_tells_the_pixels_of_digits_in_scenes_that_it_has_never_seen(printed):
    assert number("overlap", printed) > 0.48


def test_its_answer_is_less_than_a_hundredth_of_torchserves(printed, folder):
    pixels, size = map(int, re.search(r"each of (\d+) pixels in (\d+) bytes", printed).groups())
    assert size == (folder / "mask.png").stat().st_size
    assert size / pixels < TORCHSERVE_BYTES / TORCHSERVE_PIXELS / 100


def test_the_answer_is_a_picture_of_class_numbers_as_large_as_the_scene(printed, folder):
    with Image.open(folder / "mask.png") as mask:
        assert (mask.size, mask.mode) == ((384, 256), "P")
        numbers = np.asarray(mask)
    assert numbers.max() <= 10
    assert 0.01 < (numbers > 0).mean() < 0.1


def test_it_draws_the_scene_with_a_legend(printed, folder):
    with Image.open(folder / "drawn.png") as drawn:
        assert drawn.width >= 384
        assert drawn.height / drawn.width > 256 / 384


def test_a_scene_of_any_size_has_an_answer_of_its_size(printed, folder, scenes):
    scene = scenes.held_out_composer(5).compose(131, 101)
    with ts_sdk.load(folder / "digits.mar", device="cpu") as model:
        answer = model.predict(scene.png)
    assert Image.open(io.BytesIO(answer)).size == (131, 101)


@pytest.mark.slow
def test_it_tells_most_of_them_after_the_whole_training(tmp_path):
    run("segmentation/train.py", tmp_path)
    assert number("overlap", run("segmentation/run.py", tmp_path)) > 0.68
