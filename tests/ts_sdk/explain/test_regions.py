"""Segmentations: the score of a class in a region, told in pixels of the picture that was sent."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from ts_sdk import ExplanationError

SEGMENTER = """
from torch import nn


class Colours(nn.Module):
    '''Each pixel is of the class of its strongest colour.'''

    def forward(self, pictures):
        return {"out": pictures}
"""
FOREGROUND = """
from torch import nn


class Bright(nn.Module):
    '''One score, above 0 where a pixel is red.'''

    def forward(self, pictures):
        return pictures[:, :1] - 0.5
"""
COARSE = """
from torch import nn


class Coarse(nn.Module):
    '''The mean colour of each 4 by 4 pixels.'''

    def forward(self, pictures):
        return nn.functional.avg_pool2d(pictures, 4)
"""
CONFIG = "handler: {mean: [0, 0, 0], std: [1, 1, 1], resize: 8, crop: 8}"
NAMES = json.dumps({"0": "red", "1": "green", "2": "blue"})
OWN_HANDLER = """
import torch


class Own:
    def initialize(self, context):
        self.model = torch.nn.Conv2d(1, 2, 1, bias=False)
        self.model.weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1))

    def handle(self, data, context):
        with torch.inference_mode():
            return self.model(torch.tensor([[row["body"]] for row in data])).tolist()
"""


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


def white(width, height):
    return png(np.full((height, width, 3), 255))


@pytest.fixture
def segmenter(load_folder):
    def load(model=SEGMENTER, **options):
        files = {"model.py": model, "index_to_name.json": NAMES}
        return load_folder(
            files, handler="image_segmenter", model_file="model.py", config=CONFIG, **options
        )

    return load


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient", "feature_ablation"])
def test_the_score_is_summed_inside_the_box_alone(segmenter, method):
    found = segmenter().explain(white(8, 8), target="green", region=(2, 1, 5, 8), method=method)
    expected = np.zeros((3, 8, 8), np.float32)
    expected[1, 1:8, 2:5] = 1
    if method == "feature_ablation":  # which covers all channels of a pixel at once
        expected[[0, 2]] = expected[1]
    assert found.attributions == pytest.approx(expected, abs=1e-5)
    assert found.target.score == pytest.approx(21)
    assert np.array_equal(found.region, expected[1] != 0)
    told = json.loads(found.to_json(compact=True))["region"]
    assert told == {"box": [2, 1, 5, 8], "pixels": 21}


def test_a_box_is_in_pixels_of_the_picture_that_was_sent(segmenter):
    model = segmenter()
    larger = model.explain(white(16, 16), target=0, region=(0, 0, 8, 16))
    assert np.array_equal(larger.region, np.arange(8)[None, :].repeat(8, 0) < 4)
    cropped = model.explain(white(16, 8), target=0, region=(0, 0, 7, 4))  # of it columns 4 to 11
    expected = np.zeros((8, 8), bool)
    expected[:4, :3] = True
    assert np.array_equal(cropped.region, expected)


def test_a_box_is_in_pixels_of_a_photograph_that_was_decoded_in_a_smaller_size(load_folder):
    file = io.BytesIO()
    Image.new("RGB", (256, 128), "white").save(file, "JPEG")
    model = load_folder(
        {"model.py": SEGMENTER},
        handler="image_segmenter",
        model_file="model.py",
        config=CONFIG.replace("}", ", fast_decode: true}"),
    )
    found = model.explain(file.getvalue(), target=0, region=(64, 0, 128, 128))
    assert np.array_equal(found.region, np.arange(8)[None, :].repeat(8, 0) < 4)


def test_a_mask_says_which_pixels_of_the_picture_are_meant(segmenter):
    model = segmenter()
    mask = np.zeros((8, 16), np.uint8)
    mask[2:6, 5:9] = 255
    asked = (mask, Image.fromarray(mask), torch.from_numpy(mask), mask != 0)
    for region in asked:
        found = model.explain(white(16, 8), target=2, region=region)
        expected = np.zeros((8, 8), np.float32)
        expected[2:6, 1:5] = 1
        assert found.attributions[2] == pytest.approx(expected, abs=1e-5)
        assert not found.attributions[:2].any()


def test_without_a_target_it_is_the_class_of_most_pixels_in_the_region(segmenter):
    pixels = np.zeros((8, 8, 3))
    pixels[:, :5, 1] = 255
    pixels[:, 5:, 2] = 255
    model = segmenter()
    assert model.explain(png(pixels)).target.name == "green"
    found = model.explain(png(pixels), region=(4, 0, 8, 8))
    assert (found.target.name, found.target.score) == ("blue", pytest.approx(24))


def test_each_request_of_a_batch_may_have_its_own_region(segmenter):
    model = segmenter()
    sent = [white(8, 8)] * 3
    found = model.explain_batch(sent, target=0, region=[(0, 0, 2, 2), None, np.ones((8, 8))])
    assert [each.target.score for each in found] == [4, 64, 64]
    one = model.explain_batch(sent, target=0, region=(0, 0, 8, 1))
    assert [each.target.score for each in one] == [8, 8, 8]
    with pytest.raises(ExplanationError, match="2 regions were given for 3 requests"):
        model.explain_batch(sent, region=[None, None])


def test_an_answer_coarser_than_the_input_has_the_region_in_its_own_pixels(segmenter):
    found = segmenter(COARSE).explain(white(8, 8), target=0, region=(0, 0, 4, 8))
    assert found.region.tolist() == [[True, False], [True, False]]
    assert found.attributions[0, :, :4] == pytest.approx(np.full((8, 4), 1 / 16), abs=1e-6)
    assert not found.attributions[0, :, 4:].any()


def test_a_single_score_is_the_foregrounds(segmenter):
    pixels = np.zeros((8, 8, 3))
    pixels[:, :2, 0] = 255
    model = segmenter(FOREGROUND)
    found = model.explain(png(pixels))
    assert (found.target.index, found.target.score) == (1, 8)
    assert np.array_equal(found.region[0], [True] * 2 + [False] * 6)
    background = model.explain(png(pixels), target=0)
    assert background.target.score == pytest.approx(24)
    assert model.explain(png(pixels), target=1, region=(4, 0, 8, 8)).target.score == -16


def test_a_handler_that_says_nothing_of_pictures_has_regions_in_the_models_input(load_folder):
    model = load_folder({"handler.py": OWN_HANDLER})
    picture = np.ones((4, 6), np.float32).tolist()
    found = model.explain(picture, target=1, region=(0, 0, 3, 2))
    assert found.target.score == 12
    assert found.attributions[0, :2, :3] == pytest.approx(np.full((2, 3), 2), abs=1e-5)


def test_a_handler_of_ones_own_may_tell_what_the_model_sees(load_folder):
    window = """
    def explained_window(self, row):
        return (30, 20), (6.0, 0.0, 18.0, 20.0)
