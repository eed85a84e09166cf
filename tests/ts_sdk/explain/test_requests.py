"""`Model.explain` and `explain_batch`: targets, batches, tasks, and what is refused."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from ts_sdk import Explanation, ExplanationError, Request, RequestError
from ts_sdk.errors import HandlerContractError, ModelClosedError

MEAN_COLOUR = """
from torch import nn


class MeanColour(nn.Module):
    def forward(self, pictures):
        return pictures.mean((2, 3))
"""
SEGMENTER = """
from torch import nn


class Colours(nn.Module):
    '''Each pixel is of the class of its strongest colour.'''

    def forward(self, pictures):
        return {"out": pictures}
"""
DETECTOR = """
import torch
from torch import nn


class Halves(nn.Module):
    '''Two boxes, the left and the right half; each scores the mean red in it.'''

    def forward(self, pictures):
        found = []
        for picture in pictures:
            middle = picture.shape[2] // 2
            height, width = picture.shape[1:]
            scores = torch.stack([picture[0, :, :middle].mean(), picture[0, :, middle:].mean()])
            boxes = torch.tensor([[0.0, 0, middle, height], [middle, 0.0, width, height]])
            found.append({"boxes": boxes, "scores": scores, "labels": torch.tensor([1, 2])})
        return found
"""
NAMES = json.dumps({"0": "red", "1": "green", "2": "blue"})


def png(colours):
    """A picture of vertical stripes, 8 pixels wide each."""
    image = Image.fromarray(np.repeat(np.array([colours], np.uint8), 8, axis=1).repeat(8, axis=0))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def pictures(load_folder):
    def load(model=MEAN_COLOUR, handler="image_classifier", **options):
        files = {"model.py": model, "index_to_name.json": NAMES}
        config = "handler: {mean: [0, 0, 0], std: [1, 1, 1], crop: 8, resize: 8}"
        return load_folder(files, handler=handler, model_file="model.py", config=config, **options)

    return load


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_without_a_target_the_prediction_is_explained(pictures):
    found = pictures().explain(png([GREEN]))
    assert (found.target.index, found.target.name) == (1, "green")
    assert found.target.score == pytest.approx(1.0)
    assert list(found.prediction) == ["green", "red", "blue"]
    assert found.attributions.shape == (3, 8, 8)
    assert found.attributions[1] == pytest.approx(np.full((8, 8), 1 / 64), abs=1e-6)
    assert not found.attributions[[0, 2]].any()
    assert found.delta == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("target", [0, "0", b"0", "red", "RED", b" red "])
def test_a_target_is_a_number_or_a_name(pictures, target):
    found = pictures().explain(png([GREEN]), target=target)
    assert (found.target.index, found.target.name) == (0, "red")
    assert found.target.score == 0


def test_the_part_target_of_a_request_is_its_target(pictures):
    model = pictures()
    for sent in ("2", bytearray(b"2"), 2, "blue"):
        found = model.explain(Request({"data": png([GREEN]), "target": sent}))
        assert found.target.name == "blue"
    assert model.explain(Request({"data": png([GREEN]), "target": 2}), target=0).target.index == 0
    assert model.explain(Request({"data": png([GREEN]), "target": 0})).target.index == 0


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (3, "there is no class 3: the model has 3, from 0 on"),
        (-1, "there is no class -1"),
        ("gren", "there is no class 'gren': did you mean 'green'?"),
        (1.5, "target must be a class's number or name"),
        (True, "target must be a class's number or name"),
    ],
)
def test_a_target_that_there_is_not_is_refused(pictures, target, why):
    with pytest.raises(ExplanationError, match=why):
        pictures().explain_batch([png([RED])], target=[target], on_error="raise")


def test_a_batch_is_explained_as_each_request_is_alone(pictures):
    model = pictures()
    sent = [png([RED, GREEN]), b"no picture", png([BLUE]), png([GREEN, BLUE])]
    found = model.explain_batch(sent, target=[1, 0, 5, "blue"])
    assert isinstance(found[1], RequestError)
    assert found[1].index == 1
    assert isinstance(found[2], ExplanationError)
    for place, target in ((0, 1), (3, "blue")):
        alone = model.explain(sent[place], target=target)
        assert isinstance(found[place], Explanation)
        assert np.array_equal(found[place].attributions, alone.attributions)
        assert found[place].target == alone.target


def test_a_target_is_needed_for_each_request_or_one_for_all(pictures):
    with pytest.raises(ExplanationError, match="2 targets were given for 3 requests"):
        pictures().explain_batch([png([RED])] * 3, target=[0, 1])


@pytest.mark.parametrize("method", ["gradient_shap", "shapley_sampling", "kernel_shap"])
def test_what_is_drawn_at_random_is_drawn_again_by_the_seed(pictures, method):
    model = pictures()
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - what Captum draws from
    first, again, other = (
        model.explain(png([RED, BLUE]), method=method, seed=seed, samples=4) for seed in (3, 3, 4)
    )
    assert np.array_equal(first.attributions, again.attributions)
    assert other.attributions.shape == first.attributions.shape
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002 - as above


def test_a_segmentation_is_explained_by_the_pixels_of_a_class(pictures):
    model = pictures(SEGMENTER, "image_segmenter")
    found = model.explain(png([GREEN]), target="green")
    assert found.task == "segmentation"
    assert found.attributions[1] == pytest.approx(np.ones((8, 8)), abs=1e-5)
    assert found.target.score == pytest.approx(64)


@pytest.mark.parametrize(("target", "left"), [(0, True), (1, False), (None, True), ("blue", False)])
def test_a_detection_is_explained_by_the_score_of_one_box(pictures, target, left):
    model = pictures(DETECTOR, "object_detector")
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0] = 128
    picture[:, :4, 0] = 255
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    found = model.explain(file.getvalue(), target=target)
    inside = found.map[:, :4] if left else found.map[:, 4:]
    assert found.task == "detection"
    assert found.map.sum() == pytest.approx(inside.sum())
    assert inside.sum() == pytest.approx(found.target.score, abs=1e-5)
    assert found.target.box == ((0, 0, 4, 8) if left else (4, 0, 8, 8))


def test_infidelity_and_sensitivity_are_measured_on_request(pictures):
    model = pictures()
    assert model.explain(png([RED])).infidelity is None
    found = model.explain(png([RED, BLUE]), method="saliency", target=0, measures=True)
    assert found.infidelity == pytest.approx(0, abs=1e-6)  # of a linear model
    assert found.sensitivity == pytest.approx(0, abs=1e-6)


def test_memory_that_ends_halves_the_rows():
    import torch

    from ts_sdk.explain.memory import in_memory

    tried = []

    def run(rows):
        tried.append(rows)
        if rows > 3:
            raise torch.OutOfMemoryError("no more")
        return rows

    assert in_memory(run, None, 16, most=50) == 2
    assert tried == [16, 8, 4, 2]


def test_the_rows_at_once_do_not_change_the_explanation(pictures):
    model = pictures()
    few, many = (model.explain(png([RED, BLUE]), internal_batch_size=n) for n in (1, 50))
    assert few.attributions == pytest.approx(many.attributions, abs=1e-6)


def test_progress_tells_of_each_row(pictures):
    rows = []
    pictures().explain(png([RED]), steps=20, on_progress=rows.append)
    assert sum(rows) >= 20


def test_options_that_mean_nothing_are_refused(pictures):
    model = pictures()
    with pytest.raises(TypeError, match="no option 'stepz'; it has method, baseline"):
        model.explain(png([RED]), stepz=3)
    with pytest.raises(ExplanationError, match="steps must be 1 or more, not 0"):
        model.explain(png([RED]), steps=0)
    with pytest.raises(ExplanationError, match="a baseline of shape"):
        model.explain(png([RED]), baseline=[1.0, 2.0])
    with pytest.raises(ExplanationError, match="no layer 'head'"):
        model.explain(png([RED]), method="grad_cam", layer="head")
    with pytest.raises(TypeError, match="takes a list of requests"):
        model.explain_batch(png([RED]))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"steps": "5"}, "steps must be a whole number, not '5'"),
        ({"samples": 2.5}, "samples must be a whole number, not 2.5"),
        ({"seed": "a"}, "seed must be a whole number, not 'a'"),
        ({"seed": -1}, "seed must be from 0 to 4294967295, not -1"),
        ({"baseline": "black"}, r"a baseline is a number, or values of the shape \(3, 8, 8\)"),
        ({"baseline": float("nan")}, "a baseline has finite numbers"),
        ({"baseline": [[float("inf")]]}, "a baseline has finite numbers"),
        ({"layer": "head"}, r"\(head\), which is for grad_cam, and the method is integrated"),
    ],
)
def test_a_value_that_means_nothing_is_refused_with_what_would(pictures, options, why):
    with pytest.raises(ExplanationError, match=why):
        pictures().explain(png([RED]), **options)


def test_a_handler_without_a_module_cannot_be_explained(load_folder):
    handler = """
        class Echo:
            def initialize(self, context): pass
            def handle(self, data, context): return [1 for _ in data]
    """
    with pytest.raises(
        HandlerContractError, match=r"Echo cannot be explained: keep .* self\.model"
    ):
        load_folder({"handler.py": handler}).explain("x")


def test_a_handler_of_ones_own_is_explained_by_its_call_of_the_model(load_folder):
    handler = """
        import torch


        class Own:
            def initialize(self, context):
                self.model = torch.nn.Linear(2, 2, bias=False)
                self.model.weight = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))

            def handle(self, data, context):
                with torch.inference_mode():
                    return self.model(torch.tensor([row["body"] for row in data])).tolist()
    """
    found = load_folder({"handler.py": handler}).explain([1.0, 10.0], target=0)
    assert found.attributions.tolist() == pytest.approx([1, 20], abs=1e-4)
    assert found.prediction == [21, 43]


def test_several_pictures_in_a_request_are_to_be_sent_one_by_one(pictures):
    model = pictures()
    for sizes in (8, 8), (8, 9):
        sent = {f"{place}": png([RED] * width) for place, width in enumerate(sizes)}
        with pytest.raises(ExplanationError, match=r"a request of its own, with explain_batch\("):
            model.explain(Request(sent))


@pytest.mark.parametrize(
    ("calls", "why"),
    [("[]", "did not call self.model for this request"), ("[given, given]", "its model 2 times")],
)
def test_what_is_not_one_call_of_the_model_is_refused_with_what_to_do(load_folder, calls, why):
    handler = f"""
        import torch

        class Own:
            def initialize(self, context):
                self.model = torch.nn.Linear(2, 2)

            def handle(self, data, context):
                given = torch.tensor([row["body"] for row in data])
                return [[self.model(each).tolist() for each in {calls}] for _ in data]
    """
    with pytest.raises(ExplanationError, match=why):
        load_folder({"handler.py": handler}).explain([1.0, 10.0])


def test_a_closed_model_explains_nothing(pictures):
    model = pictures()
    model.close()
    with pytest.raises(ModelClosedError):
        model.explain(png([RED]))


def test_a_model_compiled_by_its_config_is_explained_without(load_folder):
    files = {"model.py": MEAN_COLOUR}
    config = "pt2: eager\nhandler: {mean: [0, 0, 0], std: [1, 1, 1], crop: 8, resize: 8}"
    model = load_folder(files, handler="image_classifier", model_file="model.py", config=config)
    found = model.explain(png([RED]), target=0)
    assert (found.form, found.note) == ("compiled", "explained without compilation")
    assert found.attributions[0].sum() == pytest.approx(1, abs=1e-5)
    assert next(iter(model.predict(png([RED])))) == "0"


def test_explanations_in_several_threads_are_each_ones_own(pictures):
    from concurrent.futures import ThreadPoolExecutor

    model = pictures()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: model.explain(png([RED]), target=n % 3, steps=5), range(8)))
    assert [each.target.index for each in found] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert [bool(each.attributions.any()) for each in found] == [n % 3 == 0 for n in range(8)]
    assert "forward" not in vars(model.handler.model)


def test_without_captum_the_extra_is_named(pictures, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ExplanationError, match=r"pip install 'ts-sdk\[explain\]'"):
        pictures().explain(png([RED]))
