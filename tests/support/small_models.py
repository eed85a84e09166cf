"""Tiny models with known answers, and the forms that a model can have."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Scale(nn.Module):
    """Multiplies by 1e5, which float16 cannot hold."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 1e5


class Overflowing(nn.Module):
    """Answers twice its input; on the way the numbers are beyond the range of float16."""

    def __init__(self) -> None:
        super().__init__()
        self.first = linear(2.0)
        self.scale = Scale()
        self.back = linear(1e-5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.back(self.scale(self.first(x)))


def linear(weight: float) -> nn.Linear:
    """A layer that multiplies each of two numbers."""
    layer = nn.Linear(2, 2, bias=False)
    layer.weight = nn.Parameter(torch.eye(2) * weight)
    return layer


FORMS = ["eager", "scripted", "traced", "frozen", "exported"]


def in_form(module: nn.Module, form: str, example: torch.Tensor) -> Any:
    """The module in another form, as it comes back from a file."""
    module = module.eval()
    if form == "eager":
        return module
    if form == "exported":
        program = torch.export.export(
            module, (example,), dynamic_shapes=({0: torch.export.Dim.AUTO},)
        )
        return reloaded(program, torch.export.save, torch.export.load).module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        scripted = (
            torch.jit.trace(module, example) if form == "traced" else torch.jit.script(module)
        )
        scripted = torch.jit.freeze(scripted) if form == "frozen" else scripted
        return reloaded(scripted, torch.jit.save, torch.jit.load)


def reloaded(value: Any, save: Callable[..., object], load: Callable[..., Any]) -> Any:
    """What is read when *value* was written."""
    file = io.BytesIO()
    save(value, file)
    file.seek(0)
    return load(file)
