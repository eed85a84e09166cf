"""Handlers as people wrote them for TorchServe: what they import, how they are shaped.

Each stands for a pattern that is common in public repositories; none is a copy. All have the same
model, whose three scores for the numbers ``[a, b]`` are a, b and a + b.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field

from ts_sdk import Request

MODEL = """
from torch import nn


class Scores(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3, bias=False)

    def forward(self, x):
        return self.linear(x)
"""
WEIGHTS = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
LABELS = '{"0": "left", "1": "right", "2": "both"}'
NUMBERS = [[3.0, -1.0], [-1.0, 3.0], [2.0, 2.0]]
NAMES = ["left", "right", "both"]


@dataclass(frozen=True)
class OldHandler:
    """A handler, what it is asked and what it answers.

    Attributes:
        source: The handler file.
        requests: What is sent to it, as one batch.
        answers: What it answers.
        named: What the manifest says of it.
        files: What else is in the archive.
        config: The archive's `model-config.yaml`.
    """

    source: str
    requests: list[object] = field(default_factory=lambda: [list(pair) for pair in NUMBERS])
    answers: list[object] = field(default_factory=lambda: list(NAMES))
    named: str = "handler.py"
    files: dict[str, str | bytes] = field(default_factory=dict)
    config: str | None = None


def picture(colour: tuple[int, int, int]) -> bytes:
    """A PNG of one colour."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "png")
    return file.getvalue()


RED, GREEN = picture((255, 51, 0)), picture((51, 255, 0))

SUBCLASS = """
import logging
import os
from abc import ABC

import torch

from ts.torch_handler.base_handler import BaseHandler

logger = logging.getLogger(__name__)


class NumbersHandler(BaseHandler, ABC):
    def __init__(self):
        super(NumbersHandler, self).__init__()
        self.initialized = False

    def preprocess(self, requests):
        rows = []
        for request in requests:
            value = request.get("data")
            if value is None:
                value = request.get("body")
            rows.append(value)
        return torch.tensor(rows, device=self.device)

    def postprocess(self, outputs):
        numbers = torch.argmax(outputs, dim=1).tolist()
        return [self.mapping[str(number)] for number in numbers]
"""

OWN_INITIALIZE = """
import importlib
import os

import torch

from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import list_classes_from_module, load_label_mapping, map_class_to_label


class NumbersHandler(BaseHandler):
    def initialize(self, ctx):
        self.manifest = ctx.manifest
        properties = ctx.system_properties
        model_dir = properties.get("model_dir")
        self.device = torch.device(
            "cuda:" + str(properties.get("gpu_id")) if torch.cuda.is_available() else "cpu"
        )
        module = importlib.import_module(self.manifest["model"]["modelFile"].split(".")[0])
        (network,) = list_classes_from_module(module)
        self.model = network()
        path = os.path.join(model_dir, self.manifest["model"]["serializedFile"])
        self.model.load_state_dict(torch.load(path, map_location=self.device))
        self.model.to(self.device).eval()
        self.mapping = load_label_mapping(os.path.join(model_dir, "index_to_name.json"))
        self.initialized = True

    def preprocess(self, data):
        return torch.as_tensor([row["body"] for row in data], device=self.device)

    def postprocess(self, data):
        values, numbers = torch.topk(data, 1, dim=1)
        return map_class_to_label(values.tolist(), self.mapping, numbers.tolist())
"""

SERVICE_GLOBAL = """
import torch

from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def preprocess(self, data):
        return torch.tensor([row.get("data") or row.get("body") for row in data])

    def postprocess(self, data):
        return [self.mapping[str(int(row.argmax()))] for row in data]


_service = NumbersHandler()


def handle(data, context):
    if not _service.initialized:
        _service.initialize(context)

    if data is None:
        return None

    data = _service.preprocess(data)
    data = _service.inference(data)
    data = _service.postprocess(data)
    return data
"""

