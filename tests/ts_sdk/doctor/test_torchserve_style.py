"""Handlers in the style that TorchServe's users write them: what is said of them is of help."""

import pytest
import torch
from torch import nn

from ts_sdk.doctor.environment import has_module

TRANSFORMERS = """
import json
import os
from abc import ABC

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ts.torch_handler.base_handler import BaseHandler


class SequenceClassifier(BaseHandler, ABC):
    def __init__(self):
        super(SequenceClassifier, self).__init__()
        self.initialized = False

    def initialize(self, ctx):
        self.manifest = ctx.manifest
        properties = ctx.system_properties
        model_dir = properties.get("model_dir")
        self.device = torch.device(
            "cuda:" + str(properties.get("gpu_id"))
            if torch.cuda.is_available() and properties.get("gpu_id") is not None
            else "cpu"
        )
        with open(os.path.join(model_dir, "setup_config.json")) as file:
            self.setup_config = json.load(file)
        self.model = AutoModelForSequenceClassification.from_pretrained(model_dir)
        self.tokenizer = AutoTokenizer.from_pretrained(model_dir)
        self.model.to(self.device).eval()
        self.initialized = True

    def preprocess(self, requests):
        texts = [row.get("data") or row.get("body") for row in requests]
        return [self.tokenizer.encode_plus(text.decode(), max_length=128) for text in texts]

    def inference(self, batch):
        return [self.model(**inputs) for inputs in batch]
"""
DIGITS = """
from torchvision import transforms
from ts.torch_handler.image_classifier import ImageClassifier
from torch.profiler import ProfilerActivity


class Digits(ImageClassifier):
    image_processing = transforms.Compose([transforms.ToTensor()])

    def __init__(self):
        super(Digits, self).__init__()
        self.profiler_args = {"activities": [ProfilerActivity.CPU]}

    def postprocess(self, data):
        return data.argmax(1).tolist()
"""
NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        return self.linear(x)
"""
DETECTOR = """
import io
import numpy as np
from detectron2.config import get_cfg
from detectron2.engine import DefaultPredictor
from PIL import Image


class Detector:
    def __init__(self):
        self.initialized = False
        self.config_file = "config.yaml"

    def initialize(self, context):
        config = get_cfg()
        config.merge_from_file(self.config_file)
        self.predictor = DefaultPredictor(config)
        self.initialized = True

    def preprocess(self, batch):
        pictures = [Image.open(io.BytesIO(row["body"])) for row in batch]
        return [np.asarray(each.resize((8, 8), Image.ANTIALIAS)) for each in pictures]

    def postprocess(self, outputs):
        names = open("classes.txt").read().split()
        return [names for _ in outputs]

    def handle(self, data, context):
        return self.postprocess([self.predictor(each) for each in self.preprocess(data)])


_service = Detector()


def handle(data, context):
    if not _service.initialized:
        _service.initialize(context)
    if data is None:
        return None
    return _service.handle(data, context)
"""
SPEECH = """
import os
import uuid
import zipfile
import torch
from ts.torch_handler.base_handler import BaseHandler
from vocoder import Vocoder


class Speech(BaseHandler):
    def initialize(self, ctx):
        properties = ctx.system_properties
        model_dir = properties.get("model_dir")
        self.device = torch.device("cuda:" + str(properties.get("gpu_id")))
        with zipfile.ZipFile(os.path.join(model_dir, "encoder.zip")) as packed:
            packed.extractall(model_dir)
        self.model = torch.load(os.path.join(model_dir, "vocoder.pth"))
        from encoder.network import Encoder
        self.encoder = Encoder()

    def preprocess(self, data):
        text = data[0].get("data")
        if text is None:
            text = data[0].get("body")
        return text.decode("utf-8")

    def postprocess(self, sound):
        path = "/tmp/{}.wav".format(uuid.uuid4().hex)
        with open(path, "rb") as file:
            return [file.read()]
