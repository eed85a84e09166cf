"""`load_handler`: a handler started with a model and files of one's own, and nothing packed."""

import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import linear
from torch import nn

from ts_sdk import BaseHandler, torchserve
from ts_sdk.errors import (
    ConfigError,
    DeviceUnavailableError,
    HandlerLoadError,
    LoadError,
    ModelClosedError,
    PrecisionError,
)
from ts_sdk.testing import image_request, load_handler

NUMBERS = [3.0, 5.0]
HANDLER = """
from ts_sdk import BaseHandler


class Twice(BaseHandler):
    def postprocess(self, data):
        return (2 * data).tolist()


class Thrice(BaseHandler):
    def postprocess(self, data):
        return (3 * data).tolist()
"""
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        return self.layer(x)
"""


class ReadsFiles(BaseHandler):
    """Answers with what it finds in its folder and its config."""

    def initialize(self, context):
        self.folder = Path(context.system_properties["model_dir"])
        self.said = context.model_yaml_config
        self.initialized = True

    def handle(self, data, context):
        return [self.read(row["body"]) for row in data]

    def read(self, name):
        return self.said if name == "config" else (self.folder / name).read_bytes()


class FailsToStart(BaseHandler):
    def initialize(self, context):
        raise RuntimeError("the licence has expired")


@pytest.fixture
def made(monkeypatch, tmp_path):
    """The temporary folder, in which the folders of handlers appear and vanish."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return lambda: [each for each in folder.iterdir() if each.name.startswith("ts-sdk-handler-")]


@pytest.fixture
def old_names():
    """TorchServe's names, for a test."""
    torchserve.install()
    yield
    torchserve.uninstall()


def exported():
    return torch.export.export(
        linear(2.0), (torch.ones(2, 2),), dynamic_shapes=({0: torch.export.Dim.AUTO},)
    )


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        return torch.jit.script(linear(2.0))


def in_file(folder, program):
    torch.export.save(program, folder / "net.pt2")
    return folder / "net.pt2"


@pytest.mark.parametrize(
    "make",
    [
        lambda _: linear(2.0),
        lambda _: scripted(),
        lambda _: exported(),
        lambda folder: in_file(folder, exported()),
        lambda folder: str(in_file(folder, exported())),
    ],
    ids=["eager", "scripted", "exported", "path", "text"],
)
def test_a_model_in_each_form_answers(make, tmp_path):
    with load_handler(BaseHandler, model=make(tmp_path), device="cpu") as model:
        assert model.predict(NUMBERS) == [6.0, 10.0]


def test_weights_go_with_the_file_of_their_class(tmp_path):
    (tmp_path / "net.py").write_text(MODEL)
    torch.save({"layer.weight": torch.eye(2) * 4}, tmp_path / "weights.pt")
    with load_handler(
        BaseHandler, model=tmp_path / "weights.pt", model_file=tmp_path / "net.py"
    ) as model:
        assert model.predict(NUMBERS) == [12.0, 20.0]


def test_each_start_gets_a_copy_of_the_module_which_stays_as_it_was():
    net = linear(2.0).train()
    with (
        load_handler(BaseHandler, model=net, precision="bfloat16") as half,
        load_handler(BaseHandler, model=net) as whole,
    ):
        assert half.handler.model is not net
        assert whole.handler.model is not half.handler.model
        assert next(half.handler.model.parameters()).dtype is torch.bfloat16
    assert net.training
    assert net.weight.dtype is torch.float32


def test_a_function_is_a_handler():
    def length(data, context):
        return None if data is None else [len(row["body"]) for row in data]

    with load_handler(length) as model:
        assert model.predict(b"abc") == 3
        assert model.name == "length"