PLAIN_CLASS = """
import json
import os

import torch

from model import Scores


class NumbersService(object):
    def __init__(self):
        self.model = None
        self.mapping = None
        self.device = None
        self.initialized = False

    def initialize(self, context):
        properties = context.system_properties
        self.device = "cpu" if properties.get("gpu_id") is None else "cuda"
        model_dir = properties.get("model_dir")
        self.model = Scores()
        weights = torch.load(os.path.join(model_dir, "model.pt"), map_location="cpu")
        self.model.load_state_dict(weights)
        with open("index_to_name.json") as file:
            self.mapping = json.load(file)
        self.initialized = True

    def predict(self, rows):
        with torch.no_grad():
            scores = self.model(torch.tensor(rows))
        return [self.mapping[str(number)] for number in scores.argmax(1).tolist()]

    def handle(self, data, context):
        return self.predict([row.get("body") for row in data])
"""

PLAIN_CLASS_WITH_SERVICE = (
    PLAIN_CLASS
    + """

_service = NumbersService()


def handle(data, context):
    if not _service.initialized:
        _service.initialize(context)
    if data is None:
        return None
    return _service.handle(data, context)
"""
)

MODULE_FUNCTION = """
import json
import os

import torch

model = None
names = None


def entry(data, context):
    global model, names
    if not data:
        from model import Scores

        folder = context.system_properties["model_dir"]
        model = Scores()
        model.load_state_dict(torch.load(os.path.join(folder, "model.pt")))
        model.eval()
        with open(os.path.join(folder, "index_to_name.json")) as file:
            names = json.load(file)
        return None
    with torch.no_grad():
        scores = model(torch.tensor([row["body"] for row in data]))
    return [names[str(number)] for number in scores.argmax(1).tolist()]
"""

NO_SUPER_INIT = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def __init__(self):
        self._context = None
        self.initialised = False
        self.explain = False
        self.target = 0
        self.settings = {"batches": 0}

    def initialize(self, context):
        self._context = context
        super().initialize(context)
        self.intialized = True

    def preprocess(self, data):
        self.settings["batches"] += 1
        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        assert self.settings["batches"] and not self.explain
        return [self.mapping[str(number)] for number in data.argmax(1).tolist()]
"""

CONSTRUCTOR_ABOVE = NO_SUPER_INIT.replace(
    "        self._context = None\n",
    "        super(BaseHandler, self).__init__()\n        self._context = None\n",
)

SWAPPED_NAMES = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def handle(self, ctx, data):
        scores = self.inference(torch.tensor([row["body"] for row in ctx]))
        assert data.get_request_id(0)
        return [self.mapping[str(number)] for number in scores.argmax(1).tolist()]
"""

ATTRIBUTE_STYLES = """
import ts
import ts.context
import ts.torch_handler.base_handler as base
from ts import context as ts_context
from ts.torch_handler import base_handler
from ts.utils import util
from ts.version import __version__ as version

import torch


class NumbersHandler(base.BaseHandler):
    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        assert base is base_handler
        assert isinstance(self.context, ts.context.Context)
        assert ts.context is ts_context
        assert ts.__version__ == version == ts.version.__version__
        assert ts.utils.util.list_classes_from_module is base.list_classes_from_module
        return [self.mapping[str(number)] for number in data.argmax(1).tolist()]
"""

COPIED_HANDLE = """
import time

import torch
from ts.metrics.dimension import Dimension
from ts.metrics.metric_type_enum import MetricTypes
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        self.rows = context.metrics.add_metric_to_cache(
            metric_name="Rows", unit="count", dimension_names=["Step"],
            metric_type=MetricTypes.COUNTER,
        )

    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        return [self.mapping[str(number)] for number in data.argmax(1).tolist()]

    def handle(self, data, context):
        start_time = time.time()

        self.context = context
        metrics = self.context.metrics

        if self._is_describe():
            output = [self.describe_handle()]
        else:
            data_preprocess = self.preprocess(data)
            if not self._is_explain():
                output = self.inference(data_preprocess)
                output = self.postprocess(output)
            else:
                output = self.explain_handle(data_preprocess, data)

        metrics.add_time("HandleTime", (time.time() - start_time) * 1000, None, "ms")
        metrics.add_counter("Batches", 1, None, dimensions=[Dimension("Step", "all")])
        self.rows.add_or_update(len(data), ["all"])
        return output
"""

