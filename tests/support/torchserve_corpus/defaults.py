"""The default handlers of TorchServe, each with a tiny model."""

import base64
import io
import json
from typing import Any

from torchserve_corpus.case import Case, Content, Differs, Reply, Sent, binary, text, value
from torchserve_corpus.models import saved, scripted_module

NEAR = 1e-4
NAMES = '{"0": "a", "1": "b", "2": "c", "3": "d", "4": "e", "5": "f"}'
SUBCLASS = """
from torchvision import transforms

from ts.torch_handler.{module} import {name}


class Handler({name}):
    {more}
    image_processing = transforms.Compose(
        [transforms.Resize(6), transforms.CenterCrop(4), transforms.ToTensor()]
    )
"""

DETECTOR = """
import torch
from torch import nn


class Detector(nn.Module):
    def forward(self, images):
        answers = []
        for image in images:
            height, width = image.shape[1:]
            bright = image.mean()
            answers.append({
                "boxes": torch.tensor([[0.0, 0.0, width, height], [1.0, 2.0, 3.0, 4.0]]),
                "labels": torch.tensor([1, 2]),
                "scores": torch.stack([0.5 + bright / 2, bright / 4]),
            })
        return answers
"""

TEXT_MODEL = """
import torch
from torch import nn


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(40, 2)
        self.fc = nn.Linear(2, 3)

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))
"""

TEXTS = (
    "<b>The cat</b> doesn't purr, it sings!",
    "CAF\u00c9 &amp; cat: the cat can't sing",
)
_WORDS = ["the", "cat", "does", "not", "purr", "it", "sings", "cafe", "cannot", "sing"]
_PAIRS = (
    "the cat",
    "cat does",
    "does not",
    "not purr",
    "purr it",
    "it sings",
    "cafe cat",
    "cat the",
    "cat cannot",
    "cannot sing",
)


def cases() -> list[Case]:
    """Each handler as TorchServe has it, request by request and in batches."""
    return [*_classifier(), *_segmenter(), *_detector(), *_text()]


def picture_scores() -> bytes:
    """Six scores of a picture, in its means per channel."""
    import torch

    mean = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    linear = torch.nn.Linear(3, 6)
    linear.weight.data = torch.arange(18.0).reshape(6, 3).sin()
    linear.bias.data = torch.linspace(-1, 1, 6)
    return scripted_module(torch.nn.Sequential(mean, linear))


def pixel_scores() -> bytes:
    """Three scores of each pixel, as torchvision's models for segmentation answer them."""
    import torch

    class Segments(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scores = torch.nn.Conv2d(3, 3, 1)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"out": self.scores(x)}

    net = Segments()
    net.scores.weight.data = torch.arange(9.0).cos().reshape(3, 3, 1, 1)
    net.scores.bias.data = torch.zeros(3)
    return scripted_module(net)


def no_weights() -> bytes:
    """The state dict of a model without any."""
    return saved({})


def bag_weights() -> bytes:
    """The state dict of `TEXT_MODEL`."""
    import torch

    return saved(
        {
            "embedding.weight": torch.arange(80.0).sin().reshape(40, 2),
            "fc.weight": torch.arange(6.0).cos().reshape(3, 2),
            "fc.bias": torch.tensor([0.1, 0.2, 0.3]),
        }
    )


def vocabulary() -> bytes:
    """The words and pairs of words in `TEXTS`, as a plain dict."""
    return saved({word: number for number, word in enumerate((*_WORDS, *_PAIRS))})


def picture(size: tuple[int, int] = (300, 260)) -> bytes:
    """A PNG with a gradient in each channel."""
    from PIL import Image

    file = io.BytesIO()
    bands = [Image.linear_gradient("L").rotate(angle).resize(size) for angle in (0, 90, 180)]
    Image.merge("RGB", bands).save(file, "PNG")
    return file.getvalue()


def _numbers(of: float) -> list[Any]:
    return [
        [[round(of * (c + 2 * h + 3 * w), 3) for w in range(2)] for h in range(2)] for c in range(3)
    ]


