"""Handlers in processes of their own are explained there, as they would be here."""

import importlib.util
import io
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

import ts_sdk
from ts_sdk import ExplanationError, Request, RequestError
from ts_sdk.errors import HandlerContractError, ModelClosedError, WorkerError
from ts_sdk.runtime.failures import RemoteTraceback

MEAN_COLOUR = """
from torch import nn


class MeanColour(nn.Module):
    def forward(self, pictures):
        return pictures.mean((2, 3))
"""
SEGMENTER = """
from torch import nn


class Colours(nn.Module):
    def forward(self, pictures):
        return {"out": pictures}
"""
CONFIG = "handler: {mean: [0, 0, 0], std: [1, 1, 1], crop: 8, resize: 8}"
NAMES = '{"0": "red", "1": "green", "2": "blue"}'
ONE_HANDLER = """
import os
import torch


class Kind:
    pass


class Own:
    def initialize(self, context):
        self.model = torch.nn.Linear(2, 2, bias=False)
        self.model.weight = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))

    def handle(self, data, context):
        given = [row["body"] for row in data]
        if given == ["die"]:
            os._exit(3)
        if given == ["fail"]:
            raise RuntimeError("no such luck")
        with torch.inference_mode():
            answers = self.model(torch.tensor(given)).tolist()
        return [Kind() if each[0] < 0 else each for each in answers]
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def both(load_folder):
    """The same archive, its handler in this process and in another."""

    def load(model=MEAN_COLOUR, handler="image_classifier"):
        files = {"model.py": model, "index_to_name.json": NAMES}
        named = {"handler": handler, "model_file": "model.py", "config": CONFIG}
        return (
            load_folder(files, name="here", **named),
            load_folder(files, name="there", isolation="process", **named),
        )

    return load


@pytest.fixture
def own(load_folder):
    return load_folder({"handler.py": ONE_HANDLER}, isolation="process")


def picture(red, green):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4, 0], pixels[:, 4:, 1] = red, green
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def assert_same(found, expected):
    assert np.array_equal(found.attributions, expected.attributions)
    assert found.picture.tobytes() == expected.picture.tobytes()
    facts = ("method", "target", "task", "prediction", "form", "baseline", "delta", "note")
    for name in facts:
        assert getattr(found, name) == getattr(expected, name), name


@pytest.mark.parametrize("method", ["auto", "shapley_sampling", "occlusion"])
def test_the_explanations_are_those_that_would_be_made_here(both, method):
    sent = [picture(255, 40), b"no picture", Request({"data": picture(9, 250), "target": "blue"})]
    options = {"target": ["red", 0, None], "method": method, "baseline": 0.25, "seed": 3}
    here, there = (model.explain_batch(sent, **options) for model in both())
    assert_same(there[0], here[0])
    assert_same(there[2], here[2])
    assert isinstance(there[1], RequestError)
    assert (there[1].index, there[1].message) == (1, here[1].message)


def test_regions_features_and_masks_are_told_there(both, tmp_path):
    here, there = both(SEGMENTER, "image_segmenter")
    parts = np.arange(64).reshape(8, 8) // 16
    for options in (
        {"region": (0, 0, 5, 4)},
        {"region": np.eye(8), "method": "feature_ablation", "features": parts},
    ):
        found, expected = (each.explain(picture(255, 90), **options) for each in (there, here))
        assert_same(found, expected)
        assert np.array_equal(found.region, expected.region)
    assert found.save(tmp_path / "why.png").stat().st_size > 1000


def test_progress_is_told_while_it_is_made(both):
    rows = []
    both()[1].explain(picture(255, 0), steps=20, internal_batch_size=5, on_progress=rows.append)
    assert sum(rows) >= 20
    assert len(rows) >= 4


def test_what_is_wrong_is_told_as_here(both):
    here, there = both()
    for options in (
        {"target": "gren"},
        {"method": "guided_backprop"},
        {"region": (0, 0, 1, 1)},
        {"steps": 0},
    ):
        told = []
        for model in (here, there):
            with pytest.raises(ExplanationError) as caught:
                model.explain(picture(255, 0), **options)
            told.append((str(caught.value), caught.value.alternative))
        assert told[0] == told[1]
    assert there.predict(picture(255, 0)) == here.predict(picture(255, 0))


def test_the_handlers_error_comes_with_its_traceback(own):
    with pytest.raises(RequestError, match="no such luck") as caught:
        own.explain("fail")
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert "handler.py" in cause.text
    assert own.explain([1.0, 2.0], target=0).attributions.tolist() == pytest.approx([1, 4])


def test_an_answer_of_the_archives_own_class_cannot_leave_the_process(own):
    with pytest.raises(HandlerContractError, match="cannot leave the handler's process"):
        own.explain([-1.0, -2.0], target=0)


def test_an_option_that_cannot_be_sent_is_refused(own):
    with pytest.raises(ExplanationError, match="cannot be told to the handler's process"):
        own.explain([1.0, 2.0], baseline=lambda: 0)


def test_who_dies_over_an_explanation_fails_it_alone(own):
    before = own._runner.pid
    found = own.explain_batch(["die", [1.0, 2.0]])
    assert [type(each) for each in found] == [WorkerError, WorkerError]
    assert own.explain([1.0, 2.0]).prediction == [5.0, 11.0]
    assert own._runner.pid not in {before, os.getpid()}


def test_a_handler_without_a_module_says_so(load_folder):
    handler = """
        class Echo:
            def initialize(self, context): pass
            def handle(self, data, context): return [1 for _ in data]
    """
    model = load_folder({"handler.py": handler}, isolation="process")
    with pytest.raises(
        HandlerContractError, match=r"Echo cannot be explained: keep .* self\.model"
    ):
        model.explain("x")


def test_what_was_measured_meanwhile_is_known_here(own):
    own.explain([1.0, 2.0])
    assert own.timings["handle"].count == 1


def test_a_closed_model_explains_nothing(own):
    own.close()
    with pytest.raises(ModelClosedError):
        own.explain([1.0, 2.0])


def test_no_requests_have_no_explanations(own):
    assert own.explain_batch([]) == []


OF_A_PACKAGE = """
import torch
import weights_of_a_package