TIMED = """
import torch
from ts.handler_utils.timer import timed
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    @timed
    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])

    @timed
    def inference(self, data, *args, **kwargs):
        with torch.inference_mode():
            return self.model(data, *args, **kwargs)

    @timed
    def postprocess(self, data):
        return [self.mapping[str(number)] for number in data.argmax(1).tolist()]
"""

MICRO_BATCHING = """
import torch
from ts.handler_utils.micro_batching import MicroBatching
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def __init__(self):
        super().__init__()
        self.handle = MicroBatching(self)

    def initialize(self, ctx):
        super().initialize(ctx)
        config = ctx.model_yaml_config.get("micro_batching", {})
        if config.get("parallelism"):
            self.handle.parallelism = config["parallelism"]
        self.handle.micro_batch_size = config.get("micro_batch_size", 1)

    def preprocess(self, data):
        assert len(data) <= 2
        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        index = self.handle.get_micro_batch_idx()
        return [[self.mapping[str(number)], index] for number in data.argmax(1).tolist()]
"""

ASYNC = """
import asyncio

import torch
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    lock = None

    async def preprocess(self, data):
        await asyncio.sleep(0)
        return torch.tensor([row["body"] for row in data])

    async def handle(self, data, context):
        if self.lock is None:
            self.lock = asyncio.Lock()
        async with self.lock:
            scores = self.inference(await self.preprocess(data))
        return [self.mapping[str(number)] for number in scores.argmax(1).tolist()]
"""

GENERATOR_INFERENCE = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def preprocess(self, data):
        return [torch.tensor(row["body"]) for row in data]

    def inference(self, inputs):
        for each in inputs:
            yield self.model(each).argmax().item()

    def postprocess(self, numbers):
        return [self.mapping[str(number)] for number in numbers]
"""

GENERATOR_HANDLE = """
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def handle(self, data, context):
        for number in ("0", "1", "2"):
            yield [f"{self.mapping[number]} " for _ in data]
"""

FACTORY = """
import torch
from ts.torch_handler.base_handler import BaseHandler


def make_handler(count):
    class Handler(BaseHandler):
        def preprocess(self, data):
            return torch.tensor([row["body"] for row in data])

        def postprocess(self, data):
            _, numbers = data.topk(count, dim=1)
            return [[self.mapping[str(number)] for number in row] for row in numbers.tolist()]

    return Handler


NumbersHandler = make_handler(1)
"""

CALLABLE_INSTANCE = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class Numbers(BaseHandler):
    def __call__(self, data, context):
        if data is None:
            return self.initialize(context)
        scores = self.inference(torch.tensor([row["body"] for row in data]))
        return [self.mapping[str(number)] for number in scores.argmax(1).tolist()]


handle = Numbers()
"""

BOUND_METHOD = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class Numbers(BaseHandler):
    def run(self, data, context):
        if not self.initialized:
            self.initialize(context)
        if data is None:
            return None
        scores = self.inference(torch.tensor([row["body"] for row in data]))
        return [self.mapping[str(number)] for number in scores.argmax(1).tolist()]


handle = Numbers().run
"""

SEVERAL_CLASSES = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class Preprocessor:
    def rows(self, data):
        return torch.tensor([row["body"] for row in data])


class Labels(dict):
    def of(self, scores):
        return [self[str(number)] for number in scores.argmax(1).tolist()]


class NumbersHandler(BaseHandler):
    def preprocess(self, data):
        return Preprocessor().rows(data)

    def postprocess(self, data):
        return Labels(self.mapping).of(data)
"""

OWN_MODULES = """
from handler_parts.rows import read_rows
from util import best
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def preprocess(self, data):
        return read_rows(data)

    def postprocess(self, data):
        import late

        return late.name_all(self.mapping, best(data))
"""

IMAGES = """
import torch
from torchvision import transforms
from ts.torch_handler.image_classifier import ImageClassifier


class ColourHandler(ImageClassifier):
    topk = 2
    image_processing = transforms.Compose(
        [
            transforms.Resize(4),
            transforms.ToTensor(),
            transforms.Lambda(lambda image: image.mean((1, 2))[:2]),
        ]
    )

    def postprocess(self, data):
        return [list(answer) for answer in super().postprocess(data)]
"""

