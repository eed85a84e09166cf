"""TorchServe's two switches for profiling a handler."""

import json

import pytest

HANDLER = """
import torch
from ts_sdk import BaseHandler

class Doubles(BaseHandler):
    def initialize(self, context):
        self.context = context
        self.manifest = context.manifest
        self.device = torch.device("cpu")

    def inference(self, data):
        return super().inference(data) if self.model else data * 2
"""


def test_profile_adds_a_time_for_each_phase_of_the_base_handler(load_folder):
    model = load_folder({"handler.py": HANDLER}, config="handler:\n  profile: true\n")
    model.predict([1.0])
    assert {"ts_handler_preprocess", "ts_handler_postprocess"} <= set(model.metrics)
    assert model.metrics["ts_handler_preprocess"].unit == "Milliseconds"
    assert model.metrics["ts_handler_preprocess"].value > 0


def test_without_the_switch_there_are_none(load_folder):
    model = load_folder({"handler.py": HANDLER}, config="handler:\n  profile: false\n")
    model.predict([1.0])
    assert not [name for name in model.metrics if name.startswith("ts_handler_")]


def test_the_torch_profiler_writes_a_trace_that_can_be_opened(load_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ENABLE_TORCH_PROFILER", "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = load_folder({"handler.py": HANDLER}, name="doubles")
    assert model.predict([1.0]) == [2.0]
    (trace,) = (tmp_path / "pytorch_profiler" / "doubles").iterdir()
    names = {event.get("name") for event in json.loads(trace.read_text())["traceEvents"]}
    assert "aten::mul" in names


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_switch_profiles_nothing(load_folder, tmp_path, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("ENABLE_TORCH_PROFILER", raising=False)
    else:
        monkeypatch.setenv("ENABLE_TORCH_PROFILER", value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    load_folder({"handler.py": HANDLER}).predict([1.0])
    assert not (tmp_path / "pytorch_profiler").exists()


def test_arguments_of_the_handlers_own_are_used(load_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ENABLE_TORCH_PROFILER", "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = HANDLER.replace(
        "    def initialize(self, context):\n",
        "    def initialize(self, context):\n"
        "        self.traces = []\n"
        "        self.profiler_args = {'on_trace_ready': lambda profile: self.traces.append(1)}\n",
    )
    model = load_folder({"handler.py": source})
    model.predict([1.0])
    assert model.handler.traces == [1]
    assert not (tmp_path / "pytorch_profiler").exists()