"""
ONNX = """
import os
import numpy as np
import onnxruntime as ort
from ts.torch_handler.vision_handler import VisionHandler


class Onnx(VisionHandler):
    def initialize(self, context):
        folder = context.system_properties.get("model_dir")
        self.session = ort.InferenceSession(os.path.join(folder, "model.onnx"))

    def preprocess(self, data):
        return np.stack([np.frombuffer(row["body"], np.float32) for row in data])

    def inference(self, data):
        return self.session.run(None, {"x": data})[0]

    def postprocess(self, data):
        return data.tolist()
"""
ONNX_FILE = b"\x08\x07\x12\x07pytorch" + bytes(99)


def told(report):
    return [(finding.check, finding.place) for finding in report.findings]


@pytest.mark.skipif(has_module("transformers"), reason="transformers is installed")
def test_a_transformers_handler_needs_its_package_and_one_call_written_anew(examined):
    files = {"handler.py": TRANSFORMERS, "setup_config.json": "{}", "config.json": "{}"}
    report = examined(files)

    assert told(report) == [("missing-import", "handler.py:7"), ("moved-name", "handler.py:36")]
    assert report.decisive[0].fix == "pip install 'transformers'"


def test_the_digits_of_the_tutorials_run_as_they_are(examined, saved):
    weights = saved(nn.ModuleDict({"linear": nn.Linear(2, 2)}).state_dict())
    files = {"handler.py": DIGITS, "digits.py": NET, "digits.pt": weights}
    report = examined(files, modelFile="digits.py", serializedFile="digits.pt")

    assert report.findings == ()


def test_a_detector_is_told_of_its_package_its_names_and_its_paths(examined):
    files = {"handler.py": DETECTOR, "config.yaml": "a: 1\n", "classes.txt": "cat dog\n"}
    report = examined(files)

    assert told(report) == [
        ("missing-import", "handler.py:4"),
        ("moved-name", "handler.py:22"),
        ("relative-path", "handler.py:25"),
    ]
    assert "github.com/facebookresearch/detectron2" in report.decisive[0].fix


def test_a_speech_handler_is_told_of_its_pickle_its_device_and_its_batches(
    examined, saved, zipped, pickled_class, monkeypatch
):
    monkeypatch.setattr("ts_sdk.doctor.checks.devices.has_cuda_driver", lambda: False)
    files = {
        "handler.py": SPEECH,
        "vocoder.py": "from torch import nn\nclass Vocoder(nn.Module):\n    pass\n",
        "vocoder.pth": saved(pickled_class("vocoder.Vocoder")()),
        "encoder.zip": zipped({"encoder/network.py": b""}),
        "model-config.yaml": "batchSize: 4\n",
    }
    report = examined(files, serializedFile="vocoder.pth", configFile="model-config.yaml")

    assert told(report) == [
        ("torch-load", "handler.py:17"),
        ("cuda-only", "handler.py:14"),
        ("first-row-only", "handler.py:22"),
        ("missing-import", "handler.py:18"),
    ]
    assert report.verdict == "needs change"


def test_an_onnx_handler_that_opens_its_session_itself_needs_the_package_alone(examined):
    files = {"handler.py": ONNX, "model.onnx": ONNX_FILE}
    report = examined(files, serializedFile="model.onnx")

    expected = [] if has_module("onnxruntime") else [("missing-import", "handler.py:4")]
    assert told(report) == expected


def test_a_text_classifier_is_told_to_convert_its_vocabulary(examined, saved, pickled_class):
    files = {
        "source_vocab.pt": saved(pickled_class("torchtext.vocab.vocab.Vocab")()),
        "model.py": NET,
        "model.pt": saved({"linear.weight": torch.zeros(2, 2), "linear.bias": torch.zeros(2)}),
    }
    report = examined(
        files, handler="text_classifier", modelFile="model.py", serializedFile="model.pt"
    )

    assert told(report) == [("torchtext-object", "source_vocab.pt")]
