"""The segmenter's answers, with models whose answers are known in closed form."""

import base64
import json
import math
import threading

import numpy as np
import picture_corpus
import pytest
import torch
from picture_corpus import encoded, quartered
from PIL import Image
from torchvision import transforms

from default_handlers import ImageSegmenter
from ts_sdk.errors import ConfigError, HandlerContractError

BANDS = """
import torch
from torch import nn


class Bands(nn.Module):
    '''Four classes, whose scores are red, green, blue and twice their mean.'''

    def forward(self, pictures):
        mean = pictures.mean(1, keepdim=True)
        return {"out": torch.cat([pictures, 2 * mean], dim=1), "aux": mean}
"""
SMALL = {"mean": [0, 0, 0], "std": [1, 1, 1], "resize": 8, "crop": 6}
ORANGE = (255, 102, 0)
PICTURE = encoded(quartered(), "PNG")
SCORES = torch.tensor([[[[2.0, 0.0]], [[1.0, 3.0]]]])
"""Those of two classes for a picture of one row and two columns."""


def one_colour(colour, width=12, height=9):
    return encoded(Image.new("RGB", (width, height), colour), "PNG")


def scores_model(expression):
    """A model that answers *expression* whatever it is shown."""
    lines = ("import torch", "from torch import nn", "class M(nn.Module):")
    return "\n".join((*lines, " def forward(self, pictures):", f"  return {expression}"))


def test_an_answer_is_class_and_probability_of_each_pixel(start, answer):
    (got,) = answer(
        start(ImageSegmenter, model=BANDS, settings=SMALL), [{"body": one_colour(ORANGE)}]
    )
    exponentials = [math.exp(score) for score in (1, 0.4, 0, 2 * 1.4 / 3)]
    pixels = np.array(got)
    assert pixels.shape == (6, 6, 2)
    assert (pixels[..., 0] == 0).all()
    assert pixels[..., 1] == pytest.approx(exponentials[0] / sum(exponentials), abs=1e-6)


# What TorchServe's handler answered, by row and column of the crop.
BY_TORCHSERVE = {
    (0, 0): (0.0, 0.93662),
    (0, 223): (1.0, 0.94546),
    (223, 0): (2.0, 0.95793),
    (223, 223): (3.0, 0.79047),
    (111, 60): (0.0, 0.51689),
    (112, 60): (2.0, 0.65561),
    (60, 111): (0.0, 0.69684),
    (60, 112): (1.0, 0.43369),
    (111, 111): (0.0, 0.34976),
    (112, 112): (2.0, 0.34225),
    (110, 113): (1.0, 0.58334),
}


def test_answers_are_those_of_torchserve(start, answer):
    (got,) = answer(start(ImageSegmenter, model=BANDS, settings={}), [{"body": PICTURE}])
    assert np.array(got).shape == (224, 224, 2)
    for (row, column), expected in BY_TORCHSERVE.items():
        assert got[row][column] == pytest.approx(expected, abs=1e-4)


def test_a_picture_arrives_in_every_form(start, answer):
    handler = start(ImageSegmenter, model=BANDS, settings=SMALL)
    rows = [
        {"body": PICTURE},
        {"data": base64.b64encode(PICTURE).decode()},
        {"image": bytearray(PICTURE)},
        {"body": handler.preprocess([{"body": PICTURE}])[0].tolist()},
    ]
    first, *others = answer(handler, rows)
    for other in others:
        assert np.allclose(first, other)


def test_a_batch_of_mixed_sizes_answers_as_alone(start, answer):
    handler = start(ImageSegmenter, model=BANDS, settings=SMALL)
    rows = [{"body": one_colour(ORANGE, *size)} for size in ((9, 30), (30, 9), (200, 200))]
    rows.append({"body": PICTURE})
    for row, got in zip(rows, answer(handler, rows), strict=True):
        assert np.allclose(answer(handler, [row])[0], got, atol=1e-6)


def test_tensors_of_different_sizes_are_answered_each_in_its_size(start, answer):
    handler = start(ImageSegmenter, model=BANDS, settings=SMALL)
    sizes = [(2, 3), (4, 1), (2, 3)]
    rows = [{"data": torch.full((3, *size), 0.5).tolist()} for size in sizes]
    answers = answer(handler, [*rows, {"data": PICTURE}])
    assert [np.array(each).shape for each in answers] == [(*size, 2) for size in (*sizes, (6, 6))]
    assert answers[0] == answers[2]
    assert answers[0] == answer(handler, rows[:1])[0]


HOSTILE = picture_corpus.refused()


