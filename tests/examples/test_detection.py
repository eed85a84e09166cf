"""The example that trains a detector: it finds digits where it has never seen any."""

import re

import numpy as np
import pytest
from example_programs import number, run
from PIL import Image

import ts_sdk

QUICK = ("--steps", 500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the weights of a short training."""
    folder = tmp_path_factory.mktemp("detection")
    run("detection/train.py", folder, *QUICK)
    return folder


@pytest.fixture(scope="module")
def printed(folder):
    """What the example prints."""
    return run("detection/run.py", folder)


def test_it_finds_digits_in_scenes_that_it_has_never_seen(printed):
    assert number("precision", printed) > 0.8
    assert number("recall", printed) > 0.75
    assert number("boxes", printed) > 0.7


def test_it_prints_what_it_draws(printed, folder):
    found = re.findall(r"^([a-z]+) +(0\.\d\d) \[\d+, \d+, \d+, \d+\]$", printed, re.MULTILINE)
    assert len(found) >= 8
    with Image.open(folder / "drawn.png") as file, Image.open(folder / "scene.png") as scene:
        drawn, before = np.asarray(file.convert("RGB"), int), np.asarray(scene.resize(file.size))
    changed = (abs(drawn - before) > 40).any(axis=2).mean()
    assert 0.02 < changed < 0.3  # boxes and labels, on the same photograph


def test_pictures_whose_sides_are_no_multiples_are_searched_to_the_edge(printed, folder, scenes):
    scene = scenes.held_out_composer(7).compose(131, 101, digits=4)
    with ts_sdk.load(folder / "digits.mar", device="cpu") as model:
        found = model.predict(scene.png)
    assert found
    for each in found:
        left, top, right, bottom = each["box"]
        assert 0 <= left < right <= 131
        assert 0 <= top < bottom <= 101


def test_an_empty_scene_has_an_empty_answer(printed, folder, tmp_path):
    Image.new("RGB", (64, 64), "navy").save(tmp_path / "empty.png")
    with ts_sdk.load(folder / "digits.mar", device="cpu") as model:
        assert model.predict(tmp_path / "empty.png") == []


@pytest.mark.slow
def test_it_finds_nearly_all_of_them_after_the_whole_training(tmp_path):
    run("detection/train.py", tmp_path)
    printed = run("detection/run.py", tmp_path)
    assert number("precision", printed) > 0.9
    assert number("recall", printed) > 0.85
    assert number("boxes", printed) > 0.78
