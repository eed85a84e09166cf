"""Whatever one request holds, it is refused alone and the others of its batch answer as alone."""

import json
import math
import re

import numpy as np
import pytest
import torch
from picture_corpus import encoded, quartered
from PIL import Image

import ts_sdk
from ts_sdk.errors import RequestError

MEAN = """
from torch import nn


class Mean(nn.Module):
    '''Three classes; it takes three channels only.'''

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)
        nn.init.constant_(self.mix.weight, 0.3)

    def forward(self, pictures):
        return self.mix(pictures).mean((2, 3))
"""
PIXELS = """
from torch import nn


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 4, 1)
        nn.init.constant_(self.mix.weight, 0.3)

    def forward(self, pictures):
        return {"out": self.mix(pictures)}
"""
BOXES = """
import torch
from torch import nn


class Boxes(nn.Module):
    '''Finds a red picture to be one object of a class without a name, and others to hold none.'''

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, pictures):
        self.mix(pictures)
        return [self.find(picture) for picture in pictures]

    def find(self, picture):
        count = int(picture[0].mean() > 0.9)
        boxes = torch.tensor([[1.0, 2.0, 3.0, 4.0]])[:count]
        return {"boxes": boxes, "labels": torch.tensor([99])[:count], "scores": torch.ones(count)}
"""
BAG = """
from torch import nn


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(5, 3, mode="sum")

    def forward(self, numbers, offsets):
        return self.embedding(numbers, offsets)
"""
PICTURE = encoded(quartered(), "PNG")
JPEG = encoded(quartered(200, 100), "JPEG")
RED = encoded(Image.new("RGB", (40, 30), "red"), "PNG")
TEN_MB = "the cat!" * 1_250_000

