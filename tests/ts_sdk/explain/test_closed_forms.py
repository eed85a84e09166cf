"""A linear model has one right explanation: weight times input, whatever the method."""

import pytest

from ts_sdk import ExplanationError
from ts_sdk.explain import Method

WEIGHTS = [[1.0, -2.0, 0.5, 3.0], [0.25, 1.5, -1.0, 2.0], [0.0, 0.0, 4.0, -1.0]]
INPUT = [2.0, -1.0, 3.0, 0.5]
LINEAR = f"""
import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.linear.weight = nn.Parameter(torch.tensor({WEIGHTS}))
        self.linear.bias = nn.Parameter(torch.tensor([0.5, -0.5, 1.0]))

    def forward(self, x):
        return self.linear(x)
"""
CURVED = """
import torch
from torch import nn


class Curved(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.second = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x):
        return self.second(self.act(self.first(x)))
"""
TIMES_INPUT = [
    Method.INTEGRATED_GRADIENTS,
    Method.INPUT_X_GRADIENT,
    Method.GRADIENT_SHAP,
    Method.DEEP_LIFT,
    Method.OCCLUSION,
    Method.FEATURE_ABLATION,
    Method.SHAPLEY_SAMPLING,
    Method.KERNEL_SHAP,
]
COMPLETE = [
    Method.INTEGRATED_GRADIENTS,
    Method.GRADIENT_SHAP,
    Method.DEEP_LIFT,
    Method.SHAPLEY_SAMPLING,
]


def times_input(index):
    return [weight * value for weight, value in zip(WEIGHTS[index], INPUT, strict=True)]


@pytest.fixture
def linear(load_folder):
    names = '{"0": "cold", "1": "warm", "2": "hot"}'
    files = {"model.py": LINEAR, "index_to_name.json": names}
    return load_folder(files, handler=None, model_file="model.py")


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("method", TIMES_INPUT)
def test_a_linear_model_is_explained_by_weight_times_input(linear, method, index):
    found = linear.explain(INPUT, target=index, method=method)
    assert found.attributions.tolist() == pytest.approx(times_input(index), abs=1e-3)
    assert (found.method, found.target.index) == (method, index)


def test_saliency_is_the_weights(linear):
    found = linear.explain(INPUT, target=1, method="saliency")
    assert found.attributions.tolist() == WEIGHTS[1]


@pytest.mark.parametrize("method", COMPLETE)
def test_attributions_add_up_to_the_change_of_the_score(load_folder, method):
    model = load_folder({"model.py": CURVED}, handler=None, model_file="model.py")
    found = model.explain(INPUT, target=2, method=method, steps=200, samples=400)
    with_input = model.predict(INPUT)[2]
    change = with_input - model.predict([0.0] * 4)[2]
    tolerance = 0.15 if method is Method.GRADIENT_SHAP else 0.01  # which draws at random
    assert float(found.attributions.sum()) == pytest.approx(change, abs=tolerance)
    assert found.delta == pytest.approx(float(found.attributions.sum()) - change, abs=1e-5)
    assert found.target.score == pytest.approx(with_input)


@pytest.mark.parametrize("method", ["saliency", "kernel_shap", "occlusion"])
def test_a_method_that_promises_no_sum_has_no_delta(linear, method):
    assert linear.explain(INPUT, method=method).delta is None


def test_a_baseline_is_where_the_attributions_start(linear):
    found = linear.explain(INPUT, target=0, baseline=1.0)
    expected = [weight * (value - 1) for weight, value in zip(WEIGHTS[0], INPUT, strict=True)]
    assert found.attributions.tolist() == pytest.approx(expected, abs=1e-4)
    assert found.baseline == "1"
    assert linear.explain(INPUT, target=0, baseline=INPUT).attributions.tolist() == [0, 0, 0, 0]


def test_auto_is_integrated_gradients_where_there_are_gradients(linear):
    assert linear.explain(INPUT).method is Method.INTEGRATED_GRADIENTS


def test_attributions_that_are_all_zero_are_said_to_be(linear):
    found = linear.explain(INPUT, target=0, baseline=INPUT)
    assert "all attributions are 0" in found.note


def test_gradients_that_are_no_numbers_are_no_explanation(load_folder):
    root = """
from torch import nn


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()
"""
    model = load_folder({"model.py": root}, handler=None, model_file="model.py")
    with pytest.raises(ExplanationError, match="take feature_ablation") as refused:
        model.explain([0.0, 4.0], target=0, method="saliency")
    assert refused.value.alternative is Method.FEATURE_ABLATION
    found = model.explain([0.0, 4.0], target=1, method="feature_ablation")
    assert found.attributions.tolist() == [0, 2]
    with pytest.raises(ExplanationError, match="score is not finite") as refused:
        model.explain([1.0, 4.0], target=0, method="feature_ablation", baseline=-1.0)
    assert refused.value.alternative is None
