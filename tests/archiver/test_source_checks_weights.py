"""Serialized files: their first bytes tell whether they are models."""

import json
import struct

import pytest
from packing import torch_zip

from archiver.source_checks.weights import weights_alone_problems, weights_problems

SAFETENSORS_HEADER = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})
MODELS = {
    "a torch zip": torch_zip(),
    "a legacy torch file": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
    "a newer pickle": b"\x80\x05\x95\x04\x00\x00\x00\x00\x00\x00\x00}\x94.",
    "safetensors": struct.pack("<Q", len(SAFETENSORS_HEADER))
    + SAFETENSORS_HEADER.encode()
    + b"abcd",
    "ONNX": b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x04\x0a\x02hi",
    "ONNX without a producer": b"\x08\x08:\x04\x0a\x02hiB\x04\x0a\x00\x10\x11",
    "a library": b"\x7fELF\x02\x01\x01" + bytes(64),
    "a tar of old": bytes(257) + b"ustar" + bytes(250),
}
FOREIGN = {
    "an empty file": (b"", "an empty file"),
    "a web page": (b"<!DOCTYPE html>\n<html><body>404</body></html>", "a web page"),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "git lfs pull",
    ),
    "JSON": (b'{"error": "not found"}', "JSON"),
    "plain text": ("für später\n".encode(), "text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture"),
}
UNKNOWN = {"random bytes": bytes(range(128, 256)), "GGUF": b"GGUF\x03\x00\x00\x00" + bytes(20)}


@pytest.fixture
def judged(tmp_path):
    """What is said of a serialized file with this content."""

    def judge(content, *, built_in_handler):
        path = tmp_path / "weights.pt"
        path.write_bytes(content)
        return weights_problems(path, built_in_handler=built_in_handler)

    return judge


@pytest.mark.parametrize("built_in", [True, False])
@pytest.mark.parametrize("content", MODELS.values(), ids=MODELS)
def test_a_model_is(judged, content, built_in):
    assert judged(content, built_in_handler=built_in) == []


@pytest.mark.parametrize("built_in", [True, False])
@pytest.mark.parametrize(("content", "kind"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_certainly_no_model_is_told_with_what_it_looks_like(
    judged, content, kind, built_in
):
    (problem,) = judged(content, built_in_handler=built_in)
    assert "weights.pt is no model" in problem
    assert kind in problem


@pytest.mark.parametrize("built_in", [True, False])
def test_a_torch_file_that_is_cut_off_is_told(judged, built_in):
    (problem,) = judged(torch_zip()[:-100], built_in_handler=built_in)
    assert "weights.pt is cut off" in problem


@pytest.mark.parametrize("content", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_binary_format_is_left_to_a_handler_of_ones_own(judged, content):
    assert judged(content, built_in_handler=False) == []
    (problem,) = judged(content, built_in_handler=True)
    assert "the built-in handlers open no other" in problem


def test_safetensors_need_the_module_that_they_belong_to(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(MODELS["safetensors"])
    (problem,) = weights_alone_problems(path)
    assert "holds weights and no module" in problem
    assert "--model-file" in problem


@pytest.mark.parametrize("form", ["a torch zip", "a legacy torch file", "ONNX", "a library"])
def test_other_forms_may_hold_a_whole_model(tmp_path, form):
    path = tmp_path / "weights.pt"
    path.write_bytes(MODELS[form])
    assert weights_alone_problems(path) == []
