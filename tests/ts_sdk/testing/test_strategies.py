"""The strategies give what they promise, and what they shrink to is easy to read."""

import io
import json
import math
import subprocess
import sys

import pytest
import torch
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torch import nn

from default_handlers import ImageClassifier, ImageSegmenter, TextClassifier
from ts_sdk import BaseHandler, RequestError
from ts_sdk.testing.building import load_handler
from ts_sdk.testing.hostile import hostile_examples
from ts_sdk.testing.requests import image_request, tensor_request, text_request
from ts_sdk.testing.strategies import (
    hostile_requests,
    images,
    json_values,
    tensors,
    texts,
    valid_requests,
)

ORIENTATION = 0x0112
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
HOSTILE = hostile_examples()
few = settings(max_examples=40, deadline=None)
searching = settings(
    max_examples=5_000,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],  # what explains a finding would try others after it
)


class MeanColour(nn.Module):
    def forward(self, pictures):
        return pictures.mean((2, 3))


class Colours(nn.Module):
    def forward(self, pictures):
        return {"out": pictures[..., ::32, ::32]}  # small answers, which are made quickly


class Counts(nn.Module):
    def forward(self, tokens, offsets):
        return torch.zeros(len(offsets), 2) + len(tokens) / len(offsets)


def vocabulary():
    file = io.BytesIO()
    torch.save({"cat": 0, "<unk>": 1}, file)
    return {"source_vocab.pt": file.getvalue()}


SUBJECTS = {
    "image_classifier": (ImageClassifier, MeanColour(), {}, image_request(b"")),
    "image_segmenter": (ImageSegmenter, Colours(), {}, image_request(b"")),
    "text_classifier": (TextClassifier, Counts(), vocabulary(), text_request("cat")),
    "base_handler": (BaseHandler, nn.Linear(3, 2), {}, tensor_request([1.0, 2.0, 3.0])),
}
PICTURE = image_request(Image.new("RGB", (8, 6), (255, 0, 0)))


@pytest.fixture(scope="module")
def models():
    """A model for each of the subjects, and a request that it answers."""
    started = {}
    for name, (handler, network, files, good) in SUBJECTS.items():
        is_for_pictures = "image" in name
        model = load_handler(handler, model=network, files=files)
        started[name] = (model, PICTURE if is_for_pictures else good)
    yield started
    for model, _ in started.values():
        model.close()


def smallest(strategy, condition=lambda _: True):
    return find(strategy, condition, settings=searching)


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@few
@given(images(max_side=16))
def test_every_image_is_read_by_pillow(content):
    image = opened(content)
    assert image.format in FORMATS
    assert 1 <= min(image.size) <= max(image.size) <= 16
    ImageOps.exif_transpose(image)


@few
@given(st.data())
def test_images_are_of_the_formats_and_sizes_that_were_asked_for(data):
    content = data.draw(images(formats=["jpeg"], min_side=5, max_side=6))
    image = opened(content)
    assert image.format == "JPEG"
    assert set(image.size) <= {5, 6}


@pytest.mark.parametrize(
    "condition",
    [
        *(lambda image, kind=kind: image.format == kind for kind in FORMATS),
        *(
            lambda image, mode=mode: image.mode == mode
            for mode in ("L", "RGBA", "P", "1", "CMYK", "I;16")
        ),
        lambda image: image.getexif().get(ORIENTATION) == 8,
        lambda image: image.size == (16, 1),
    ],
)
def test_every_kind_of_image_is_found(condition):
    smallest(images(max_side=16), lambda content: condition(opened(content)))


def test_an_image_shrinks_to_a_small_upright_one():
    image = opened(smallest(images()))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (1, 1))
    assert ORIENTATION not in image.getexif()


@few
@given(texts(), texts(min_size=3, max_size=4), texts(min_size=0, max_size=0))
def test_texts_can_be_encoded_and_have_the_length_that_was_asked_for(text, short, empty):
    assert 1 <= len(text) <= 200
    assert 3 <= len(short) <= 4
    assert empty == ""
    assert text.encode().decode() == text


def test_a_text_shrinks_to_a_word():
    assert smallest(texts()) == "a"


