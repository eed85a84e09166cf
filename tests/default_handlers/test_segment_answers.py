"""A segmenter's answers as records and as files, in the network's size and in the picture's."""

import base64
import io
import json

import numpy as np
import pytest
import skimage.segmentation
import torch
from picture_corpus import encoded, exif, quartered
from PIL import Image

import default_handlers.class_maps
from default_handlers import ImageSegmenter, rle
from default_handlers.class_maps import NO_CLASS, ClassMap, PixelClassifier
from default_handlers.mask_files import class_map_png
from default_handlers.palette import colour_of
from default_handlers.placement import Placement
from default_handlers.presets import ImagePreset

BRIGHTEST = """
import torch
from torch import nn


class Brightest(nn.Module):
    '''Which of red, green and blue is brightest; class 0 is black.'''

    def forward(self, pictures):
        return {"out": torch.cat([0.5 + 0 * pictures[:, :1], 9 * pictures], dim=1)}
"""
FOREGROUND = """
from torch import nn


class Foreground(nn.Module):
    '''The more red, the more in front.'''

    def forward(self, pictures):
        return pictures[:, :1]
"""
PLAIN = {"mean": [0, 0, 0], "std": [1, 1, 1]}
WHOLE = {**PLAIN, "resize": 24, "crop": "none", "size": "original"}
NAMES = {"0": "nothing", "1": "red", "2": "green", "3": "blue"}
PICTURE = encoded(quartered(), "PNG")
"""64 x 48: a red quarter top left, green, blue, and white, which counts as red."""
QUARTERS = np.block(
    [
        [np.full((24, 32), 1), np.full((24, 32), 2)],
        [np.full((24, 32), 3), np.full((24, 32), 1)],
    ]
)


@pytest.fixture
def start_segmenter(start):
    """Start a segmenter on `BRIGHTEST`."""

    def start_segmenter(model=BRIGHTEST, **settings):
        return start(ImageSegmenter, model=model, settings=settings, names=NAMES)

    return start_segmenter


def opened(file):
    return Image.open(io.BytesIO(file))


def test_a_record_says_what_there_is_the_largest_first(start_segmenter, answer):
    handler = start_segmenter(**WHOLE, answers="records")
    (got,) = answer(handler, [{"body": PICTURE}])
    assert got["size"] == [48, 64]
    assert [(each["label"], each["index"]) for each in got["classes"]] == [
        ("red", 1),
        ("green", 2),
        ("blue", 3),
    ]
    assert [each["share"] for each in got["classes"]] == pytest.approx([0.5, 0.25, 0.25], abs=0.06)
    assert json.loads(json.dumps(got)) == got


@pytest.mark.parametrize("masks", ["png", "rle"])
def test_the_mask_of_a_record_is_a_file_or_one_for_each_class(start_segmenter, answer, masks):
    handler = start_segmenter(**WHOLE, answers="records", masks=masks)
    (got,) = answer(handler, [{"body": PICTURE}])
    numbers = np.zeros((48, 64), int)
    if masks == "png":
        numbers = np.array(opened(base64.b64decode(got["mask"])))
    else:
        for each in got["classes"]:
            numbers[rle.decode(each["mask"])] = each["index"]
    assert (numbers == QUARTERS).mean() > 0.93


def test_a_record_may_have_no_mask(start_segmenter, answer):
    handler = start_segmenter(**WHOLE, answers="records", masks="none")
    (got,) = answer(handler, [{"body": PICTURE}])
    assert set(got) == {"size", "classes"}
    assert set(got["classes"][0]) == {"label", "index", "share"}


def test_an_answer_may_be_a_file(start_segmenter):
    handler = start_segmenter(**WHOLE, answers="png")
    view = handler.context.for_batch([{}] * 3, ["a", "b", "c"])
    got, error, also = handler.handle([{"body": PICTURE}, {"body": b""}, {"body": PICTURE}], view)
    assert got == also
    with opened(got) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "P", (64, 48))
        assert (np.array(image) == QUARTERS).mean() > 0.93
        assert image.convert("RGB").getpixel((5, 5)) == colour_of(1)
    assert view.get_response_content_type(0) == view.get_response_content_type(2) == "image/png"
    assert view.get_response_content_type(1) is None
    assert error["code"] == 400


def test_a_file_and_nested_lists_say_the_same(start_segmenter, answer):
    file, lists = (
        answer(start_segmenter(**WHOLE, answers=kind), [{"body": PICTURE}])[0]
        for kind in ("png", "torchserve")
    )
    assert (np.array(opened(file)) == np.array(lists)[..., 0]).all()
    assert np.array(lists).shape == (48, 64, 2)


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_original_size_is_that_of_the_upright_picture(start_segmenter, answer, orientation):
    data = encoded(quartered(), "PNG", exif=exif(orientation))
    (got,) = answer(start_segmenter(**WHOLE, answers="records"), [{"body": data}])
    assert got["size"] == ([48, 64] if orientation == 1 else [64, 48])


def test_what_the_crop_leaves_out_has_no_class(start_segmenter, answer):
    settings = {**PLAIN, "resize": 24, "crop": 24, "size": "original"}
    (lists,) = answer(start_segmenter(**settings), [{"body": PICTURE}])
    (file,) = answer(start_segmenter(**settings, answers="png"), [{"body": PICTURE}])
    numbers = np.array(lists)[..., 0]
    assert (numbers[:, :8] == NO_CLASS).all()
    assert (numbers[:, 56:] == NO_CLASS).all()
    assert (np.array(lists)[:, :8, 1] == 0).all()
    assert (numbers[:, 8:56] == QUARTERS[:, 8:56]).mean() > 0.93
    assert (np.array(opened(file)) == np.where(numbers == NO_CLASS, 255, numbers)).all()
    (record,) = answer(start_segmenter(**settings, answers="records"), [{"body": PICTURE}])
    assert sum(each["share"] for each in record["classes"]) == pytest.approx(48 / 64)


