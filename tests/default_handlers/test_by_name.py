"""An archive names a default handler in place of a file, and old modules lead to ours."""

import importlib
import json
from importlib.metadata import entry_points

import pytest
import torch
from picture_corpus import encoded
from PIL import Image

import ts_sdk
from archiver import pack
from ts_sdk import RequestError

RED = encoded(Image.new("RGB", (6, 4), (255, 0, 0)), "PNG")
SMALL_CROP = "handler: {resize: 2, crop: 2, mean: [0, 0, 0], std: [1, 1, 1]}\n"
MODELS = {
    "image_classifier": "return pictures.mean((2, 3))",
    "image_segmenter": "return {'out': pictures}",
    "object_detector": (
        "return [{'boxes': torch.ones(1, 4), 'labels': torch.ones(1).long(), "
        "'scores': picture.mean((1, 2))[:1]} for picture in pictures]"
    ),
    "text_classifier": "return torch.stack([offsets * 0.0, offsets * 0.0], dim=1)",
}
INPUTS = dict.fromkeys(MODELS, (RED, b"<html>")) | {"text_classifier": ("a word", b"\xff")}
SURE = torch.tensor([1.0, 0.0, 0.0]).softmax(0).tolist()
ANSWERS = {
    "image_classifier": dict(zip("012", map(pytest.approx, SURE), strict=True)),
    "image_segmenter": [[[0.0, pytest.approx(SURE[0])]] * 2] * 2,
    "object_detector": [{"1": [1.0] * 4, "score": 1.0}],
    "text_classifier": {"0": 0.5, "1": 0.5},
}


@pytest.mark.parametrize("name", MODELS)
def test_a_packed_archive_answers_by_the_handlers_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = "numbers, offsets" if name == "text_classifier" else "pictures"
    lines = ["import torch", "class M(torch.nn.Module):", f" def forward(self, {arguments}):"]
    (tmp_path / "model.py").write_text("\n".join([*lines, f"  {MODELS[name]}"]))
    torch.save({"a": 0, "word": 1}, "source_vocab.pt")
    (tmp_path / "model-config.yaml").write_text(SMALL_CROP if name.startswith("image") else "{}\n")
    torch.save({}, "weights.pt")
    packed = pack(
        model_name=name,
        version="1.0",
        handler=name,
        model_file="model.py",
        serialized_file="weights.pt",
        extra_files="source_vocab.pt",
        config_file="model-config.yaml",
    )
    good, bad = INPUTS[name]
    with ts_sdk.load(packed.path, device="cpu") as model:
        first, error, last = model.predict_batch([good, bad, good])
    assert json.loads(json.dumps(first)) == ANSWERS[name]
    assert last == first
    assert isinstance(error, RequestError)
    assert (error.status, error.index) == (400, 1)


NAMES = {
    "ts.torch_handler.densenet_handler": ["DenseNetHandler"],
    "ts.torch_handler.image_classifier": ["ImageClassifier", "VisionHandler"],
    "ts.torch_handler.image_segmenter": ["ImageSegmenter", "VisionHandler"],
    "ts.torch_handler.object_detector": ["ObjectDetector", "VisionHandler"],
    "ts.torch_handler.text_classifier": ["TextClassifier", "TextHandler"],
    "ts.torch_handler.text_handler": ["TextHandler", "BaseHandler"],
    "ts.torch_handler.vision_handler": ["VisionHandler", "BaseHandler"],
}


@pytest.mark.parametrize("module", NAMES)
def test_an_old_module_has_one_here_with_its_classes(module):
    (point,) = entry_points(group="ts_sdk.torchserve", name=module)
    ours = importlib.import_module(point.module)
    assert [name for name in NAMES[module] if not isinstance(getattr(ours, name), type)] == []
