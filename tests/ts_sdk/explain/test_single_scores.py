"""Models with one score, and with several inputs."""

import pytest
import torch
from torch import nn

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.calls import noted
from ts_sdk.explain.explaining import Explainer, Wish
from ts_sdk.precision import Precision


class Two(nn.Module):
    """One score: the sum of the first input, and twice that of the second."""

    def forward(self, a, b):
        return (a.sum(1) + 2 * b.sum(1))[:, None]


def explain(target, *, is_binary):
    module = Two()
    explainer = Explainer(module, Precision.FLOAT32, is_binary=is_binary)
    with noted(module) as calls:
        module(torch.ones(1, 2), b=torch.ones(1, 3))
    return explainer.explain(calls[0], target, Wish())


def test_each_input_has_its_attributions():
    found = explain(None, is_binary=False)
    assert found.attributions.tolist() == pytest.approx([1, 1])
    assert found.more_attributions[0].tolist() == pytest.approx([2, 2, 2])
    assert (found.target.index, found.target.score) == (0, 8)


def test_a_number_is_no_class_1():
    with pytest.raises(ExplanationError, match="no class 1: the model has 1"):
        explain(1, is_binary=False)


def test_a_classifiers_one_score_is_that_of_class_1_against_class_0():
    assert explain(None, is_binary=True).target.index == 1
    assert explain(1, is_binary=True).attributions.tolist() == pytest.approx([1, 1])
    assert explain(0, is_binary=True).attributions.tolist() == pytest.approx([-1, -1])