def test_mixed_sizes_in_a_batch_are_answered_as_alone(start_segmenter, answer):
    handler = start_segmenter(**WHOLE, answers="records")
    rows = [
        {"body": PICTURE},
        {"body": encoded(quartered(9, 50), "PNG")},
        {"body": torch.rand(3, 7, 8).tolist()},
        {"body": b""},
        {"body": PICTURE},
    ]
    together = answer(handler, rows)
    assert together.pop(3)["code"] == 400
    del rows[3]
    assert [each["size"] for each in together] == [[48, 64], [50, 9], [7, 8], [48, 64]]
    assert together == [answer(handler, [row])[0] for row in rows]


def test_one_class_is_the_foreground(start_segmenter, answer):
    handler = start_segmenter(FOREGROUND, **WHOLE, answers="records", mask_threshold=0.7)
    (got,) = answer(handler, [{"body": PICTURE}])
    ((label, index),) = [(each["label"], each["index"]) for each in got["classes"]]
    assert (label, index) == ("red", 1)
    with opened(base64.b64decode(got["mask"])) as image:
        assert image.mode == "L"
        assert image.getpixel((5, 5)) == round(255 / (1 + np.exp(-1)))
        assert image.getpixel((60, 5)) == 128
    assert got["classes"][0]["share"] == pytest.approx(0.5, abs=0.05)


def test_one_class_that_is_nowhere_is_no_class(start_segmenter, answer):
    handler = start_segmenter(FOREGROUND, **WHOLE, answers="records", mask_threshold=0.9)
    assert answer(handler, [{"body": PICTURE}])[0]["classes"] == []


def test_probabilities_may_be_the_models_own(start_segmenter, answer):
    """As of the networks that find the foreground, which end in a sigmoid."""
    handler = start_segmenter(FOREGROUND, **WHOLE, activation="none")
    (got,) = answer(handler, [{"body": PICTURE}])
    assert got[5][5] == [1.0, 1.0]
    assert got[5][60] == [0.0, 1.0]


@pytest.mark.parametrize("answers", ["torchserve", "records", "png"])
def test_scores_that_are_no_numbers_fail_their_own_request_only(start_segmenter, answer, answers):
    model = FOREGROUND.replace(
        "return pictures[:, :1]",
        "return pictures[:, :1].where(pictures[:, :1] < 0.9, float('nan'))",
    )
    black = encoded(Image.new("RGB", (5, 5)), "PNG")
    handler = start_segmenter(model, **WHOLE, answers=answers)
    good, bad = answer(handler, [{"body": black}, {"body": PICTURE}])
    assert (bad["code"], "NaN" in bad["message"]) == (500, True)
    assert good == answer(handler, [{"body": black}])[0]


@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("crop", [None, 20])
def test_a_large_picture_is_done_in_bands_with_the_same_result(monkeypatch, classes, crop):
    scores = torch.rand(classes, 20, 20) * 9 - 4.5
    placement = ImagePreset(20 if crop else (20, 20), crop).place((70, 90))
    classifier = PixelClassifier()
    whole = classifier.of_picture(scores, placement)
    monkeypatch.setattr(default_handlers.class_maps, "_MOST_SCORES", 1000)
    bands = classifier.of_picture(scores, placement)
    assert (whole.numbers == bands.numbers).all()
    assert np.allclose(whole.probabilities, bands.probabilities)


def test_the_classes_of_a_picture_are_those_of_the_resampled_scores():
    scores = torch.rand(4, 10, 8)
    resized = torch.nn.functional.interpolate(scores[None], (50, 40), mode="bilinear")[0]
    found = PixelClassifier().of_picture(scores, Placement((40, 50), (8, 10), (0, 0, 8, 10)))
    assert (found.numbers == resized.argmax(0).numpy()).mean() > 0.999
    best = resized.softmax(0).max(0).values
    assert np.allclose(found.probabilities, best.numpy(), atol=1e-5)


def test_many_classes_are_a_file_of_16_bits():
    numbers = np.array([[0, 255, 300], [NO_CLASS, 1, 2]], np.int16)
    with opened(class_map_png(ClassMap(numbers, None, is_foreground=False))) as image:
        assert np.array(image).tolist() == [[0, 255, 300], [65535, 1, 2]]


def test_the_last_class_of_a_palette_is_not_taken_for_none():
    numbers = np.array([[254, NO_CLASS]], np.int16)
    with opened(class_map_png(ClassMap(numbers, None, is_foreground=False))) as image:
        assert (image.mode, np.array(image).tolist()) == ("P", [[254, 255]])


def test_a_file_is_less_than_a_hundredth_of_torchserves_nested_lists(photographs):
    """On a map of 20 regions with the outlines of a photograph, of TorchServe's 224 x 224."""
    with Image.open(photographs[0]) as image:
        pixels = np.array(image.convert("RGB").resize((224, 224)))
    numbers = skimage.segmentation.slic(pixels, n_segments=20, start_label=0).astype(np.int16)
    found = ClassMap(numbers, np.full((224, 224), 0.876543, np.float32), is_foreground=False)
    from default_handlers.segment_answers import as_nested_lists

    lists = json.dumps(as_nested_lists(found), indent=2)
    assert len(lists) > 1_400_000
    assert len(class_map_png(found)) < len(lists) / 100