@few
@given(json_values())
def test_json_values_come_back_from_json_as_they_were(value):
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_json_values_are_nested():
    found = smallest(json_values(), lambda value: isinstance(value, dict) and value)
    assert [*found.values()] == [None]
    found = smallest(json_values(), lambda value: isinstance(value, list) and value)
    assert found == [None]


@few
@given(tensors((3, 4), min_value=0, max_value=1), tensors(st.sampled_from([(1,), (2, 2)])))
def test_tensors_have_the_shape_and_the_numbers_that_were_asked_for(one, other):
    assert (one.dtype, tuple(one.shape)) == (torch.float32, (3, 4))
    assert 0 <= float(one.min()) <= float(one.max()) <= 1
    assert tuple(other.shape) in {(1,), (2, 2)}


def test_a_tensor_shrinks_to_zeros():
    assert smallest(tensors((2,))).tolist() == [0.0, 0.0]
    found = smallest(tensors((2,)), lambda tensor: bool((tensor > 1.5).any()))
    assert found.tolist() == [2.0, 2.0]  # with one number throughout, if one will do


@few
@given(st.data())
@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("image", "image_classifier", {}),
        ("image", "image_segmenter", {}),
        ("tensor", "base_handler", {"shape": (3,)}),
    ],
)
def test_valid_requests_are_answered(models, kind, name, options, data):
    model, _ = models[name]
    assert model.predict(data.draw(valid_requests(kind, **options))) is not None


@few
@given(valid_requests("text"), valid_requests("json"))
def test_valid_texts_and_json_arrive_decoded(text, value):
    assert isinstance(text.parts["body"], str)
    assert value.content_types == {"body": "application/json"}
    assert not isinstance(value.parts["body"], bytearray)


def test_a_kind_that_there_is_not_and_a_tensor_without_a_shape_are_refused():
    with pytest.raises(ValueError, match="kind must be image, text, json or tensor, not 'video'"):
        valid_requests("video")
    with pytest.raises(ValueError, match="needs shape="):
        valid_requests("tensor")


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("example", HOSTILE)
def test_a_hostile_request_is_answered_or_refused_and_costs_no_neighbour_its_answer(
    models, name, example
):
    model, good = models[name]
    alone = model.predict(good)
    first, outcome, last = model.predict_batch([good, HOSTILE[example], good])
    assert first == last == alone
    if isinstance(outcome, RequestError):
        assert 400 <= outcome.status < 500


def test_hostile_requests_are_hostile_to_whom_they_are_meant_for(models):
    refused = {
        name: sum(isinstance(each, RequestError) for each in model.predict_batch(HOSTILE.values()))
        for name, (model, _) in models.items()
    }
    assert min(refused.values()) > len(HOSTILE) // 2


@few
@given(hostile_requests())
def test_whatever_else_is_drawn_is_answered_or_refused(models, request):
    for model, _ in models.values():
        (outcome,) = model.predict_batch([request])
        assert not isinstance(outcome, RequestError) or 400 <= outcome.status < 500


def test_a_hostile_request_shrinks_to_the_first_that_there_is():
    assert smallest(hostile_requests()).parts == {}


def test_the_examples_hold_what_their_names_say():
    body = {name: request.parts.get("body") for name, request in HOSTILE.items()}
    assert all(map(math.isnan, body["NaN and infinity"][:1]))
    assert isinstance(body["deeply nested JSON"], list)
    assert isinstance(body["JSON nested too deeply to be read"], bytearray)
    assert isinstance(body["an integer of too many digits"], bytearray)
    assert body["a number beyond all floats"] == [math.inf, -math.inf]
    assert body["half of a surrogate pair"] == "\ud83d"
    assert isinstance(body["a text that is no UTF-8"], bytearray)
    bomb = body["a PNG that claims billions of pixels"]
    assert len(bomb) < 200
    with pytest.raises(Image.DecompressionBombError, match="3600000000 pixels"):
        Image.open(io.BytesIO(bomb))


def test_without_hypothesis_the_error_names_what_to_install():
    program = "import sys\nsys.modules['hypothesis'] = None\nimport ts_sdk.testing.strategies\n"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "ts_sdk.testing.strategies needs hypothesis: pip install 'ts-sdk[testing]'" in ran.stderr