def _case(
    handler: str,
    name: str,
    files: dict[str, Content],
    *batches: list[Sent],
    code: str | None = None,
    differs: Differs | None = None,
    **model: str,
) -> Case:
    named = model or {"serializedFile": "model.pt"}
    sources: dict[str, Content] = {} if code is None else {"handler.py": code}
    return Case(
        f"{handler}: {name}",
        {**files, **sources},
        batches,
        handler if code is None else "handler.py",
        model=named,
        tolerance=NEAR,
        differs=differs,
    )


def _classifier() -> list[Case]:
    name = "image_classifier"
    files: dict[str, Content] = {"model.pt": picture_scores}
    named: dict[str, Content] = {**files, "index_to_name.json": NAMES}
    image = picture()
    subclass = SUBCLASS.format(module=name, name="ImageClassifier", more="topk = 2")
    return [
        _case(name, "a picture", named, [binary(image)]),
        _case(name, "without names", files, [binary(image, "data")]),
        _case(name, "base64", named, [text(base64.b64encode(image).decode())]),
        _case(name, "numbers", named, [value(_numbers(0.1)), value(_numbers(-0.2))]),
        _case(name, "a subclass", named, [binary(image), binary(picture((99, 40)))], code=subclass),
    ]


def _segmenter() -> list[Case]:
    name = "image_segmenter"
    files: dict[str, Content] = {"model.pt": pixel_scores}
    subclass = SUBCLASS.format(module=name, name="ImageSegmenter", more="")
    return [
        _case(name, "numbers", files, [value(_numbers(0.1)), value(_numbers(-0.2))]),
        _case(name, "a subclass", files, [binary(picture()), binary(picture())], code=subclass),
    ]


def _detector() -> list[Case]:
    name = "object_detector"
    files: dict[str, Content] = {"detector.py": DETECTOR, "weights.pt": no_weights}
    files["index_to_name.json"] = NAMES
    model = {"modelFile": "detector.py", "serializedFile": "weights.pt"}
    image = picture((12, 8))
    low = (
        f"from ts.torch_handler.{name} import ObjectDetector\n\n\nclass Low(ObjectDetector):\n    "
    )
    return [
        _case(name, "a picture", files, [binary(image)], **model),
        _case(name, "pictures of one size", files, [binary(image), binary(image)], **model),
        _case(name, "numbers", files, [value(_numbers(0.01))], **model),
        _case(name, "nothing seen", files, [value(_numbers(-1))], **model),
        _case(
            name,
            "pictures of different sizes",
            files,
            [binary(image), value(_numbers(0.01))],
            differs=Differs(
                "TorchServe stacks them",
                [
                    [
                        Reply.json([{"b": [0.0, 0.0, 12.0, 8.0], "score": 0.75038123}]),
                        Reply.json([{"b": [0.0, 0.0, 2.0, 2.0], "score": 0.51749998}]),
                    ]
                ],
            ),
            **model,
        ),
        _case(
            name,
            "a lower threshold",
            files,
            [binary(image)],
            code=low + "threshold = 0.1\n",
            **model,
        ),
    ]


def _text() -> list[Case]:
    name = "text_classifier"
    files: dict[str, Content] = {
        "bag.py": TEXT_MODEL,
        "weights.pt": bag_weights,
        "source_vocab.pt": vocabulary,
    }
    named: dict[str, Content] = {
        **files,
        "index_to_name.json": json.dumps({"0": "x", "1": "y", "2": "z"}),
    }
    model = {"modelFile": "bag.py", "serializedFile": "weights.pt"}
    return [
        _case(name, "text", named, [text(TEXTS[0])], [text(TEXTS[1])], **model),
        _case(
            name,
            "a batch",
            named,
            list(map(text, TEXTS)),
            differs=Differs(
                "TorchServe reads the first text only",
                [
                    [
                        Reply.json({"x": 0.29986697, "y": 0.32758298, "z": 0.37255001}),
                        Reply.json({"x": 0.44738260, "y": 0.22906588, "z": 0.32355145}),
                    ]
                ],
            ),
            **model,
        ),
        _case(name, "bytes, without names", files, [binary(TEXTS[0].encode(), "data")], **model),
    ]