def test_a_file_s_handler_is_found_and_one_of_several_is_named(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(HANDLER)
    with load_handler(f"{file}:Thrice", model=linear(1.0)) as model:
        assert model.predict(NUMBERS) == [9.0, 15.0]
        assert model.name == "mine"
    file.write_text(HANDLER.partition("class Thrice")[0])
    with load_handler(file, model=linear(1.0)) as model:
        assert model.predict(NUMBERS) == [6.0, 10.0]


def test_a_built_in_handler_goes_by_its_name_with_files_and_config():
    with load_handler(
        "image_classifier",
        model=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        files={"index_to_name.json": {"0": "red", "1": "green", "2": "blue"}},
        config={"handler": {"topk": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}},
    ) as model:
        answer = model.predict(image_request(Image.new("RGB", (9, 9), "blue"), format="png"))
    assert answer == {"blue": pytest.approx(float(torch.tensor([0, 0, 1.0]).softmax(0)[2]))}


def test_files_are_copied_or_written_as_what_they_are(tmp_path):
    (tmp_path / "words.txt").write_bytes(b"a\r\ncat\n")
    files = {
        "words.txt": tmp_path / "words.txt",
        "below/raw.bin": b"\x00\xff",
        "text.txt": "caf\u00e9",
        "values.json": {"0": ["cat"]},
        "none.json": None,
    }
    config = {"handler": {"topk": 1}, "batchSize": 2}
    with load_handler(ReadsFiles, files=files, config=config) as model:
        read = {name: model.predict(name) for name in (*files, "config")}
    assert read == {
        "words.txt": b"a\r\ncat\n",
        "below/raw.bin": b"\x00\xff",
        "text.txt": "caf\u00e9".encode(),
        "values.json": b'{"0": ["cat"]}',
        "none.json": b"null",
        "config": config,
    }


def test_the_name_is_the_handler_s_or_the_one_given():
    with load_handler(ReadsFiles) as first, load_handler(ReadsFiles, name="reader") as second:
        assert (first.name, second.name) == ("ReadsFiles", "reader")


def test_the_folder_is_removed_when_the_model_is_closed(made):
    with load_handler(ReadsFiles, files={"a.txt": "a"}) as model:
        (folder,) = made()
        assert folder == model.handler.folder
    assert made() == []
    with pytest.raises(ModelClosedError):
        model.predict("a.txt")


@pytest.mark.parametrize(
    ("handler", "options", "error"),
    [
        (FailsToStart, {}, LoadError),
        (BaseHandler, {"config": {"batchSize": "many"}}, ConfigError),
        (ReadsFiles, {"model": linear(1.0)}, HandlerLoadError),
        (BaseHandler, {"files": {"../out.txt": "x"}}, ValueError),
        (BaseHandler, {"model": "no-such-file.pt"}, FileNotFoundError),
    ],
    ids=["start", "config", "model", "files", "path"],
)
def test_the_folder_is_removed_when_the_start_fails(handler, options, error, made):
    with pytest.raises(error):
        load_handler(handler, **options)
    assert made() == []


def test_a_handler_that_has_no_use_for_the_module_says_what_to_give():
    with pytest.raises(
        HandlerLoadError,
        match=r"ReadsFiles does not take the module that was given as model=.*BaseHandler"
        r"\.initialize\(\).*files=\{'model\.pt': path\}",
    ):
        load_handler(ReadsFiles, model=linear(1.0))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": {"weight": 1}}, TypeError, "model must be a torch.nn.Module.*not dict"),
        ({"files": {"/etc/passwd": "x"}}, ValueError, "'/etc/passwd' lies outside"),
        ({"files": {"..": "x"}}, ValueError, r"files: '\.\.' lies outside"),
        ({"model": linear(1.0), "isolation": "process"}, ValueError, "stay in its process"),
        ({"isolation": "process"}, ValueError, "takes a handler's file or name"),
        ({"device": "gpu"}, DeviceUnavailableError, "gpu"),
        ({"precision": "half"}, PrecisionError, "half"),
    ],
)
def test_wrong_arguments_are_told(options, error, message):
    with pytest.raises(error, match=message):
        load_handler(BaseHandler, **options)


def test_a_path_that_was_given_as_text_is_told_when_the_start_fails(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text("{}")
    with pytest.raises(LoadError) as raised:
        load_handler(FailsToStart, files={"labels.json": str(path), "notes.txt": "no path"})
    (note,) = raised.value.__notes__
    assert note == (
        f"files: 'labels.json' holds the text {str(path)!r}; to copy that file, give "
        f"pathlib.Path({str(path)!r})"
    )


@pytest.mark.parametrize(("handler", "said"), [(None, "None"), (FailsToStart(), "FailsToStart")])
def test_what_is_no_handler_is_refused(handler, said):
    with pytest.raises(TypeError, match=f"handler must be a class, a function, .*not .*{said}$"):
        load_handler(handler)


def test_a_file_that_is_no_handler_is_told_with_its_name(tmp_path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(LoadError, match=r"empty\.py"):
        load_handler(tmp_path / "empty.py")


def test_a_handler_s_file_runs_in_a_process_of_its_own_if_asked_for(tmp_path):
    (tmp_path / "pid.py").write_text(
        "import os\ndef handle(data, context):\n    return data and [os.getpid() for _ in data]\n"
    )
    import os

    with load_handler(tmp_path / "pid.py", isolation="process") as model:
        assert model.predict(b"") not in {None, os.getpid()}


OLD = '''
import os

import torch
from ts.torch_handler.base_handler import BaseHandler


class Old(BaseHandler):
    """As handlers were written for TorchServe: its import names, its properties, its context."""

    def initialize(self, context):
        super().initialize(context)
        self.manifest = context.manifest
        model_dir = context.system_properties.get("model_dir")
        with open(os.path.join(model_dir, "factor.txt")) as file:
            self.factor = float(file.read())

    def preprocess(self, data):
        return torch.tensor([row.get("data") or row.get("body") for row in data])

    def postprocess(self, data):
        return (data * self.factor).tolist()
'''


def test_a_handler_with_torchserve_s_import_names_is_tested_as_any_other(tmp_path, old_names):
    files = {"factor.txt": "10"}
    module = type(sys)("old_handler")
    exec(compile(OLD, "old_handler.py", "exec"), module.__dict__)  # noqa: S102 - as an import does
    assert issubclass(module.Old, BaseHandler)
    with load_handler(module.Old, model=linear(2.0), files=files) as model:
        assert model.predict_batch([NUMBERS, [1.0, 0.0]]) == [[60.0, 100.0], [20.0, 0.0]]

    (tmp_path / "old.py").write_text(OLD)
    torchserve.uninstall()  # in a file of its own the names are always known
    with load_handler(tmp_path / "old.py", model=linear(2.0), files=files) as model:
        assert model.predict(NUMBERS) == [60.0, 100.0]


def test_what_comes_over_the_wire_goes_in_and_what_goes_out_is_json():
    with load_handler(BaseHandler, model=linear(2.0)) as model:
        answer = model.predict(np.array(NUMBERS, np.float32))
    assert json.loads(json.dumps(answer)) == [6.0, 10.0]
