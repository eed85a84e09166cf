"""A profile of a real archive, from loading it to the files."""

import json

import pytest

from ts_sdk.profiles import ProfilingError, profile

HANDLER = """
import torch

from ts_sdk import BaseHandler


class Reader(BaseHandler):
    def preprocess(self, data):
        return torch.stack([self.parse(row["body"]) for row in data])

    def parse(self, body):
        numbers = [float(part) for part in body.split() * 4000]
        return torch.tensor(numbers[:64])

    def inference(self, data):
        for _ in range(10):
            data = torch.relu(data @ torch.ones(64, 64))
        return data

    def postprocess(self, data):
        return data.sum(1).tolist()

    def initialize(self, context):
        self.initialized = True
"""


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "reader"
    folder.mkdir()
    (folder / "handler.py").write_text(HANDLER)
    return folder


@pytest.fixture
def found(archive):
    return profile(archive, ["1 2 3", "4 5 6"], seconds=1.0, batch_size=4, workers=1)


def test_a_profile_has_phases_operators_functions_and_memory(found, tmp_path):
    assert list(found.phases_ms) == ["queue", "preprocess", "inference", "postprocess"]
    assert all(ms >= 0 for ms in found.phases_ms.values())
    calls = {each.name: each.calls for each in found.operators.operators}
    assert calls["aten::relu"] == 3 * 10
    functions = {frame.name for stack in found.stacks.seconds for frame in stack}
    assert any(name.startswith("Reader.parse") and "handler.py:" in name for name in functions)
    assert all("in_process.py" not in name for name in functions)
    assert found.memory.tensors_mb > 0
    assert found.memory.weights_mb is None


def test_its_files_are_what_they_say(found, tmp_path):
    files = {path.name: path.read_text() for path in found.write(tmp_path / "out")}
    trace = json.loads(files["trace.json"])
    ranges = [each["name"] for each in trace["traceEvents"] if each.get("ph") == "X"]
    assert ranges.count("inference") == 3
    told = json.loads(files["profile.json"])
    assert told["phases_ms"] == found.phases_ms
    assert told["samples"] == found.stacks.samples > 0
    assert "Reader.preprocess (handler.py:" in files["flame.html"]
    assert json.loads(files["flame.speedscope.json"])["name"] == "reader"
    markdown = files["profile.md"]
    for title in ("Phases", "Memory", "Operators of torch", "Functions of Python"):
        assert f"\n## {title}\n\n| " in markdown


def test_a_function_without_torch_has_one_phase_and_no_operators(tmp_path, monkeypatch):
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "counter"
    folder.mkdir()
    handler = "def handle(data, context):\n    return data and [len(row['body']) for row in data]\n"
    (folder / "handler.py").write_text(handler)
    found = profile(folder, ["abc"], seconds=0.3)
    assert list(found.phases_ms) == ["queue", "handle"]
    assert found.operators.operators == ()
    assert "None: the model runs without torch." in found.write(tmp_path / "out")[0].read_text()


def test_an_input_that_fails_is_an_error_and_not_a_profile(archive):
    with pytest.raises(ProfilingError, match=r"an input is not answered \(the handler failed"):
        profile(archive, ["no number"], seconds=0.2)


@pytest.mark.parametrize(
    ("inputs", "seconds", "told"),
    [([], 1.0, "there are no inputs"), (["1"], 0, "seconds must be above 0, not 0")],
)
def test_what_makes_no_sense_is_refused(archive, inputs, seconds, told):
    with pytest.raises(ProfilingError, match=told):
        profile(archive, inputs, seconds=seconds)
