"""What detectors answer is read in every form, and nothing else is taken for it."""

from types import SimpleNamespace

import pytest
import torch

from default_handlers.found import found_in, parts_of
from ts_sdk.errors import HandlerContractError

BOXES = torch.tensor([[0.0, 0.0, 2.0, 3.0], [1.0, 1.0, 2.0, 2.0]])
LABELS = torch.tensor([1, 7])
SCORES = torch.tensor([0.75, 0.5])
MASKS = torch.rand(2, 28, 28)
SIZE = torch.tensor([48, 64])
FOUND = {"boxes": BOXES, "labels": LABELS, "scores": SCORES}
FIELDS = {"pred_boxes": BOXES, "pred_classes": LABELS, "scores": SCORES}
INSTANCES = SimpleNamespace(
    pred_boxes=SimpleNamespace(tensor=BOXES),
    pred_classes=LABELS,
    scores=SCORES,
    pred_masks=SimpleNamespace(tensor=MASKS),
    image_size=(48, 64),
)
PLAIN = {
    "torchvision's": [FOUND],
    "torchvision's, scripted": ({}, [FOUND]),
    "a dict alone": FOUND,
    "a tuple of dicts": (FOUND,),
    "detectron's, as nested dicts": [{"instances": FIELDS}],
    "in the order of an onnx model": (BOXES, SCORES, LABELS),
}
WITH_MASKS = {
    "torchvision's": [FOUND | {"masks": MASKS[:, None]}],
    "detectron's, scripted": [FIELDS | {"pred_masks": MASKS[:, None]}],
    "in the order of an onnx model": (BOXES, SCORES, LABELS, MASKS),
}
WITH_SIZE = {
    "detectron's, traced": (BOXES, LABELS, SCORES, SIZE),
    "detectron's, traced, in a list": [(BOXES, LABELS, SCORES, SIZE)],
}
WITH_BOTH = {
    "detectron's": [{"instances": INSTANCES}],
    "detectron's instances alone": [INSTANCES],
    "detectron's, traced": (BOXES, LABELS, MASKS[:, None], SCORES, SIZE),
}


@pytest.mark.parametrize("output", PLAIN.values(), ids=PLAIN)
def test_objects_are_found_in_what_detectors_answer(output):
    (found,) = found_in(output)
    for got, expected in [(found.boxes, BOXES), (found.labels, LABELS), (found.scores, SCORES)]:
        assert torch.equal(got, expected)
    assert (found.masks, found.size) == (None, None)


@pytest.mark.parametrize("output", WITH_MASKS.values(), ids=WITH_MASKS)
def test_so_are_their_masks(output):
    (found,) = found_in(output)
    assert torch.equal(found.masks, MASKS)
    assert found.size is None


@pytest.mark.parametrize("output", WITH_SIZE.values(), ids=WITH_SIZE)
def test_the_size_may_be_told(output):
    (found,) = found_in(output)
    assert (found.masks, found.size) == (None, (64, 48))
    assert torch.equal(found.scores, SCORES)


@pytest.mark.parametrize("output", WITH_BOTH.values(), ids=WITH_BOTH)
def test_masks_and_size_may_be_told(output):
    (found,) = found_in(output)
    assert torch.equal(found.masks, MASKS)
    assert torch.equal(found.labels, LABELS)
    assert found.size == (64, 48)


def test_two_pictures_in_a_tuple_are_no_losses():
    assert len(found_in((FOUND, FOUND))) == 2


def test_two_objects_in_a_picture_of_two_pixels_are_no_size():
    (found,) = found_in((BOXES, torch.tensor([2, 2]), SCORES, torch.tensor([2, 2])))
    assert (found.labels.tolist(), found.size) == ([2, 2], (2, 2))
    (found,) = found_in((BOXES, SCORES, torch.tensor([2, 2])))
    assert (found.labels.tolist(), found.size) == ([2, 2], None)


def test_nothing_found_is_an_empty_answer():
    nothing = (BOXES[:0], LABELS[:0], MASKS[:0, None], SCORES[:0], SIZE)
    (found,) = found_in(nothing)
    assert len(found) == 0


def test_half_precision_becomes_float32():
    (found,) = found_in([{"boxes": BOXES.half(), "labels": LABELS, "scores": SCORES.half()}])
    assert found.boxes.dtype == found.scores.dtype == torch.float32


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (torch.zeros(1, 6), r"a tensor of shape \(1, 6\)"),
        ([BOXES], r"a list that starts with a tensor of shape \(2, 4\)"),
        ((BOXES, LABELS), "a tuple that starts with a tensor"),
        ([{"boxes": BOXES}], "a dict with the keys 'boxes'"),
        ([FOUND | {"boxes": BOXES[:, :2]}], "a list that starts with a dict"),
        ([FOUND | {"scores": torch.zeros(3)}], "a list that starts with a dict"),
        ([FOUND | {"labels": torch.tensor(1)}], "a list that starts with a dict"),
        ([FOUND | {"boxes": torch.tensor(1)}], "a list that starts with a dict"),
        ([FOUND | {"labels": ["cat"]}], "a list that starts with a dict"),
        ([FOUND | {"masks": MASKS[:1]}], "a list that starts with a dict"),
        ([FOUND | {"masks": torch.rand(2, 5, 28, 28)}], "a list that starts with a dict"),
        ([FOUND, None], "a list that starts with a dict"),
        ("boxes", "a str"),
    ],
)
def test_another_output_is_an_error_that_says_what_was_expected(output, words):
    with pytest.raises(HandlerContractError, match=f"object_detector needs a model.*{words}"):
        found_in(output)


def test_a_model_that_forgets_a_picture_is_told_so():
    with pytest.raises(HandlerContractError, match="answered for 1 pictures and was given 2"):
        parts_of([FOUND], 2)


def test_the_parts_are_what_the_model_answered():
    assert parts_of(({}, [FOUND, FOUND]), 2) == [FOUND, FOUND]
