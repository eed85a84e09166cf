"""The contract's way: header ``explain: True``, `explain_handle`, `get_insights`."""

import io

import numpy as np
import pytest
from PIL import Image

from ts_sdk import Request

EXPLAIN = {"explain": "True"}
MEAN_COLOUR = """
from torch import nn


class MeanColour(nn.Module):
    def forward(self, pictures):
        return pictures.mean((2, 3))
"""
NAMES = '{"0": "red", "1": "green", "2": "blue"}'
CONFIG = "handler: {mean: [0, 0, 0], std: [1, 1, 1], crop: 4, resize: 4}\n"


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def colours(load_folder):
    def load(handler="image_classifier", **options):
        files = {"model.py": MEAN_COLOUR, "index_to_name.json": NAMES, **options.pop("files", {})}
        config = CONFIG + options.pop("more", "")
        return load_folder(files, handler=handler, model_file="model.py", config=config, **options)

    return load


def test_a_picture_is_answered_with_nested_lists(colours):
    model = colours()
    answer = model.predict(Request({"data": png((255, 255, 255))}, EXPLAIN))
    attributions = np.asarray(answer)
    assert isinstance(answer, list)
    assert attributions.shape == (3, 4, 4)
    assert attributions[0] == pytest.approx(np.full((4, 4), 1 / 16), abs=1e-6)  # of class 0
    assert not attributions[1:].any()


@pytest.mark.parametrize("target", [1, "1", bytearray(b"1"), "green", b"green"])
def test_the_target_may_be_a_number_text_bytes_or_a_name(colours, target):
    request = Request({"data": png((255, 255, 255)), "target": target}, EXPLAIN)
    attributions = np.asarray(colours().predict(request))
    assert attributions[1].sum() == pytest.approx(1, abs=1e-5)
    assert not attributions[[0, 2]].any()


def test_each_request_of_a_batch_is_answered_as_it_asked(colours):
    asked = [
        png((255, 0, 0)),
        Request({"data": png((255, 0, 0)), "target": 0}, EXPLAIN),
        Request({"data": png((255, 0, 0)), "target": 7}, EXPLAIN),
        png((0, 255, 0)),
    ]
    red, why, wrong, green = colours().predict_batch(asked)
    assert next(iter(red)) == "red"
    assert np.asarray(why).shape == (3, 4, 4)
    assert next(iter(green)) == "green"
    assert "there is no class 7: the model has 3" in str(wrong)


def test_a_wrong_target_is_the_requests_fault(colours):
    response = colours().respond(Request({"data": png((9, 9, 9)), "target": 7}, EXPLAIN))
    assert response.status == 400


def test_half_precision_is_explained_in_float32(colours):
    model = colours(precision="bfloat16")
    attributions = np.asarray(model.predict(Request({"data": png((255, 255, 255))}, EXPLAIN)))
    assert attributions[0].sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "insights",
    [
        "def get_insights(self, data, raw, target=0): return [str(target)]",
        "def get_insights(self, tensor_data, _, target): return [str(target)]",
        "def get_insights(self, *given): return [str(given[2])]",
        "def explain_handle(self, data_preprocess, raw_data): return [str(raw_data[0]['target'])]",
    ],
)
def test_an_old_override_is_called_as_ever(colours, insights):
    code = f"""
from default_handlers import ImageClassifier


class Own(ImageClassifier):
    {insights}
"""
    model = colours("handler.py", files={"handler.py": code})
    assert model.predict(Request({"data": png((1, 2, 3)), "target": 2}, EXPLAIN)) == "2"


def test_a_handler_in_micro_batches_is_explained_either_way(colours):
    code = """
from default_handlers import ImageClassifier
from ts_sdk.micro_batching import MicroBatching


class Own(ImageClassifier):
    def initialize(self, context):
        super().initialize(context)
        self.handle = MicroBatching(self, micro_batch_size=1, parallelism={"inference": 2})
"""
    model = colours("handler.py", files={"handler.py": code})
    white = png((255, 255, 255))
    asked = [white, Request({"data": white, "target": "green"}, EXPLAIN), white]
    first, why, last = model.predict_batch(asked)
    assert list(first) == list(last) == ["red", "green", "blue"]
    found = model.explain(white, target="green", steps=15)
    assert np.asarray(why) == pytest.approx(found.attributions, abs=1e-7)
    assert found.attributions[1] == pytest.approx(np.full((4, 4), 1 / 16), abs=1e-6)
    assert found.prediction == first
