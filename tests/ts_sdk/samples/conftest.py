"""Archives with samples: the default image classifier over a tiny network, and handlers."""

import io
import json
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from PIL import Image

import archiver
import ts_sdk
from ts_sdk import Request
from ts_sdk.samples import write_request

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(3, 4)

    def forward(self, x):
        return self.head(self.pool(x).flatten(1))
"""


def picture(colour, kind="JPEG"):
    """A picture of one colour, encoded."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, kind)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder: sources of a classifier, and a folder with two of its requests."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    torch.manual_seed(5)
    weights = {"head.weight": torch.randn(4, 3), "head.bias": torch.randn(4)}
    torch.save(weights, "w.pt")
    Path("index_to_name.json").write_text(json.dumps({str(n): f"class {n}" for n in range(4)}))
    Path("samples").mkdir()
    Path("samples/cat.jpg").write_bytes(picture("teal"))
    write_request(Request.sent(parts={"data": (picture("red"), "image/jpeg")}), "samples/red")
    return tmp_path


@pytest.fixture
def pack_classifier(folder):
    """Pack the classifier; returns the archive. Arguments are those of `archiver.pack`."""

    def packing(**changes):
        arguments = {
            "model_name": "net",
            "version": "1",
            "handler": "image_classifier",
            "model_file": "net.py",
            "serialized_file": "w.pt",
            "extra_files": "index_to_name.json",
            "samples": "samples",
            "force": True,
            **changes,
        }
        return archiver.pack(**arguments).path

    return packing


@pytest.fixture
def load():
    """Load an archive on the CPU; it is closed after the test."""
    opened = []

    def loading(path, **options):
        opened.append(ts_sdk.load(path, **{"device": "cpu", **options}))
        return opened[-1]

    yield loading
    for model in opened:
        model.close()


@pytest.fixture
def load_handler(folder, load):
    """Load a folder whose handler's `handle` has the given body, with rows in ``data``."""

    def loading(body):
        Path("sources/MAR-INF").mkdir(parents=True, exist_ok=True)
        manifest = {"model": {"modelName": "own", "handler": "handler.py", "modelVersion": "1"}}
        Path("sources/MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
        head = (
            "import numpy as np\nimport torch\n\n\ndef handle(data, context):\n"
            "    if data is None:\n        return None\n"
        )
        lines = "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
        Path("sources/handler.py").write_text(head + lines)
        return load("sources")

    return loading
