"""``mar precision``: what is safe, what to keep, and what to write into the config."""

import json

import pytest

HANDLER = """
import torch
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    def preprocess(self, data):
        print("a batch of", len(data))
        return super().preprocess(data)
"""
LAYERS = """
from torch import nn


class Sharpen(nn.Module):
    def forward(self, x):
        return (x * 1e5).relu() / 1e5
"""
MODEL = """
from layers import Sharpen
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.sharpen = Sharpen()
        nn.init.constant_(self.linear.weight, 1.0)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.sharpen(self.linear(x))
"""


@pytest.fixture
def sharp(tmp_path):
    """A folder of sources whose model overflows in float16, in the layer `sharpen`."""
    folder = tmp_path / "sharp"
    (folder / "MAR-INF").mkdir(parents=True)
    entry = {"modelName": "sharp", "modelVersion": "1.0", "handler": "handler.py"}
    entry["modelFile"] = "model.py"
    (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps({"model": entry}))
    for name, source in {"handler.py": HANDLER, "model.py": MODEL, "layers.py": LAYERS}.items():
        (folder / name).write_text(source)
    return folder


@pytest.fixture
def sample(make_input):
    return make_input("one.json", [1.0, 2.0])


def test_the_report_says_what_is_safe_and_what_to_write(mar, sharp, sample):
    ran = mar(
        "precision", sharp, "--sample", sample, "--precision", "float16", "--precision", "bfloat16"
    )
    assert ran.code == 0
    assert f"{sharp} on cpu: 1 sample, differences of up to 0.02 are safe" in ran.out
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["float16,", "1", "kept", "yes"] in [line[:4] for line in lines]
    assert ["float16", "sharpen", "Sharpen", "inf", "inf", "3"] in lines
    assert "float16: not safe, 1 of 1 samples failed: the model's output in float16" in ran.out
    assert "  safe with sharpen in float32, the outputs differ by 0.00%" in ran.out
    assert ran.out.endswith("model-config.yaml:\n\nprecision: bfloat16\n")


def test_kept_layers_are_written_where_nothing_else_is_safe(mar, sharp, sample):
    ran = mar("precision", sharp, "--sample", sample, "--precision", "float16", "--layers", "0")
    assert ran.out.endswith("precision:\n  dtype: float16\n  keep_float32:\n    - sharpen\n")
    assert "Sharpen  " not in ran.out


def test_what_holds_for_several_precisions_is_said_once(mar, doubler, make_input, tmp_path):
    """An ONNX model can be run in no other precision at all."""
    target = tmp_path / "fixed.mar"
    sample = make_input("two.json", {"x": 2})
    assert mar("convert", doubler, "--to", "onnx", "--sample", sample, "-o", target).code == 0
    ran = mar("precision", target, "--sample", sample)
    assert ran.code == 1
    (said,) = [line for line in ran.out.splitlines() if "not safe" in line]
    assert said.startswith("float16, bfloat16, autocast-float16, autocast-bfloat16: not safe, ")
    assert "a state dict, safetensors, TorchScript or an exported program, which take any" in said


def test_json_holds_everything(mar, sharp, sample):
    ran = mar("precision", sharp, "--sample", sample, "--precision", "float16", "--json")
    (report,) = ran.lines
    assert report["trials"][0]["remedy"]["keep_float32"] == ["sharpen"]
    assert report["path"] == str(sharp)
    assert "a batch of 1" in ran.err


def test_exit_code_1_says_that_nothing_is_safe(mar, sharp, sample):
    ran = mar(
        "precision",
        sharp,
        "--sample",
        sample,
        "--precision",
        "autocast-float16",
        "--tolerance",
        "0",
    )
    assert ran.code in {0, 1}
    source = (sharp / "model.py").read_text()
    (sharp / "model.py").write_text(source.replace("self.linear(x))", "self.linear(x) * 1e5)"))
    ran = mar("precision", sharp, "--sample", sample, "--precision", "float16")
    assert ran.code == 1
    assert "model-config.yaml" not in ran.out


def test_a_layer_can_be_kept_by_mar_run(mar, sharp, sample):
    ran = mar("run", sharp, sample, "--precision", "float16", "--json")
    assert ran.code == 1
    assert "keep_float32=['sharpen']" in ran.lines[0]["error"]["message"]
    ran = mar("run", sharp, sample, "--precision", "float16", "--keep-float32", "sha*", "--json")
    assert ran.lines[0]["answer"] == [3.0, 3.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "{sample}", "--precision", "half"], "unknown precision 'half'"),
        (["--sample", "{sample}", "--tolerance", "-1"], "'-1' is no number of 0 or more"),
        (["--sample", "{sample}", "--layers", "many"], "'many' is no whole number"),
        (["--sample", "no-such.json"], "no-such.json does not exist"),
        ([], "--sample"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(mar, sharp, sample, arguments, message):
    ran = mar("precision", sharp, *(each.format(sample=sample) for each in arguments))
    assert ran.code == 2
    assert message in ran.err


def test_a_sample_that_fails_in_float32_is_named(mar, sharp, sample, make_input):
    wrong = make_input("three.json", [1.0, 2.0, 3.0])
    ran = mar("precision", sharp, "--sample", sample, wrong)
    assert ran.code == 3
    assert f"mar: the sample {wrong} is not answered in float32: " in ran.err