WRONG_JSON = [
    pytest.param(7, "got 7", id="a number"),
    pytest.param(True, "got True", id="true"),
    pytest.param(None, "without content", id="nothing"),
    pytest.param({}, "without content|an empty JSON object", id="an empty object"),
    pytest.param({"x": {"y": 1}}, "got a JSON object|got the parts", id="objects"),
    pytest.param([], r"empty list|max_texts\), got 0", id="an empty list"),
    pytest.param([None], "NoneType", id="a list of nothing"),
    pytest.param([[{"a": 1}]], "dict|got a list", id="a list of objects"),
    pytest.param([["a" * 10**7, *[1] * 500]], "'str'|got a list", id="a long text in a list"),
]
OF_PICTURES = [
    pytest.param(b"", "expected a picture", id="no bytes"),
    pytest.param(b"caf\xe9 \xff", "expected a picture", id="bytes of another kind"),
    pytest.param(TEN_MB, "picture in base64, got 10,000,000 characters", id="10 MB of text"),
    pytest.param(TEN_MB.encode(), "expected a picture", id="10 MB of bytes"),
    pytest.param(PICTURE[:-40], "PNG", id="a PNG cut off"),
    pytest.param(PICTURE[:60] + b"\0" + PICTURE[61:], "PNG", id="a damaged PNG"),
    pytest.param(JPEG[: len(JPEG) // 2], "JPEG", id="a JPEG cut off"),
    pytest.param([math.nan], "NaN", id="NaN alone"),
    pytest.param([[[math.nan] * 8] * 8] * 3, "NaN", id="a tensor of NaN"),
    pytest.param([[[-math.inf] * 8] * 8] * 3, "infinity", id="a tensor of infinity"),
    pytest.param(np.full((3, 8, 8), 1e300), "float32 cannot hold", id="too large numbers"),
    pytest.param(np.ones((3, 8, 8), complex), "complex", id="complex numbers"),
    pytest.param(np.ones((3, 0, 8)), "empty", id="a tensor without rows"),
    pytest.param(np.ones((3, 8, 8), "U1"), "array of <U1", id="an array of text"),
    pytest.param([[[0.5] * 8] * 8] * 2, "cannot take", id="two channels"),
    pytest.param(0.5 * torch.ones(8), "cannot take|got a tensor of shape", id="one dimension"),
    pytest.param(
        torch.ones(1, 2, 3, 8, 8), "cannot take|got a tensor of shape", id="five dimensions"
    ),
    pytest.param([[1.0, 2.0], [3.0]], "of equal length", id="lists of different lengths"),
]
OF_TEXTS = [
    pytest.param("", "got an empty one", id="no text"),
    pytest.param(b"", "got an empty one", id="no bytes"),
    pytest.param(" \n\t ", "got an empty one", id="spaces"),
    pytest.param(b"the caf\xe9", "not UTF-8: the first wrong one is 0xe9", id="invalid UTF-8"),
    pytest.param("\xff\xfe".encode("utf-16"), "not UTF-8", id="UTF-16"),
    pytest.param(TEN_MB, "10,000,000 characters; at most 6,553,500", id="10 MB"),
    pytest.param(["the", TEN_MB], "at most 6,553,500", id="10 MB in a list"),
    pytest.param(["the", ""], "text 2 of 2", id="an empty one in a list"),
    pytest.param(["the"] * 1001, "1 to 1,000 texts", id="too many texts"),
    pytest.param("zebra", "none of them", id="unknown words"),
    pytest.param([0.5, math.nan], "text 1 of 2", id="numbers"),
]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """A folder of sources for a default handler around a model."""

    def folder_of(handler, model, *, config="", vocabulary=None):
        folder = tmp_path_factory.mktemp(handler)
        (folder / "MAR-INF").mkdir()
        named = {"modelName": handler, "handler": handler, "modelFile": "model.py"}
        manifest = {"model": {**named, "configFile": "model-config.yaml"}}
        (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
        (folder / "model.py").write_text(model)
        (folder / "model-config.yaml").write_text(config or "batchSize: 3\n")
        (folder / "index_to_name.json").write_text('{"0": "zero", "1": "one"}')
        if vocabulary is not None:
            torch.save(vocabulary, folder / "source_vocab.pt")
        return folder

    return folder_of


@pytest.fixture(scope="module")
def models(folder_of):
    """Each default handler, loaded."""
    folders = {
        "image_classifier": folder_of("image_classifier", MEAN),
        "image_segmenter": folder_of(
            "image_segmenter", PIXELS, config="handler: {resize: 8, crop: 8}"
        ),
        "object_detector": folder_of("object_detector", BOXES),
        "text_classifier": folder_of("text_classifier", BAG, vocabulary=["the", "cat", "is", "it"]),
    }
    loaded = {name: ts_sdk.load(folder, device="cpu") for name, folder in folders.items()}
    yield loaded
    for model in loaded.values():
        model.close()


def check(model, good, bad, words):
    """*bad* is refused with *words*, and those beside it answer as alone."""
    alone = [model.predict(each) for each in good]
    first, refused, last = model.predict_batch([good[0], bad, good[1]])
    assert isinstance(refused, RequestError), refused
    assert (refused.status, refused.index) == (400, 1)
    assert re.search(words, refused.message), refused.message
    assert len(refused.message) < 500
    assert_alike([first, last], alone)
    with pytest.raises(RequestError) as solo:
        model.predict(bad)
    assert solo.value.status == 400


def assert_alike(some, others):
    flat, expected = (np.array(leaves(each), float) for each in (some, others))
    assert flat == pytest.approx(expected, abs=1e-5)


def leaves(value):
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [value]


@pytest.mark.parametrize("handler", ["image_classifier", "image_segmenter", "object_detector"])
@pytest.mark.parametrize(("bad", "words"), [*WRONG_JSON, *OF_PICTURES])
def test_a_request_that_is_no_picture_is_refused_alone(models, handler, bad, words):
    check(models[handler], [PICTURE, JPEG], bad, words)


@pytest.mark.parametrize(("bad", "words"), [*WRONG_JSON, *OF_TEXTS])
def test_a_request_that_is_no_text_is_refused_alone(models, bad, words):
    check(models["text_classifier"], ["the cat", "it is the cat"], bad, words)


@pytest.mark.parametrize("handler", ["image_classifier", "image_segmenter"])
def test_a_picture_of_which_a_crop_leaves_nothing_is_refused_alone(folder_of, handler):
    config = "handler: {resize: 8, longest_side: 16, crop: none}"
    model_file = MEAN if handler == "image_classifier" else PIXELS
    with ts_sdk.load(folder_of(handler, model_file, config=config), device="cpu") as model:
        check(model, [PICTURE, JPEG], encoded(quartered(900, 2), "PNG"), "nothing is left of it")


def test_a_picture_in_which_nothing_is_found_is_answered_with_an_empty_list(models):
    answers = models["object_detector"].predict_batch([RED, PICTURE, RED])
    assert answers[1] == []
    assert answers[0] == answers[2] == [{"99": [1.0, 2.0, 3.0, 4.0], "score": 1.0}]


def test_a_batch_of_nothing_but_bad_requests_is_refused_one_by_one(models):
    for handler, model in models.items():
        bad = [7, [], b"" if handler == "text_classifier" else b"no picture"]
        refusals = model.predict_batch(bad)
        assert [each.index for each in refusals] == [0, 1, 2]
        assert {each.status for each in refusals} == {400}
