"""A tiny archive with known answers, and the `mar` command run on it."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass

import pytest

from ts_sdk.cli import main

HANDLER = '''
import sys

import torch

from ts_sdk import BaseHandler


class Doubler(BaseHandler):
    """Answers {"x": 2} with {"double": 4.0}; its batches and its other wishes come in `say`."""

    def preprocess(self, data):
        print("a batch of", len(data))
        numbers = []
        for index, row in enumerate(data):
            body = row["body"]
            if not isinstance(body, dict):
                body = {"x": len(body)}
            if "refuse" in body:
                self.reject(index, body["refuse"])
            elif "crash" in body:
                raise KeyError(body["crash"])
            else:
                numbers.append((float(body["x"]), body.get("as")))
        self.forms = [form for _, form in numbers]
        return torch.tensor([[number] for number, _ in numbers])

    def postprocess(self, data):
        kinds = {
            None: lambda value: {"double": value},
            "bytes": lambda value: b"\\x00\\xff" * int(value),
            "text": lambda value: f"twice is {value}",
            "records": lambda value: [{"label": "double", "value": value}],
            "object": lambda value: object(),
            "tensor": lambda value: torch.tensor([value]),
            "array": lambda value: {"double": torch.tensor([value]).numpy()},
            "nan": lambda value: {"double": float("nan")},
            "infinity": lambda value: [[value, -float("inf")]],
        }
        return [kinds[form](value) for (value,), form in zip(data.tolist(), self.forms)]
'''
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        return self.linear(x)
"""
MANIFEST = {
    "model": {
        "modelName": "doubler",
        "modelVersion": "1.0",
        "handler": "handler.py",
        "modelFile": "model.py",
        "serializedFile": "weights.safetensors",
        "configFile": "model-config.yaml",
    }
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def lines(self):
        """Standard output as the JSON of each line."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("TS_SDK_CACHE_LIMIT", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(scope="session")
def doubler(tmp_path_factory):
    """A .mar whose model doubles a number, two requests at a time."""
    import torch
    from safetensors.torch import save

    path = tmp_path_factory.mktemp("archives") / "doubler.mar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(MANIFEST))
        archive.writestr("handler.py", HANDLER)
        archive.writestr("model.py", MODEL)
        archive.writestr("model-config.yaml", "batchSize: 2\n")
        archive.writestr("weights.safetensors", save({"linear.weight": torch.tensor([[2.0]])}))
    return path


@pytest.fixture
def mar(capfd):
    """Run `mar` in this process."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture
def mar_process():
    """Start `mar` in a process of its own."""
    started = []

    def start(*arguments, **options):
        command = [sys.executable, "-m", "ts_sdk.cli", *map(str, arguments)]
        process = subprocess.Popen(command, env=os.environ.copy(), **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def make_input(tmp_path):
    """Write a JSON input; returns its path."""

    def write(name, value):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return write
