"""A request may hold several pictures, and is then answered with a list."""

import base64
import threading

import pytest
import torch
from picture_corpus import encoded
from PIL import Image

from default_handlers import ImageClassifier, ImageSegmenter, ObjectDetector, VisionHandler
from default_handlers.preparing import Prepared, prepared_requests
from ts_sdk.errors import RequestError

RED, GREEN, BLUE = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


def one_colour(colour, size=(30, 20)):
    return encoded(Image.new("RGB", size, colour), "PNG")


def text(data):
    return base64.b64encode(data).decode()


PICTURES = [one_colour(RED), one_colour(GREEN, (9, 40)), one_colour(BLUE)]
ROWS = {
    "base64 texts": {"body": [text(data) for data in PICTURES]},
    "bytes": {"data": PICTURES},
    "parts": {"left": PICTURES[0], "middle": bytearray(PICTURES[1]), "right": PICTURES[2]},
    "parts and a target": {"a": PICTURES[0], "target": b"3", "b": PICTURES[1], "c": PICTURES[2]},
    "pillow images": {"body": [Image.new("RGB", (5, 5), colour) for colour in (RED, GREEN, BLUE)]},
    "the body itself": [text(data) for data in PICTURES],
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_answers_are_a_list_in_order(start, answer, colour_probabilities, row):
    single = {"body": one_colour(RED)}
    first, several, last = answer(start(), [single, row, single])
    assert several == [
        pytest.approx(colour_probabilities(colour), abs=1e-6) for colour in (RED, GREEN, BLUE)
    ]
    assert first == last == pytest.approx(several[0])


def test_a_list_of_one_picture_is_answered_with_a_list_of_one(start, answer):
    (got,) = answer(start(), [{"body": [text(PICTURES[0])]}])
    assert len(got) == 1
    assert isinstance(got, list)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"body": [text(PICTURES[0]), text(b"<html>")]}, "picture 2 of 2: expected a picture"),
        ({"body": ["%", text(PICTURES[0])]}, "picture 1 of 2: text must be a picture in base64"),
        ({"left": PICTURES[0], "right": b""}, r"picture 2 of 2 (part right): expected a picture"),
        ({"body": [text(PICTURES[0])] * 65}, "at most 64 pictures in a request"),
        ({"body": [text(PICTURES[0]), 5]}, "expected nested lists of numbers"),
    ],
)
def test_a_bad_picture_fails_its_own_request_only(start, answer, row, words):
    good = {"body": PICTURES[:2]}
    first, rejected, last = answer(start(), [good, row, good])
    assert (rejected["code"], words in rejected["message"]) == (400, True), rejected["message"]
    assert first == last
    assert len(first) == 2


def test_how_many_there_may_be_is_a_setting(start, answer):
    handler = start(settings={"max_pictures": 2})
    good, bad = answer(handler, [{"body": PICTURES[:2]}, {"body": PICTURES}])
    assert (len(good), bad["code"]) == (2, 400)


SPOILT = """
import torch
from torch import nn


class Spoilt(nn.Module):
    '''As bright as the picture, or no number where it is blue.'''

    def forward(self, pictures):
        scores = pictures.mean((2, 3))
        return torch.where(scores[:, 2:] > 0.9, float("nan"), scores)
"""


def test_a_picture_without_numbers_fails_its_own_request_only(start, answer):
    rows = [{"body": PICTURES[:2]}, {"body": PICTURES}, {"body": PICTURES[0]}]
    first, bad, last = answer(start(model=SPOILT), rows)
    assert (bad["code"], "NaN or infinite" in bad["message"]) == (500, True)
    assert first[0] == pytest.approx(last)


SUM = """
from torch import nn


class Sum(nn.Module):
    def forward(self, pictures):
        return pictures.sum(1, keepdim=True)
"""


def test_a_segmenter_answers_each(start, answer):
    handler = start(ImageSegmenter, model=SUM, settings={"answers": "records", "size": "original"})
    several, single = answer(handler, [{"body": PICTURES}, {"body": PICTURES[0]}])
    assert [each["size"] for each in several] == [[20, 30], [40, 9], [20, 30]]
    assert several[0] == single


def test_an_answer_that_is_one_file_is_of_one_picture(start, answer):
    handler = start(ImageSegmenter, model=SUM, settings={"answers": "png"})
    good, bad = answer(handler, [{"body": PICTURES[0]}, {"body": PICTURES}])
    assert good.startswith(b"\x89PNG")
    assert "since the answer is one (setting answers: png), got 3" in bad["message"]


WHOLE = """
import torch
from torch import nn


class Whole(nn.Module):
    def forward(self, pictures):
        height, width = pictures.shape[2:]
        return [
            {
                "boxes": torch.tensor([[0.0, 0.0, width, height]]),
                "labels": torch.tensor([int(picture.mean((1, 2)).argmax())]),
                "scores": torch.tensor([1.0]),
            }
            for picture in pictures
        ]
"""


def test_a_detector_answers_each_in_its_own_size(start, answer):
    handler = start(ObjectDetector, model=WHOLE, settings={})
    single, several = answer(handler, [{"body": PICTURES[1]}, {"body": PICTURES}])
    assert several == [
        [{"0": [0, 0, 30, 20], "score": 1.0}],
        [{"1": [0, 0, 9, 40], "score": 1.0}],
        [{"2": [0, 0, 30, 20], "score": 1.0}],
    ]
    assert single == several[1]


def test_an_old_subclass_with_its_own_answers_is_given_one_picture_a_request(start, answer):
    class Old(ImageClassifier):
        def postprocess(self, data):
            return data.argmax(1).tolist()

    class Bare(VisionHandler):
        pass

    for handler_class in (Old, Bare):
        rejected, good = answer(start(handler_class), [{"body": PICTURES}, {"body": PICTURES[1]}])
        assert "expected one picture, got 3" in rejected["message"]
        assert good in (1, pytest.approx([0, 1, 0]))


def test_pictures_are_decoded_in_threads_and_stay_in_order():
    """Two threads are at it at once, or the barrier would never open."""
    barrier = threading.Barrier(2, timeout=20)
    started = []

    def prepare(value):
        started.append(value)
        if len(started) <= 2:
            barrier.wait()
        if value[0] == 3:
            raise RequestError("three")
        return Prepared(torch.tensor(value[0]))

    rows = [bytes([number]) * 30_000 for number in range(6)]
    requests = prepared_requests(rows, prepare, lambda _: None, threads=2)
    assert requests.pop(3).message == "three"
    assert [each.pictures[0].tensor.item() for each in requests] == [0, 1, 2, 4, 5]


@pytest.mark.parametrize(("size", "threads"), [(100, 4), (90_000, 1)])
def test_small_pictures_and_a_single_thread_stay_where_they_are(size, threads):
    where = set()

    def prepare(value):
        where.add(threading.current_thread())
        return Prepared(torch.tensor(len(value)))

    prepared_requests([bytes(size)] * 4, prepare, lambda _: None, threads)
    assert where == {threading.current_thread()}


def test_an_error_in_a_thread_is_raised():
    def prepare(value):
        raise ZeroDivisionError(value[0])

    with pytest.raises(ZeroDivisionError):
        prepared_requests([bytes(90_000)] * 2, prepare, lambda _: None, 2)


def test_threads_change_no_answer(start, answer, photographs):
    rows = [
        {"body": encoded(Image.open(path).convert("RGB"), "JPEG", quality=90)}
        for path in photographs
    ]
    one, four = (start(settings={"decode_threads": count}) for count in (1, 4))
    assert answer(one, rows) == answer(four, rows)