@pytest.mark.parametrize("hostile", HOSTILE, ids=[case.name for case in HOSTILE])
def test_a_hostile_picture_is_rejected_alone(start, answer, hostile):
    handler = start(ImageSegmenter, model=BANDS, settings=SMALL)
    first, rejected, last = answer(
        handler, [{"body": PICTURE}, {"body": hostile.data}, {"body": one_colour(ORANGE)}]
    )
    assert (rejected["code"], hostile.words in rejected["message"]) == (400, True)
    assert np.allclose(first, answer(handler, [{"body": PICTURE}])[0])
    assert np.allclose(last, answer(handler, [{"body": one_colour(ORANGE)}])[0])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([[1.0, 2.0]], r"of shape (3, height, width)), got a tensor of shape (1, 2)"),
        (1.5, "expected a picture's bytes"),
        ([[[float("nan")]]], "NaN"),
        ([], "empty"),
        ({"b64": "x"}, "a JSON object"),
    ],
)
def test_a_hostile_tensor_is_rejected_alone(start, answer, value, words):
    handler = start(ImageSegmenter, model=BANDS, settings=SMALL)
    good, bad = answer(handler, [{"body": PICTURE}, {"body": value}])
    assert (bad["code"], words in bad["message"]) == (400, True)
    assert np.array(good).shape == (6, 6, 2)


@pytest.mark.parametrize(
    "output",
    [
        SCORES,
        {"out": SCORES, "aux": SCORES * 0},
        {"logits": SCORES},
        (SCORES, SCORES * 0),
        [SCORES],
        type("Output", (), {"logits": SCORES})(),
    ],
    ids=lambda output: type(output).__name__,
)
def test_scores_are_found_in_what_segmenters_answer(output):
    (got,) = ImageSegmenter().postprocess(output)
    expected = [[[0.0, SCORES.softmax(1)[0, 0, 0, 0]], [1.0, SCORES.softmax(1)[0, 1, 0, 1]]]]
    assert np.allclose(got, expected)


def test_one_score_is_that_of_class_1_against_class_0():
    """TorchServe's softmax of a single class said that every pixel is surely class 0."""
    (got,) = ImageSegmenter().postprocess(torch.tensor([[[[3.0, -2.0]]]]))
    assert got == [[[1.0, pytest.approx(0.952574)], [0.0, pytest.approx(0.880797)]]]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (torch.zeros(2, 3), r"a tensor of shape \(2, 3\)"),
        (torch.zeros(1, 0, 4, 4), r"a tensor of shape \(1, 0, 4, 4\)"),
        ({"masks": SCORES}, "a dict with the keys 'masks'"),
        ([], "a list"),
    ],
)
def test_an_output_without_scores_is_an_error_that_says_what_was_expected(output, words):
    with pytest.raises(HandlerContractError, match=f"a segmenter needs a model.*{words}"):
        ImageSegmenter().postprocess(output)


def test_scores_that_are_no_numbers_fail_their_own_request_only(start, answer):
    model = scores_model("torch.where(pictures > 0.99, float('nan'), pictures)")
    handler = start(ImageSegmenter, model=model, settings=SMALL)
    rows = [{"body": b""}, {"body": one_colour((9, 9, 9))}, {"body": one_colour(ORANGE)}]
    unread, good, bad = answer(handler, rows)
    assert np.array(good)[..., 1] == pytest.approx(1 / 3)
    assert (unread["code"], bad["code"]) == (400, 500)
    assert "NaN or infinite" in bad["message"]


def test_answers_are_json(start, answer):
    answers = answer(start(ImageSegmenter, model=BANDS, settings=SMALL), [{"body": PICTURE}])
    assert json.loads(json.dumps(answers)) == answers


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"answers": "record"}, r"did you mean records\?"),
        ({"resiz": 9}, r"resiz is not a setting; did you mean resize\?"),
        ({"crop": 300}, "a crop of 300 px does not fit"),
    ],
)
def test_wrong_settings_are_refused_when_the_handler_starts(start, settings, words):
    with pytest.raises(ConfigError, match=words):
        start(ImageSegmenter, model=BANDS, settings=settings)


def test_an_old_subclass_prepares_pictures_and_reads_scores_itself(start, answer):
    class Old(ImageSegmenter):
        image_processing = transforms.Compose([transforms.Resize((4, 5)), transforms.ToTensor()])

        def postprocess(self, data):
            return data["out"].argmax(dim=1).tolist()

    answers = answer(start(Old, model=BANDS, settings={}), [{"body": one_colour((0, 9, 0))}] * 2)
    assert answers == [[[1] * 5] * 4] * 2


def test_one_handler_answers_in_several_threads(start, answer):
    handler = start(ImageSegmenter, model=BANDS, settings=SMALL)
    colours = {(255, 0, 0): 0, (0, 255, 0): 1, (0, 0, 255): 2, (255, 255, 255): 3}
    wrong = []

    def work(colour, number):
        for _ in range(20):
            got, bad = answer(handler, [{"body": one_colour(colour)}, {"body": b""}])
            if (np.array(got)[..., 0] != number).any() or bad["code"] != 400:
                wrong.append(colour)

    threads = [threading.Thread(target=work, args=case) for case in colours.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_class_says_that_it_may_run_in_threads():
    assert vars(ImageSegmenter)["concurrent"] is True
