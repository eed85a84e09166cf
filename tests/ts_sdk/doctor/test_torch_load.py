"""Calls of torch.load that refuse what they are given."""

import pytest
from torch import nn

from ts_sdk.doctor import Severity

HANDLER = """
import os
import torch
from torch import load
from pathlib import Path

class Handler:
    def initialize(self, context):
        folder = context.system_properties["model_dir"]
        manifest = context.manifest
        {body}

    def handle(self, data, context):
        return data
"""


@pytest.fixture
def loads(found, saved, script, save_scripted, tmp_path):
    """What is found of a call of torch.load, with whole and plain weights in the archive."""
    scripted = save_scripted(script(nn.Linear(2, 2)), tmp_path / "s.pt").read_bytes()
    kinds = {
        "whole.pt": saved(nn.Linear(2, 2)),
        "plain.pt": saved(nn.Linear(2, 2).state_dict()),
        "scripted.pt": scripted,
    }

    def find(body, *names):
        files = {"handler.py": HANDLER.format(body=body), **{name: kinds[name] for name in names}}
        return found("torch-load", files, serializedFile=names[0])

    return find


@pytest.mark.parametrize(
    "call",
    [
        "torch.load('whole.pt')",
        "load('whole.pt', map_location='cpu')",
        "torch.load(os.path.join(folder, 'whole.pt'))",
        "torch.load(folder + '/whole.pt')",
        "torch.load(f'{folder}/whole.pt')",
        "torch.load(Path(folder) / 'whole.pt')",
        "torch.load(open('whole.pt', 'rb'))",
        "name = 'whole.pt'\n        path = os.path.join(folder, name)\n        torch.load(path)",
        "torch.load(os.path.join(folder, manifest['model']['serializedFile']))",
        "name = manifest['model']['serializedFile']\n        torch.load(Path(folder, name))",
        "torch.load(self.model_pt_path)",
    ],
)
def test_a_whole_module_is_refused_by_whatever_path_it_is_read(loads, call):
    (finding,) = loads(call, "whole.pt", "plain.pt")

    assert finding.severity is Severity.CHANGE
    assert "whole.pt" in finding.message
    assert "torch.nn.modules.linear.Linear" in finding.message
    assert "trust_pickle=True (--trust-pickle)" in finding.fix


def test_a_call_that_asks_for_weights_only_itself_has_to_be_changed(loads):
    (finding,) = loads("torch.load('whole.pt', weights_only=True)", "whole.pt")

    assert "weights_only=False" in finding.fix
    assert "trust_pickle" not in finding.fix


@pytest.mark.parametrize(
    "call",
    [
        "torch.load('plain.pt')",
        "torch.load('whole.pt', weights_only=False)",
        "torch.load('elsewhere.pt')",
        "import dill; torch.load('whole.pt', pickle_module=dill)",
        "torch.jit.load('whole.pt')",
        "torch.serialization.add_safe_globals([1]); torch.load('whole.pt')",
    ],
)
def test_what_is_not_refused_is_no_finding(loads, call):
    assert loads(call, "whole.pt", "plain.pt") == []


def test_where_the_path_is_unknown_it_may_be_the_whole_module(loads):
    (finding,) = loads("torch.load(context.path)", "whole.pt", "plain.pt")
    assert finding.severity is Severity.NOTE

    (finding,) = loads("torch.load(context.path)", "whole.pt")
    assert finding.severity is Severity.CHANGE

    assert loads("torch.load(context.path)", "plain.pt") == []


def test_torchscript_is_for_another_function(loads):
    (finding,) = loads("torch.load('scripted.pt')", "scripted.pt")

    assert "torch.jit.load" in finding.fix
