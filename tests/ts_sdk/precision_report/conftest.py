"""Small archives whose models are known to be hard for half precision."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from safetensors.torch import save

LAYERS = """
from torch import nn


class Sharpen(nn.Module):
    # 1e5 is beyond float16, though what goes in and comes out is not.
    def forward(self, x):
        return (x * 1e5).relu() / 1e5
"""
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.body = nn.Sequential(Sharpen(), nn.Linear(2, 2))
        self.last = nn.Linear(2, 2)

    def forward(self, x):
        return self.last(self.body(self.first(x)))
"""
HANDLER = """
import torch
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    pass
"""
LABELS = """
import torch
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    def postprocess(self, data):
        probabilities = torch.softmax(data, dim=1).tolist()
        return [dict(zip(("cat", "dog"), row)) for row in probabilities]
"""


@pytest.fixture
def archive(write_folder: Callable[..., Path]) -> Callable[..., Path]:
    """A folder of sources: a model file, its handler, and the weights of a seeded instance."""

    def write(
        model: str = MODEL,
        *,
        layers: str = LAYERS,
        handler: str = HANDLER,
        change: Callable[[Any], None] = lambda _: None,
        name: str = "sources",
    ) -> Path:
        import torch

        torch.manual_seed(0)
        namespace: dict[str, Any] = {"__name__": "model"}
        for source in (layers, model):
            exec(dedent(source), namespace)  # noqa: S102 - our own source, to have its weights
        module = namespace["Net"]()
        change(module)
        weights = {key: value.contiguous() for key, value in module.state_dict().items()}
        entry = {
            "modelName": "net",
            "modelVersion": "1.0",
            "handler": "handler.py",
            "modelFile": "model.py",
            "serializedFile": "weights.safetensors",
        }
        files: dict[str, Any] = {
            "layers.py": layers,
            "model.py": "from layers import *\n" + dedent(model),  # one class in a model file
            "handler.py": handler,
            "weights.safetensors": save(weights),
            "MAR-INF/MANIFEST.json": json.dumps({"model": entry}),
        }
        return write_folder(files, name)

    return write


@pytest.fixture
def labels() -> str:
    """A handler that answers with labels and their probabilities."""
    return LABELS