DIGITS = """
from torchvision import transforms
from ts.torch_handler.vision_handler import VisionHandler


class DigitHandler(VisionHandler):
    image_processing = transforms.Compose(
        [transforms.ToTensor(), transforms.Lambda(lambda image: image.mean((1, 2))[:2])]
    )

    def postprocess(self, data):
        return data[:, :2].argmax(1).tolist()
"""

TEXT = """
import json

import torch
from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import CLEANUP_REGEX


class TextHandler(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        with open("words.json") as file:
            self.words = json.load(file)

    def preprocess(self, data):
        rows = []
        for row in data:
            text = row.get("data") or row.get("body")
            if isinstance(text, (bytes, bytearray)):
                text = text.decode("utf-8")
            words = CLEANUP_REGEX.sub("", text).lower().split()
            rows.append([float(sum(self.words.get(word) == side for word in words))
                         for side in ("left", "right")])
        return torch.tensor(rows)

    def postprocess(self, data):
        return [{"scores": row} for row in data.tolist()]
"""

PARTS = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class PartsHandler(BaseHandler):
    def handle(self, data, context):
        answers = []
        for index, row in enumerate(data):
            prompt = row["prompt"].decode()
            if context.get_request_header(index, "x-shout") == "yes":
                prompt = prompt.upper()
            context.set_response_content_type(index, "text/plain")
            if not prompt:
                context.set_response_status(code=422, phrase="no prompt", idx=index)
            answers.append(f"{prompt}: {len(row['image'])} bytes")
        return answers
"""

ERRORS = """
from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import PredictionException


class StrictHandler(BaseHandler):
    def handle(self, data, context):
        if any(row["body"] == "bad" for row in data):
            raise PredictionException("there is something bad", 422)
        return [row["body"] for row in data]
"""

SEQUENCES = """
from ts.torch_handler.base_handler import BaseHandler


class CountingHandler(BaseHandler):
    def initialize(self, ctx):
        super().initialize(ctx)
        ctx.cache = {}

    def handle(self, data, context):
        answers = []
        for index, row in enumerate(data):
            sequence = context.get_sequence_id(index)
            context.cache[sequence] = context.cache.get(sequence, 0) + row["body"]
            answers.append(context.cache[sequence])
        return answers
"""

EXPLAINS = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class NumbersHandler(BaseHandler):
    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        return [self.mapping[str(number)] for number in data.argmax(1).tolist()]

    def describe_handle(self):
        return {"classes": len(self.mapping)}

    def get_insights(self, tensor, _, target=0):
        return (tensor * self.model.linear.weight[target]).tolist()
"""

