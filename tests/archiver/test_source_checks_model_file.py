"""Model files: exactly one nn.Module, as far as the syntax tree tells."""

import pytest

from archiver.source_checks.model_file import model_file_problems


@pytest.fixture
def judged(tmp_path):
    """What is said of a model file with this source."""

    def judge(source):
        path = tmp_path / "model.py"
        path.write_text(source)
        return model_file_problems(path)

    return judge


ONE_MODULE = {
    "nn.Module": "from torch import nn\nclass Net(nn.Module): pass",
    "torch.nn.Module": "import torch\nclass Net(torch.nn.Module): pass",
    "an alias": "import torch.nn as layers\nclass Net(layers.Module): pass",
    "Module": "from torch.nn import Module\nclass Net(Module): pass",
    "Module under another name": "from torch.nn import Module as M\nclass Net(M): pass",
    "a container": "from torch import nn\nclass Net(nn.Sequential): pass",
    "a scripted module": "import torch\nclass Net(torch.jit.ScriptModule): pass",
    "a model of torchvision": (
        "from torchvision.models.resnet import ResNet\nclass Net(ResNet): pass"
    ),
    "a base that is a variable": "import torch\nBase = torch.nn.Module\nclass Net(Base): pass",
    "a base that is made": "class Net(make_base()): pass",
    "a star import": "from torch.nn import *\nclass Net(Module): pass",
    "a module that is not defined here": "from shared import *",
    "a class made by a function": "Net = make_model()",
    "a class made by type()": "import torch\nNet = type('Net', (torch.nn.Module,), {})",
    "a mixin": "from torch import nn\nclass Mixin: pass\nclass Net(Mixin, nn.Module): pass",
    "a generic one": (
        "from typing import Generic, TypeVar\nfrom torch import nn\nT = TypeVar('T')\n"
        "class Net(nn.Module, Generic[T]): pass"
    ),
    "an imported block": (
        "from torch import nn\nfrom blocks import Block\nclass Net(nn.Module): pass"
    ),
    "another class of unknown kind": (
        "from torch import nn\nfrom blocks import Block\nclass A(Block): pass\n"
        "class Net(nn.Module): pass"
    ),
    "its settings beside it": (
        "from dataclasses import dataclass\nfrom torch import nn\n@dataclass\nclass Settings:\n"
        "    width: int = 1\nclass Net(nn.Module): pass"
    ),
    "a data set beside it": (
        "from torch import nn\nfrom torch.utils.data import Dataset\nclass Data(Dataset): pass\n"
        "class Net(nn.Module): pass"
    ),
    "a kind of parameter beside it": (
        "from torch import nn\nclass P(nn.Parameter): pass\nclass Net(nn.Module): pass"
    ),
    "a definition for each case": (
        "from torch import nn\nif FAST:\n    class Net(nn.Module): pass\n"
        "else:\n    class Net(nn.Module): pass"
    ),
    "a class inside another": (
        "from torch import nn\nclass Net(nn.Module):\n    class Block(nn.Module): pass"
    ),
    "a block that is deleted": (
        "from torch import nn\nclass Block(nn.Module): pass\nclass Net(nn.Module): pass\ndel Block"
    ),
}


@pytest.mark.parametrize("source", ONE_MODULE.values(), ids=ONE_MODULE)
def test_a_model_may_be_defined_by(judged, source):
    assert judged(source) == []


NO_MODULE = {
    "nothing": "",
    "functions": "def build(): ...",
    "an import": "from torchvision.models import ResNet",
    "a plain class": "class Net: pass",
    "a class of the standard library's kind": "import enum\nclass Kind(enum.Enum):\n    A = 1",
    "a data set": "from torch.utils.data import Dataset\nclass Data(Dataset): pass",
    "a class inside a function": "from torch import nn\ndef f():\n    class Net(nn.Module): pass",
}


@pytest.mark.parametrize("source", NO_MODULE.values(), ids=NO_MODULE)
def test_no_model_is_defined_by(judged, source):
    (problem,) = judged(source)
    assert "model.py defines no nn.Module class" in problem


def test_the_classes_that_are_none_are_named(judged):
    (problem,) = judged("class A: pass\nclass B: pass")
    assert problem.endswith("its classes are A, B")


@pytest.mark.parametrize(
    "source",
    [
        "from torch import nn\nclass Block(nn.Module): pass\nclass Net(nn.Module): pass",
        "from torch import nn\nclass Block(nn.Module): pass\nclass Net(Block): pass",
        "from torch import nn\nclass Block(nn.Linear): pass\nclass Net(nn.Module): pass",
    ],
)
def test_several_models_are_named_with_their_lines_and_what_to_do(judged, source):
    (problem,) = judged(source)
    assert "defines 2 nn.Module classes: Block (line 2), Net (line 3)" in problem
    assert "--extra-files" in problem


def test_a_file_that_does_not_parse_is_told_with_its_line(judged):
    (problem,) = judged("import torch\nclass Net(torch.nn.Module:\n    pass\n")
    assert "the model file does not parse" in problem
    assert "model.py:2" in problem
