"""TorchScript and exported programs in half precision: their file is read again, in float32."""

import io
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from ts_sdk import ExplanationError, Request

GIVEN = [0.5, -1.0, 2.0, 0.25]
HALF = ["float16", "bfloat16", "autocast-bfloat16"]
OWN_INITIALIZE = """
import torch
from ts_sdk import BaseHandler


class Own(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        {}
"""


class Curved(nn.Module):
    """Two layers, whose weights are no numbers of half precision."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def serialized(form):
    module, file = Curved().eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form == "model.pt":
            torch.jit.save(torch.jit.script(module), file)
        elif form == "frozen.pt":
            torch.jit.save(torch.jit.freeze(torch.jit.trace(module, torch.ones(1, 4))), file)
        else:
            sizes = ({0: torch.export.Dim.AUTO},)
            example = (torch.ones(2, 4),)
            torch.export.save(torch.export.export(module, example, dynamic_shapes=sizes), file)
    return file.getvalue()


@pytest.fixture
def loaded(load_folder):
    def load(form, precision, handler=None):
        files = {form: serialized(form)}
        if handler is not None:
            files["handler.py"] = handler
            return load_folder(files, name=precision, serialized_file=form, precision=precision)
        return load_folder(
            files, name=precision, handler=None, serialized_file=form, precision=precision
        )

    return load


@pytest.mark.parametrize("precision", HALF)
@pytest.mark.parametrize("form", ["model.pt", "frozen.pt", "model.pt2"])
def test_they_are_explained_as_in_float32_and_say_so(loaded, form, precision):
    expected = loaded(form, "float32").explain(GIVEN, target=1)
    model = loaded(form, precision)
    before = model.predict(GIVEN)
    found = model.explain(GIVEN, target=1)
    assert found.attributions == pytest.approx(expected.attributions, abs=1e-6)
    assert found.form == expected.form
    assert found.note == f"explained in float32, and answered in {precision}"
    assert expected.note is None
    assert model.predict(GIVEN) == before != expected.prediction


def test_several_methods_are_right_for_them(loaded):
    plain, half = (loaded("model.pt", word) for word in ("float32", "bfloat16"))
    for method in ("saliency", "feature_ablation", "kernel_shap"):
        expected = plain.explain(GIVEN, method=method, target=0).attributions
        found = half.explain(GIVEN, method=method, target=0).attributions
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_contracts_explanation_is_in_float32_too(load_folder):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(MeanColour().eval()), file)
    model = load_folder(
        {"model.pt": file.getvalue()},
        handler="image_classifier",
        serialized_file="model.pt",
        precision="bfloat16",
        config="handler: {mean: [0, 0, 0], std: [1, 1, 1], resize: 4, crop: 4}",
    )
    picture = np.ones((3, 4, 4)).tolist()
    answer = model.predict(Request({"data": picture, "target": 1}, {"explain": "True"}))
    assert np.asarray(answer)[1] == pytest.approx(np.full((4, 4), 0.3 / 16), abs=1e-7)


class MeanColour(nn.Module):
    """The mean of each colour, times a number that half precision has not."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.3))

    def forward(self, pictures):
        return pictures.mean((2, 3)) * self.factor


@pytest.mark.parametrize(
    "change", ["self.model.last.bias.data += 1", "self.model = Twice(self.model)"]
)
def test_a_model_that_the_handler_has_changed_is_not_taken_for_the_files(loaded, change):
    twice = """

class Twice(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return 2 * self.inner(x)
"""
    model = loaded("model.pt", "bfloat16", OWN_INITIALIZE.format(change) + twice)
    with pytest.raises(ExplanationError, match=r"torchscript in bfloat16.*precision='float32'"):
        model.explain(GIVEN)


@pytest.mark.parametrize("form", ["model.pt", "model.pt2"])
def test_a_file_in_half_precision_is_explained_as_it_is_and_says_so(load_folder, form):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form == "model.pt":
            torch.jit.save(torch.jit.script(Halved().eval()), file)
        else:
            sizes = ({0: torch.export.Dim.AUTO},)
            program = torch.export.export(Halved(), (torch.ones(2, 2),), dynamic_shapes=sizes)
            torch.export.save(program, file)
    model = load_folder({form: file.getvalue()}, handler=None, serialized_file=form)
    found = model.explain([1.0, 2.0], target=0)
    assert found.attributions.tolist() == pytest.approx([1, -4], rel=1e-2)
    assert found.note == "explained in bfloat16, as the model's file has it"


class Halved(nn.Module):
    """Weights in half precision, between inputs and outputs in float32."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2, bias=False, dtype=torch.bfloat16)
        self.linear.weight.data = torch.tensor([[1.0, -2.0], [0.0, 1.0]]).bfloat16()

    def forward(self, x):
        return self.linear(x.to(torch.bfloat16)).float()
