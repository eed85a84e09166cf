"""Precision and the layers to keep come from the caller, else from `model-config.yaml`."""

import pytest
import torch
from safetensors.torch import save

from ts_sdk.errors import ConfigError, NonFiniteOutputError, PrecisionError

HANDLER = """
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    pass
"""
OWN_INITIALIZE = """
import torch
from model import Net
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        self.device = torch.device("cpu")
        self.model = Net().eval()
        with torch.no_grad():
            self.model.first.weight.copy_(torch.eye(2) * 2)
            self.model.back.weight.copy_(torch.eye(2) * 1e-5)
"""
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.back = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        return self.back(self.first(x) * 1e5)
"""
WEIGHTS = {"first.weight": torch.eye(2) * 2, "back.weight": torch.eye(2) * 1e-5}


@pytest.fixture(params=["BaseHandler's initialize", "its own initialize"])
def load(request, load_folder):
    """Load an archive whose answer is twice the request, where the range suffices."""

    def loading(**options):
        own = request.param == "its own initialize"
        files = {"handler.py": OWN_INITIALIZE if own else HANDLER, "model.py": MODEL}
        files["weights.safetensors"] = save(WEIGHTS)
        return load_folder(
            files, model_file="model.py", serialized_file="weights.safetensors", **options
        )

    return loading


def formats(model):
    return [str(weight.dtype)[6:] for weight in model.handler.model.parameters()]


def test_a_word_in_the_config(load):
    model = load(config="precision: bfloat16")
    assert formats(model) == ["bfloat16", "bfloat16"]
    assert model.predict([1.0, 1.0]) == pytest.approx([2.0, 2.0], rel=1e-2)


def test_a_section_in_the_config(load):
    model = load(config="precision: {dtype: bfloat16, keep_float32: [back]}")
    assert (model.precision, formats(model)) == ("bfloat16", ["bfloat16", "float32"])
    assert model.predict([1.0, 1.0]) == pytest.approx([2.0, 2.0], rel=1e-2)


def test_what_the_caller_says_goes_first(load):
    config = "precision: {dtype: float16, keep_float32: [back]}"
    assert formats(load(config=config, keep_float32=["first"])) == ["float32", "float16"]


def test_the_configs_layers_are_kept_in_the_callers_precision(load):
    config = "precision: {dtype: float16, keep_float32: [back]}"
    model = load(config=config, precision="bfloat16")
    assert formats(model) == ["bfloat16", "float32"]


def test_a_single_name_is_one_pattern(load):
    assert formats(load(precision="float16", keep_float32="fir*")) == ["float32", "float16"]


def test_an_unknown_layer_is_an_error_of_loading(load):
    with pytest.raises(PrecisionError, match=r"Net has no layer 'bak'; did you mean back\?"):
        load(precision="float16", keep_float32=["bak"])


def test_the_request_at_fault_fails_and_its_neighbours_are_answered(load):
    model = load(precision="float16")
    good, bad, also_good = model.predict_batch([[0.0, 0.25], [3.0, 0.0], [0.125, 0.0]])
    assert good == pytest.approx([0.0, 0.5], rel=1e-2)
    assert also_good == pytest.approx([0.25, 0.0], rel=1e-2)
    assert isinstance(bad, NonFiniteOutputError)
    assert (bad.index, bad.status, bad.layer) == (1, 500, None)
    assert "for row 1 of 3, first in the code of Net itself, before layer back" in bad.message


@pytest.mark.parametrize(
    "wrong",
    [
        "{dtype: half}",
        "{keep_float32: [back]}",
        "{dtype: float16, keep_float32: back}",
        "{dtype: float16, keep: [back]}",
        "fp16",
    ],
)
def test_a_wrong_section_says_what_goes(load, wrong):
    with pytest.raises(ConfigError) as caught:
        load(config=f"precision: {wrong}")
    (problem,) = caught.value.problems
    assert problem.startswith("model-config.yaml: precision must be one of float32, float16,")
    assert "or a section of dtype (one of these) and keep_float32, not" in problem


def test_a_handler_in_a_process_of_its_own_keeps_them_too(load):
    model = load(precision="float16", keep_float32=["back"], isolation="process")
    good, bad = model.predict_batch([[0.0, 0.25], [3.0, 0.0]])
    assert good == pytest.approx([0.0, 0.5], rel=1e-2)
    assert isinstance(bad, NonFiniteOutputError)
    assert bad.layer == "back"  # it cannot take what the code before it hands on


@pytest.mark.parametrize("options", [{}, {"precision": "float32"}, {"isolation": "process"}])
def test_layers_to_keep_need_a_precision_for_the_others(load, options):
    with pytest.raises(PrecisionError, match="keep_float32 names back, and all layers compute in"):
        load(keep_float32=["back"], **options)


def test_the_configs_layers_do_not_stand_in_the_way_of_float32(load):
    config = "precision: {dtype: float16, keep_float32: [back]}"
    assert formats(load(config=config, precision="float32")) == ["float32", "float32"]


def test_no_layers_to_keep_go_with_every_precision(load):
    assert formats(load(keep_float32=[])) == ["float32", "float32"]
