"""Whether the model file defines the module that is built from it."""

import pytest

HANDLER = "from ts.torch_handler.base_handler import BaseHandler\nclass H(BaseHandler):\n    {}\n"
NET = "from torch import nn\nclass Net(nn.Module):\n    pass\n"
OWN = "pass\n    def initialize(self, context): self.model = 1"


def archive(model: str, handler: str = "pass") -> dict[str, str]:
    return {"handler.py": HANDLER.format(handler), "model.py": model}


@pytest.mark.parametrize(
    "model",
    [
        NET,
        f"{NET}class Config: pass\n",
        "from torchvision.models.resnet import ResNet\nclass Net(ResNet):\n    pass\n",
        "Net = make()\n",
        "from network import *\n",
        f"{NET}    def __init__(self, *args, width=2, **kwargs): pass\n",
    ],
)
def test_one_module_class_or_what_only_running_it_would_tell_is_no_finding(examined, model):
    assert examined(archive(model) | {"network.py": NET}, modelFile="model.py").verdict == "runs"


def test_a_file_without_a_module_was_overwritten_when_packing(examined):
    report = examined(archive("class Config: pass\n"), modelFile="model.py")

    assert report.verdict == "cannot"
    assert report.decisive[0].check == "no-model-class"
    assert "Config" in report.decisive[0].message


def test_several_modules_are_a_change(examined):
    report = examined(archive(f"{NET}class Other(Net): pass\n"), modelFile="model.py")

    assert report.verdict == "needs change"
    assert "Net, Other" in report.decisive[0].message


def test_a_class_that_needs_arguments_is_a_change(examined):
    model = f"{NET}    def __init__(self, width, *, depth): pass\n"
    report = examined(archive(model), modelFile="model.py")

    assert report.verdict == "needs change"
    assert "width, depth" in report.decisive[0].message


@pytest.mark.parametrize("model", ["class Config: pass\n", f"{NET}class Other(Net): pass\n"])
def test_a_handler_that_builds_the_model_itself_is_left_alone(examined, model):
    assert examined(archive(model, OWN), modelFile="model.py").verdict == "runs"


@pytest.mark.parametrize(
    "call", ["super().initialize(context)", "self.model = self._load_pickled_model(1, 2, 3)"]
)
def test_a_handler_that_lets_the_base_class_build_it_is_not(examined, call):
    handler = f"pass\n    def initialize(self, context):\n        {call}"

    assert examined(archive("x = 1\n", handler), modelFile="model.py").verdict == "cannot"
