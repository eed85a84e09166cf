"""Archives to convert, each with a model of a few weights."""

from pathlib import Path
from textwrap import dedent

import pytest
import torch

import archiver
from ts_sdk.imports import ArchiveCode

NET = """
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
            self.second.weight = self.first.weight

        def forward(self, x):
            return {"scores": self.second(self.first(x).relu()).softmax(-1)}
"""
SAMPLE = [0.5, -1.0, 2.0, 0.25]


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """Pack a module, given as source, with random weights; returns the archive.

    Keyword arguments are those of `archiver.pack`; *handler* and *config* may be sources too.
    """
    monkeypatch.chdir(tmp_path)

    def packing(source=NET, *, handler="base_handler", config=None, weights="w.pt", **options):
        Path("net.py").write_text(dedent(source))
        with_code = ArchiveCode(tmp_path, keep_bytecode=False)
        torch.manual_seed(3)
        with with_code.running():
            module = with_code.import_file("net.py").Net().eval()
        with_code.close()
        torch.save(module.state_dict(), weights)
        if "\n" in handler:
            Path("own.py").write_text(dedent(handler))
            handler = "own.py"
        if config is not None:
            Path("settings.yaml").write_text(config)
            options["config_file"] = "settings.yaml"
        packed = archiver.pack(
            model_name="net",
            version="2.0",
            handler=handler,
            model_file="net.py",
            serialized_file=weights,
            force=True,
            **options,
        )
        return packed.path

    return packing


@pytest.fixture
def sample():
    return list(SAMPLE)
