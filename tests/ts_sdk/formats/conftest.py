"""Small models with known answers, in every form in which they are serialized."""

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


@pytest.fixture
def model_file(write_folder) -> Path:
    return write_folder({"model.py": MODEL_FILE}) / "model.py"


@pytest.fixture
def affine() -> nn.Module:
    return Affine().eval()


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    return dict(WEIGHTS)


@pytest.fixture(params=["zip", "old", "safetensors", "torchscript"])
def serialized(request, tmp_path, affine, weights, script, save_scripted) -> Path:
    """The model in one of the forms that are loaded."""
    path = tmp_path / "model.bin"
    if request.param == "torchscript":
        return save_scripted(script(affine), path)
    if request.param == "safetensors":
        from safetensors.torch import save_file

        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=request.param == "zip")
    return path