CONFIGURED = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class ScaledHandler(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        self.factor = context.model_yaml_config["handler"]["factor"]
        self.limit = self.model_yaml_config.get("limit", 1)

    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        return (data[:, 2] * self.factor).clamp(max=self.limit).tolist()
"""

LATE_HANDLE = """
import torch
from ts.torch_handler.base_handler import BaseHandler


class Numbers:
    def __init__(self):
        self.base = BaseHandler()
        self.handle = self.answer

    def initialize(self, context):
        self.base.initialize(context)

    def answer(self, data, context):
        scores = self.base.inference(torch.tensor([row["body"] for row in data]))
        return [self.base.mapping[str(number)] for number in scores.argmax(1).tolist()]
"""


def _request(body: object, **headers: str) -> Request:
    return Request({"body": body}, headers)


OLD_HANDLERS = {
    "a subclass": OldHandler(SUBCLASS),
    "a subclass that loads by itself": OldHandler(
        OWN_INITIALIZE, answers=[{"left": 3.0}, {"right": 3.0}, {"both": 4.0}]
    ),
    "a subclass behind a module's handle": OldHandler(SERVICE_GLOBAL),
    "a plain class": OldHandler(PLAIN_CLASS),
    "a plain class behind a module's handle": OldHandler(PLAIN_CLASS_WITH_SERVICE),
    "a function of a module": OldHandler(MODULE_FUNCTION, named="handler:entry"),
    "a function of a file": OldHandler(MODULE_FUNCTION, named="handler.py:entry"),
    "a module's handle": OldHandler(MODULE_FUNCTION.replace("entry", "handle")),
    "no call of the constructor above, and misspelt attributes": OldHandler(NO_SUPER_INIT),
    "a call of the constructor above the one above": OldHandler(CONSTRUCTOR_ABOVE),
    "the names of the arguments swapped": OldHandler(SWAPPED_NAMES),
    "every style of import": OldHandler(ATTRIBUTE_STYLES),
    "a copy of the base class's handle, with metrics": OldHandler(COPIED_HANDLE),
    "timed methods": OldHandler(TIMED, config="handler:\n  profile: true\n"),
    "micro-batches": OldHandler(
        MICRO_BATCHING,
        answers=[["left", 0], ["right", 0], ["both", 1]],
        config="micro_batching: {micro_batch_size: 2, parallelism: {preprocess: 2, inference: 2}}",
    ),
    "async methods": OldHandler(ASYNC),
    "a generator for inference": OldHandler(GENERATOR_INFERENCE),
    "a generator for handle": OldHandler(GENERATOR_HANDLE, answers=["left right both "] * 3),
    "a class made by a factory": OldHandler(FACTORY, answers=[[name] for name in NAMES]),
    "an object that is called": OldHandler(CALLABLE_INSTANCE),
    "a method of an object": OldHandler(BOUND_METHOD),
    "an object whose handle is set late": OldHandler(LATE_HANDLE),
    "several classes": OldHandler(SEVERAL_CLASSES),
    "several classes, one of them named": OldHandler(
        SEVERAL_CLASSES, named="handler.py:NumbersHandler"
    ),
    "modules of its own": OldHandler(
        OWN_MODULES,
        files={
            "util.py": "def best(scores): return scores.argmax(1).tolist()",
            "late.py": (
                "def name_all(names, numbers): return [names[str(number)] for number in numbers]"
            ),
            "handler_parts/__init__.py": "",
            "handler_parts/rows.py": (
                "import torch\ndef read_rows(data): return torch.tensor([r['body'] for r in data])"
            ),
        },
    ),
    "an image classifier": OldHandler(
        IMAGES, requests=[RED, GREEN], answers=[["both", "left"], ["both", "right"]]
    ),
    "a vision handler": OldHandler(
        DIGITS, requests=[RED, base64.b64encode(GREEN).decode()], answers=[0, 1]
    ),
    "texts": OldHandler(
        TEXT,
        requests=["West <b>west</b>", b"east", "west &amp; EAST"],
        answers=[{"scores": s} for s in ([2.0, 0.0, 2.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0])],
        files={"words.json": '{"west": "left", "east": "right"}'},
    ),
    "several parts and headers": OldHandler(
        PARTS,
        requests=[
            Request({"prompt": bytearray(b"cat"), "image": bytearray(b"12")}, {"x-shout": "yes"}),
            Request({"prompt": bytearray(b"dog"), "image": bytearray(b"123")}),
        ],
        answers=["CAT: 2 bytes", "dog: 3 bytes"],
    ),
    "sequences": OldHandler(
        SEQUENCES,
        requests=[
            _request(1, ts_request_sequence_id="a"),
            _request(2, ts_request_sequence_id="b"),
            _request(3, ts_request_sequence_id="a"),
        ],
        answers=[1, 2, 4],
        config="sequenceBatching: true",
    ),
    "descriptions and explanations": OldHandler(
        EXPLAINS,
        requests=[
            _request([3.0, -1.0]),
            Request({"body": [3.0, 5.0], "target": b"1"}, {"explain": "True"}),
            _request([0.0, 0.0], describe="True"),
            Request({"body": [3.0, 5.0]}, {"explain": "True"}),
        ],
        answers=["left", [0.0, 5.0], {"classes": 3}, [3.0, 0.0]],
    ),
    "settings": OldHandler(
        CONFIGURED, answers=[20.0, 20.0, 30.0], config="handler: {factor: 10}\nlimit: 30"
    ),
}
"""What the handler is like → the handler."""
