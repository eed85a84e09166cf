"""Variants of an archive: what is made of it, and whether it still answers as it should."""

import json
from dataclasses import replace
from importlib.util import find_spec

import pytest

import ts_sdk
from archiver import Archive
from ts_sdk.errors import RequestError
from ts_sdk.hardware import Hardware
from ts_sdk.tuning.accuracy import Reference
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.forms import Forms, merged
from ts_sdk.tuning.inputs import Inputs
from ts_sdk.tuning.space import Form, Variant

NEEDS_OPENVINO = pytest.mark.skipif(
    find_spec("openvino") is None, reason="needs OpenVINO: pip install 'ts-sdk[openvino]'"
)
HANDLER = """
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    pass
"""
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        nn.init.ones_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x) * 1000
"""


@pytest.fixture
def net(write_folder, monkeypatch, tmp_path):
    """A folder of sources whose model adds two numbers, a thousand times."""
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))
    manifest = {
        "model": {
            "modelName": "net",
            "modelVersion": "1.0",
            "handler": "handler.py",
            "modelFile": "model.py",
            "configFile": "model-config.yaml",
        }
    }
    return write_folder(
        {
            "handler.py": HANDLER,
            "model.py": MODEL,
            "model-config.yaml": "batchSize: 2\nhandler:\n  mine: 1\n",
            "MAR-INF/MANIFEST.json": json.dumps(manifest),
        },
        "net",
    )


@pytest.fixture
def forms(net, tmp_path):
    return Forms(net, "digest", Inputs([[1.0, 2.0], [3.0, 4.0]]), tmp_path / "archives")


def test_the_plain_variant_is_the_archive_itself(forms, net):
    assert forms.archive_of(Variant(precision="bfloat16")) == net
    assert forms.options(Variant(precision="bfloat16"))["precision"] == "bfloat16"
    assert not forms.folder.exists()


def test_settings_of_the_archive_stay_beside_those_of_the_variant(forms):
    made = forms.archive_of(Variant(form=Form.COMPILE, fast_decode=False))
    with Archive.open(made) as archive:
        text = archive.read("model-config.yaml").decode()
    assert "batchSize: 2" in text
    assert "mine: 1" in text
    assert "backend: inductor" in text


@pytest.mark.parametrize(
    "form",
    [
        Form.TORCHSCRIPT,
        Form.ONNX,
        pytest.param(Form.OPENVINO, marks=NEEDS_OPENVINO),
        pytest.param(Form.AOTI, marks=pytest.mark.slow),
    ],
)
def test_a_converted_model_answers_batches_as_before_and_is_made_once(forms, form):
    variant = Variant(form=form)
    made = forms.archive_of(variant)
    before = made.stat().st_mtime_ns
    assert forms.archive_of(variant) == made
    assert made.stat().st_mtime_ns == before
    with ts_sdk.load(made, **forms.options(variant)) as model:
        assert model.predict([1.0, 2.0]) == [3000.0, 3000.0]
        assert model.predict_batch([[1.0, 2.0]] * 8) == [[3000.0, 3000.0]] * 8
        if form is Form.TORCHSCRIPT:
            # Frozen: its weights are constants of its graph.
            assert list(model.handler.model.parameters()) == []


@NEEDS_OPENVINO
def test_openvino_runs_the_model_that_was_converted_to_onnx(forms):
    onnx, openvino = (forms.archive_of(Variant(form=form)) for form in (Form.ONNX, Form.OPENVINO))
    with Archive.open(onnx) as before, Archive.open(openvino) as after:
        serialized = after.manifest.model.serialized_file
        assert after.read(serialized) == before.read(serialized)
        text = after.read("model-config.yaml").decode()
    assert "mine: 1\n  onnx_runtime: openvino" in text
    with ts_sdk.load(openvino) as model:
        assert type(model.handler.model).__name__ == "OpenvinoModel"


def test_openvino_on_a_gpu_is_out_before_anything_is_converted(forms):
    with pytest.raises(TuningError, match="on the CPU here, not on cuda:0"):
        forms.archive_of(Variant("cuda:0", form=Form.OPENVINO))
    assert list(forms.folder.iterdir()) == []


@pytest.mark.parametrize("form", [Form.ONNX, Form.AOTI])
def test_a_model_that_only_some_batches_fit_is_out_with_the_reason(forms, net, form):
    (net / "model.py").write_text(MODEL.replace("* 1000", "* (1 if x.shape[0] == 3 else 1)"))
    with pytest.raises(TuningError, match="cannot draw up the model as a graph"):
        forms.archive_of(Variant(form=form))


def test_another_archive_or_another_precision_is_another_file(forms, net):
    names = {
        each._name(variant)
        for each in (forms, replace(forms, digest="another"))
        for variant in (Variant(form=Form.ONNX), Variant(form=Form.ONNX, precision="float16"))
    }
    assert len(names) == 4


def test_a_form_that_cannot_be_made_is_out_with_the_reason_and_leaves_nothing(forms, net):
    # Its code looks at a number, of which no graph can be drawn.
    branching = MODEL.replace("* 1000", "* (2 if x.sum().item() > 0 else 3)")
    (net / "model.py").write_text(branching)
    bad = Variant(form=Form.ONNX)
    for _ in range(2):
        with pytest.raises(TuningError, match=r"."):
            forms.archive_of(bad)
    assert list(forms.folder.iterdir()) == []


def test_sections_are_merged_and_words_replaced():
    config = {"handler": {"topk": 2, "layout": "nchw"}, "batchSize": 1, "pt2": {"backend": "x"}}
    changes = {"handler": {"layout": "channels_last"}, "pt2": {"compile": {"enable": True}}}
    assert merged(config, changes) == {
        "handler": {"topk": 2, "layout": "channels_last"},
        "batchSize": 1,
        "pt2": {"compile": {"enable": True}},
    }
    assert config["handler"]["layout"] == "nchw"


@pytest.mark.parametrize(
    ("expected", "found", "problem"),
    [
        ({"cat": 0.7, "dog": 0.3}, {"cat": 0.71, "dog": 0.29}, None),
        ({"cat": 0.7, "dog": 0.3}, {"cat": 0.6, "dog": 0.4}, "differs by 10.00%"),
        ({"cat": 0.505, "dog": 0.495}, {"dog": 0.505, "cat": 0.495}, "another label"),
        ([1.0, 100.0], [1.5, 100.0], None),
        ([1.0, 100.0], [float("nan"), 100.0], "differs by nan%"),
        ([1.0], [1.0, 2.0], "another structure"),
        ("a", RequestError("no"), "is not answered: no"),
    ],
)
def test_an_answer_is_right_within_the_tolerance(expected, found, problem):
    verdict = Reference([expected], 0.02).judge({0: found})
    if problem is None:
        assert verdict.problem is None
    else:
        assert verdict.problem.startswith("input 0: ")
        assert problem in verdict.problem


def test_a_model_that_mixes_a_batch_is_found_out(load_folder, write_folder):
    mixing = MODEL.replace("self.linear(x)", "self.linear(x - x.mean(0, keepdim=True) + x[:1])")
    inputs = Inputs([[1.0, 2.0], [3.0, 5.0]])
    model = load_folder(
        {"handler.py": HANDLER, "model.py": mixing}, name="mixing", model_file="model.py"
    )
    verdict = Reference.of(model, inputs, 0.02).verdict_on(model, inputs)
    assert verdict.problem.startswith("in a batch of 2, input 0: the answer differs by")


def test_inputs_that_are_not_answered_are_refused(load_folder):
    model = load_folder(
        {"handler.py": HANDLER, "model.py": MODEL}, name="net", model_file="model.py"
    )
    with pytest.raises(TuningError, match="input 1 is not answered in float32"):
        Reference.of(model, [[1.0, 2.0], [1.0]], 0.02)


def test_what_a_handler_changes_in_an_input_is_not_seen_again(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    inputs = Inputs([{"x": [1]}, path])
    inputs[0].parts["body"]["x"].append(2)
    assert inputs[0].parts["body"] == {"x": [1]}
    path.unlink()  # read once
    assert bytes(inputs[1].parts["body"]) == b"abc"
    assert len(inputs.digest) == 64
    assert inputs.digest != Inputs([{"x": [2]}, b"abc"]).digest
    assert inputs.digest == Inputs([{"x": [1]}, b"abc"]).digest


def test_the_fingerprint_is_the_machines_and_does_not_name_it():
    import platform

    here = Hardware.here()
    assert here == Hardware.here()
    assert here.fingerprint == Hardware.here().fingerprint
    assert here.fingerprint != replace(here, cores=here.cores + 1).fingerprint
    assert here.packages["torch"]
    assert here.cores >= 1
    assert platform.node() not in json.dumps(here.to_dict())
