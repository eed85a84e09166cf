"""Archives with profiles, most of them for the machine that the tests run on."""

import json
import logging
from textwrap import dedent

import pytest
import torch
from safetensors.torch import save_file
from tuned_documents import profile_document

import archiver
from ts_sdk.hardware import Hardware
from ts_sdk.tuned.measured_model import model_digest

HANDLER = """
    import torch
    from ts_sdk import BaseHandler

    class Telling(BaseHandler):
        def preprocess(self, data):
            return torch.tensor([[float(row["body"])] for row in data])

        def postprocess(self, data):
            told = {
                "dtype": str(next(self.model.parameters()).dtype),
                "threads": torch.get_num_threads(),
            }
            return [{**told, "value": value} for (value,) in data.tolist()]
"""
MODEL = """
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(1, 1, bias=False)

        def forward(self, x):
            return self.linear(x)
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def told(caplog):
    """What is logged of profiles, from the level of information up."""
    caplog.set_level(logging.INFO, "ts_sdk.tuned.applying")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def here():
    """The facts of this machine, as a profile has them."""
    return Hardware.here().to_dict()


@pytest.fixture
def pack(tmp_path):
    """Pack a model that doubles numbers and tells what it computes in, with these profiles."""

    def packing(*profiles, config=None, weight=2.0, handler=HANDLER, **options):
        folder = tmp_path / "sources"
        folder.mkdir(exist_ok=True)
        (folder / "handler.py").write_text(dedent(handler))
        (folder / "model.py").write_text(dedent(MODEL))
        save_file({"linear.weight": torch.tensor([[weight]])}, folder / "weights.safetensors")
        paths = []
        for number, document in enumerate(profiles):
            paths.append(folder / f"profile-{number}.json")
            paths[-1].write_text(json.dumps(document))
        if config is not None:
            (folder / "model-config.yaml").write_text(config)
            options["config_file"] = folder / "model-config.yaml"
        return archiver.pack(
            model_name="double",
            version="1.0",
            handler=folder / "handler.py",
            model_file=folder / "model.py",
            serialized_file=folder / "weights.safetensors",
            export_path=tmp_path,
            profiles=paths,
            force=True,
            **options,
        ).path

    return packing


@pytest.fixture
def digest(pack):
    """What tells the model of `pack` from others."""
    with archiver.Archive.open(pack()) as archive:
        return model_digest(archive)


@pytest.fixture
def tuned_here(here, digest):
    """A profile of that model for this machine; what is given replaces its settings."""

    def make(config=None, **settings):
        return profile_document(here, settings, config, model_digest=digest)

    return make