"""
    model = load_folder({"handler.py": OWN_HANDLER + window})
    picture = np.ones((4, 6), np.float32).tolist()  # 2 by 5 pixels of what was sent each
    found = model.explain(picture, target=0, region=(0, 0, 10, 30))
    assert np.array_equal(found.region, np.arange(6)[None, :].repeat(4, 0) < 2)


@pytest.mark.parametrize(
    ("region", "why"),
    [
        ((1, 2, 3), r"a region is \(left, top, right, bottom\)"),
        ((0, 0, float("nan"), 3), r"a region is \(left, top, right, bottom\)"),
        ((3, 0, 3, 4), r"the region \(3, 0, 3, 4\) is empty"),
        ((8, 0, 9, 9), r"holds no pixel of what the model sees .* \(0, 0, 8, 8\) of 8 x 8"),
        (np.zeros((8, 8)), "the region holds no pixel"),
        (np.ones((4, 4)), "an array of 4 x 4 pixels does not fit the picture of 8 x 8"),
        (np.ones((8, 8, 3)), r"a mask \(height, width\) of them, not an array of shape \(8, 8, 3"),
        ("1,2,3,4", "not '1,2,3,4'"),
    ],
)
def test_a_region_that_there_is_not_is_refused(segmenter, region, why):
    with pytest.raises(ExplanationError, match=why):
        segmenter().explain(white(8, 8), region=region)


def test_a_region_is_of_segmentations_alone(load_folder):
    code = (
        "from torch import nn\nclass Mean(nn.Module):\n    def forward(self, x): return x.mean(2)"
    )
    model = load_folder({"model.py": code}, handler=None, model_file="model.py")
    with pytest.raises(ExplanationError, match="a region is of the classes of pixels, and this is"):
        model.explain([[1.0, 2.0], [3.0, 4.0]], region=(0, 0, 1, 1))