class Own:
    def initialize(self, context):
        self.model = torch.nn.Linear(2, 1, bias=False)
        self.model.weight = torch.nn.Parameter(torch.tensor([weights_of_a_package.WEIGHTS]))

    def handle(self, data, context):
        with torch.inference_mode():
            return self.model(torch.tensor([row["body"] for row in data])).tolist()
"""


def test_a_handler_with_packages_of_its_own_is_explained_in_its_environment(tmp_path):
    wheel = tmp_path / "weights_of_a_package-1-py3-none-any.whl"
    info = "weights_of_a_package-1.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("weights_of_a_package.py", "WEIGHTS = [3.0, -2.0]\n")
        file.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: weights-of-a-package\nVersion: 1\n"
        )
        file.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{info}/RECORD", "")
    folder = tmp_path / "sources"
    (folder / "MAR-INF").mkdir(parents=True)
    (folder / "handler.py").write_text(OF_A_PACKAGE)
    (folder / "requirements.txt").write_text(f"{wheel}\n")
    entry = {"modelName": "own", "handler": "handler.py", "requirementsFile": "requirements.txt"}
    (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps({"model": entry}))
    cache = ts_sdk.ExtractionCache(tmp_path / "cache")
    with ts_sdk.load(folder, device="cpu", isolation="venv", cache=cache) as model:
        found = model.explain([1.0, 10.0])
    assert found.attributions.tolist() == pytest.approx([3, -20])
    assert found.prediction == [-17]
    assert importlib.util.find_spec("weights_of_a_package") is None
