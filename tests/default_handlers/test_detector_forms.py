"""Detectors that take and answer in the ways of Detectron2 and of exported models."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from picture_corpus import encoded, quartered
from PIL import Image
from torch import nn

import ts_sdk
from default_handlers import ObjectDetector, rle

PICTURE = encoded(quartered(), "PNG")
"""64 x 48: a red quarter top left, green, blue, white."""
SMALL = encoded(quartered(20, 10), "PNG")


def found(picture: torch.Tensor) -> dict[str, torch.Tensor]:
    """The left half and the lower half; the scores are the means of the channels, of 1."""
    height, width = picture.shape[1], picture.shape[2]
    means = picture.mean(dim=[1, 2]) / 255.0
    boxes = torch.tensor(
        [[0.0, 0.0, width / 2, float(height)], [0.0, height / 2, float(width), float(height)]]
    )
    return {"boxes": boxes, "classes": torch.tensor([0, 4]), "scores": means[:2], "mean": means}


class Dicts(nn.Module):
    """As a scripted Detectron2 model: fields by name, masks of each box."""

    def forward(self, inputs: list[dict[str, torch.Tensor]]) -> list[dict[str, torch.Tensor]]:
        answers: list[dict[str, torch.Tensor]] = []
        for each in inputs:
            seen = found(each["image"])
            answers.append(
                {
                    "pred_boxes": seen["boxes"],
                    "pred_classes": seen["classes"],
                    "scores": seen["scores"],
                    "pred_masks": torch.ones(2, 1, 28, 28),
                }
            )
        return answers


class OneDict(nn.Module):
    """As the script of Detectron2 exports: a tuple of one dict."""

    def forward(self, inputs: tuple[dict[str, torch.Tensor]]) -> list[dict[str, torch.Tensor]]:
        seen = found(inputs[0]["image"])
        return [
            {
                "pred_boxes": seen["boxes"],
                "pred_classes": seen["classes"],
                "scores": seen["scores"],
                "mean": seen["mean"],
            }
        ]


class Traced(nn.Module):
    """As a traced Detectron2 model: one picture, a tuple in the order of the fields' names."""

    def forward(
        self, picture: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        seen = found(picture)
        size = torch.tensor([picture.shape[1], picture.shape[2]])
        return seen["boxes"], seen["classes"], torch.ones(2, 1, 28, 28), seen["scores"], size


EAGER = """
from types import SimpleNamespace
import torch
from torch import nn


class Eager(nn.Module):
    '''As a model of Detectron2 itself: instances, whole masks.'''

    def forward(self, inputs):
        return [{"instances": self.find(each["image"])} for each in inputs]

    def find(self, picture):
        assert set(picture.shape[:1]) == {3}
        height, width = picture.shape[1:]
        masks = torch.zeros(2, height, width, dtype=torch.bool)
        masks[0, :, : width // 2] = True
        masks[1, height // 2 :] = True
        boxes = [[0, 0, width / 2, height], [0, height / 2, width, height]]
        return SimpleNamespace(
            pred_boxes=SimpleNamespace(tensor=torch.tensor(boxes)),
            pred_classes=torch.tensor([0, 4]),
            scores=picture.mean((1, 2))[:2] / 255,
            pred_masks=masks,
            image_size=(height, width),
        )
"""
NAMES = {"0": "left", "4": "low"}
RECORDS = {"answers": "records", "threshold": 0.1}


def halves(width, height):
    left, low = np.zeros((2, height, width), bool)
    left[:, : width // 2] = True
    low[height // 2 :] = True
    return left, low


@pytest.fixture
def start_form(start, scripted):
    """Start a detector on a model of one of the forms."""

    def start_form(form, **settings):
        given = {**RECORDS, **settings}
        model = EAGER if form == "eager" else scripted(form())
        if form == "eager":
            given["inputs"] = "dicts"
        if form is Traced:
            given |= {"inputs": "single", "value_range": "0..255"}
        return start(ObjectDetector, model=model, settings=given, names=NAMES)

    return start_form


FORMS = {"dicts": Dicts, "one dict": OneDict, "traced": Traced, "eager": "eager"}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_objects_are_answered_alike_whatever_the_form(start_form, answer, form):
    handler = start_form(form)
    answers = answer(handler, [{"body": PICTURE}, {"body": SMALL}, {"body": PICTURE}])
    for got, (width, height) in zip(answers, [(64, 48), (20, 10), (64, 48)], strict=True):
        assert [(each["label"], each["index"]) for each in got] == [("left", 0), ("low", 4)]
        assert [each["box"] for each in got] == [
            [0, 0, width / 2, height],
            [0, height / 2, width, height],
        ]
        assert [each["score"] for each in got] == pytest.approx([0.5, 0.5], abs=1e-3)
    assert json.loads(json.dumps(answers)) == answers


@pytest.mark.parametrize("form", [Dicts, Traced, "eager"], ids=["dicts", "traced", "eager"])
@pytest.mark.parametrize("settings", [{}, {"resize": 96}, {"resize": 30, "longest_side": 32}])
def test_boxes_and_masks_are_in_pixels_of_the_picture_however_it_was_resized(
    start_form, answer, form, settings
):
    (got,) = answer(start_form(form, **settings), [{"body": PICTURE}])
    assert [each["box"] for each in got] == [
        pytest.approx([0, 0, 32, 48], abs=1e-3),
        pytest.approx([0, 24, 64, 48], abs=1e-3),
    ]
    for each, expected in zip(got, halves(64, 48), strict=True):
        assert (rle.decode(each["mask"]) == expected).mean() > 0.9


def test_masks_may_be_files_or_left_out(start_form, answer):
    from base64 import b64decode
    from io import BytesIO

    (got,) = answer(start_form("eager", masks="png"), [{"body": PICTURE}])
    for each, expected in zip(got, halves(64, 48), strict=True):
        with Image.open(BytesIO(b64decode(each["mask"]))) as image:
            assert (np.array(image) == expected * 255).all()
    (got,) = answer(start_form("eager", masks="none"), [{"body": PICTURE}])
    assert "mask" not in got[0]


def test_torchserves_answers_have_no_masks(start_form, answer):
    handler = start_form("eager", answers="torchserve")
    (got,) = answer(handler, [{"body": PICTURE}])
    assert [set(each) for each in got] == [{"left", "score"}, {"low", "score"}]


def seen_by(start_form, answer, form, **settings):
    """What the model is given for a red picture, by channel."""
    handler = start_form(form, **settings)
    seen = []
    handler.model.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    answer(handler, [{"body": encoded(Image.new("RGB", (8, 8), (255, 51, 0)), "PNG")}])
    ((each,),) = seen
    return each["image"].mean((1, 2)).tolist()


def test_dicts_hold_what_detectron_gives_its_models_unless_told_otherwise(start_form, answer):
    assert seen_by(start_form, answer, "eager") == pytest.approx([0, 51, 255])
    rgb = seen_by(start_form, answer, "eager", colour="rgb", value_range="0..1")
    assert rgb == pytest.approx([1, 0.2, 0])


def test_a_scripted_model_says_what_it_takes(start_form):
    from default_handlers.detector_calls import inputs_of

    assert inputs_of(start_form(Dicts).model) == ("dicts", False)
    assert inputs_of(start_form(OneDict).model) == ("dicts", True)
    assert inputs_of(start_form(Traced).model) == ("batch", False)
    assert inputs_of(SimpleNamespace()) == ("batch", False)


def test_pictures_of_one_size_go_through_a_model_of_dicts_together(start_form, answer):
    handler = start_form("eager")
    calls = []
    handler.model.register_forward_pre_hook(lambda _, given: calls.append(len(given[0])))
    answer(handler, [{"body": PICTURE}, {"body": SMALL}, {"body": PICTURE}])
    assert calls == [2, 1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_model_of_dicts_answers_in_half_precision_too(tmp_path, scripted, precision):
    (tmp_path / "MAR-INF").mkdir()
    model = {"modelName": "dicts", "handler": "object_detector", "serializedFile": "model.pt"}
    manifest = {"model": {**model, "configFile": "model-config.yaml"}}
    (tmp_path / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
    (tmp_path / "model-config.yaml").write_text(f"handler: {json.dumps(RECORDS)}")
    scripted(WithWeights()).save(tmp_path / "model.pt")
    with ts_sdk.load(tmp_path, device="cpu", precision=precision) as loaded:
        ((found,),) = loaded.predict_batch([PICTURE])
    assert found["box"] == [0, 0, 64, 48]
    assert found["score"] == pytest.approx(1 / (1 + math.exp(-0.5)), abs=5e-3)
    assert rle.decode(found["mask"]).all()


class WithWeights(nn.Module):
    """One object in each picture, as large as it is; its score has gone through a weight."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)
        self.layer.weight.data.fill_(1 / 255)

    def forward(self, inputs: list[dict[str, torch.Tensor]]) -> list[dict[str, torch.Tensor]]:
        answers: list[dict[str, torch.Tensor]] = []
        for each in inputs:
            picture = each["image"]
            height, width = picture.shape[1], picture.shape[2]
            bright = picture.float().mean().to(picture.dtype).reshape(1, 1)
            answers.append(
                {
                    "pred_boxes": torch.tensor([[0.0, 0.0, float(width), float(height)]]),
                    "pred_classes": torch.tensor([0]),
                    "scores": self.layer(bright)[0].sigmoid(),
                    "pred_masks": torch.ones(1, 1, 28, 28),
                }
            )
        return answers
