"""Our own handlers keep every promise, in each precision, on each device that is here."""

import io
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from ts_sdk import Request
from ts_sdk.testing import (
    CHECKS,
    HandlerCase,
    HandlerSource,
    image_request,
    random_image,
    run_checks,
    text_request,
)

PRECISIONS = ("float32", "float16", "bfloat16")
DEVICES = (
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(
            not torch.cuda.is_available(), reason="there is no CUDA device here"
        ),
    ),
)
IMPORT = "importing_has_no_side_effects"
"""It starts a process, and has nothing to do with the precision."""


class Classes(nn.Module):
    """Three classes of pictures."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2)
        )
        self.head = nn.Linear(32, 3)

    def forward(self, pictures):
        return self.head(self.layers(pictures).flatten(1))


class Pixels(nn.Module):
    """Three classes of each pixel."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, pictures):
        return {"out": self.layer(pictures)}


class Boxes(nn.Module):
    """Two boxes in each picture, with the scores of two layers."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, pictures):
        return [self.find(picture) for picture in pictures]

    def find(self, picture):
        height, width = picture.shape[1:]
        scores = self.layer(picture.mean((1, 2))).sigmoid()
        boxes = scores.new_tensor([[0, 0, width / 2, height / 2], [1, 1, width - 1, height - 1]])
        return {"boxes": boxes, "labels": torch.tensor([0, 1]), "scores": scores}


class Words(nn.Module):
    """Two classes of texts."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(8, 4, mode="mean")
        self.head = nn.Linear(4, 2)

    def forward(self, numbers, offsets):
        return self.head(self.embedding(numbers, offsets))


def seeded(make):
    """A model, the same each time."""
    torch.manual_seed(7)
    return make().eval()


def picture(width, height, seed, **options):
    return image_request(random_image((width, height), seed), **options)


def vocabulary():
    file = io.BytesIO()
    torch.save({"<unk>": 0, "a": 1, "good": 2, "bad": 3, "film": 4, "a good": 5}, file)
    return file.getvalue()


def grey():
    return image_request(Image.new("L", (20, 30), 90), format="png")


PICTURES = (picture(48, 32, 1), picture(40, 40, 2, format="png"), picture(33, 50, 3), grey())
NO_PICTURES = (Request.sent(b"<html>", content_type="image/jpeg"),)
SMALL = {"resize": 24, "crop": 20}


@dataclass(frozen=True)
class Ours:
    """One of our handlers with what it is asked; the attributes are those of a `HandlerCase`."""

    name: str
    model: Any
    requests: tuple[Any, ...]
    bad_requests: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def case(self, **options):
        source = HandlerSource(self.name, model=seeded(self.model), **self.options, **options)
        return HandlerCase(source, self.requests, bad_requests=self.bad_requests)


LABELS = {"index_to_name.json": {"0": "cat", "1": "dog", "2": "fox"}}
HANDLERS = (
    Ours("base_handler", lambda: nn.Linear(2, 2), ([1.0, 2.0], [0.5, -1.0], [3.0, 0.25])),
    Ours(
        "image_classifier",
        Classes,
        PICTURES,
        NO_PICTURES,
        {"files": LABELS, "config": {"handler": SMALL}},
    ),
    Ours(
        "image_segmenter",
        Pixels,
        PICTURES,
        NO_PICTURES,
        {"files": LABELS, "config": {"handler": SMALL}},
    ),
    Ours("object_detector", Boxes, PICTURES, NO_PICTURES, {"files": LABELS}),
    Ours(
        "text_classifier",
        Words,
        tuple(map(text_request, ("a good film", "a bad film, and a long one", "bad"))),
        (b"\xff\xfe\xfa",),
        {"files": {"source_vocab.pt": vocabulary()}},
    ),
)


def told(report):
    return "\n\n".join(result.message for result in report.failures)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("ours", HANDLERS, ids=lambda ours: ours.name)
def test_our_handlers_keep_their_promises(ours, precision, device):
    only = [each.name for each in CHECKS if not each.deep]
    if precision != "float32":
        only.remove(IMPORT)
    with ours.case(precision=precision, device=device) as case:
        report = run_checks(case, only=only)
    assert report.passed, told(report)
    assert report.count("kept") > len(only) * 2 / 3, [
        f"{each.check.name}: {each.message}" for each in report.results if each.verdict == "skipped"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("ours", HANDLERS, ids=lambda ours: ours.name)
def test_our_handlers_keep_the_promises_that_take_long(ours, precision, device):
    only = [each.name for each in CHECKS if each.deep]
    with ours.case(precision=precision, device=device) as case:
        report = run_checks(case, only=only)
    assert report.passed, told(report)
