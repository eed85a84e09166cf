"""Small models with known answers, in every form in which they are serialized."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

MODEL_FILE = """
    import torch
    from torch import nn

    class Affine(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)

        def forward(self, x):
            return self.linear(x)
"""
WEIGHTS = {"linear.weight": torch.tensor([[2.0, 3.0]]), "linear.bias": torch.tensor([1.0])}
"""The model answers 2a + 3b + 1."""


class Affine(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.load_state_dict(WEIGHTS)

    def forward(self, x):
        return self.linear(x)


class Nested(nn.Module):
    """Takes a dict, a pair and a number by name; answers a dict with a tuple and a list in it."""

    def forward(self, pictures, pair, *, scale):
        first, second = pair
        total = pictures["left"] * 2 + pictures["right"]
        return {"total": (total * scale, first), "parts": [second - first]}


def nested_inputs(batch):
    """Inputs of `Nested`, and what it answers to them."""
    left = torch.arange(batch * 2.0).reshape(batch, 2)
    right, first, second = torch.ones(batch, 2), torch.full((batch,), 3.0), torch.zeros(batch)
    scale = torch.tensor([10.0])
    given = (({"left": left, "right": right}, (first, second)), {"scale": scale})
    answer = {"total": ((left * 2 + 1) * 10, first), "parts": [-first]}
    return given, answer


def exported(module, args, kwargs=None):
    """The module as an exported program, the first size of all inputs but `scale` open."""
    shapes = torch.export.ShapesCollection()
    batch = torch.export.Dim("batch", min=1)
    for tensor in torch.utils._pytree.tree_leaves(args):
        shapes[tensor] = {0: batch}
    kwargs = kwargs or {}
    return torch.export.export(
        module, args, kwargs, dynamic_shapes=shapes.dynamic_shapes(module, args, kwargs)
    )


@pytest.fixture
def model_file(write_folder) -> Path:
    return write_folder({"model.py": MODEL_FILE}) / "model.py"


@pytest.fixture
def affine() -> nn.Module:
    return Affine().eval()


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    return dict(WEIGHTS)


@pytest.fixture(scope="session")
def program_bytes(tmp_path_factory) -> bytes:
    """The model as an exported program."""
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    torch.export.save(exported(Affine().eval(), (torch.ones(2, 2),)), path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def onnx_bytes(tmp_path_factory) -> bytes:
    """The model as ONNX."""
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    save_onnx(exported(Affine().eval(), (torch.ones(2, 2),)), path)
    return path.read_bytes()


def save_onnx(program, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(program, dynamo=True, verbose=False).save(path, external_data=False)
    return path


@pytest.fixture(params=["zip", "old", "safetensors", "torchscript", "program", "onnx"])
def serialized(request, tmp_path, affine, weights, script, save_scripted) -> Path:
    """The model in one of the forms that are loaded."""
    path = tmp_path / "model.bin"
    match request.param:
        case "torchscript":
            save_scripted(script(affine), path)
        case "safetensors":
            from safetensors.torch import save_file

            save_file(weights, path)
        case "program":
            path.write_bytes(request.getfixturevalue("program_bytes"))
        case "onnx":
            path.write_bytes(request.getfixturevalue("onnx_bytes"))
        case form:
            torch.save(weights, path, _use_new_zipfile_serialization=form == "zip")
    return path


@pytest.fixture
def nested():
    """A module with nested inputs and outputs, those for a batch, and how to export it."""
    return Nested().eval(), nested_inputs, exported
