"""An output with NaN or infinity is traced to the layer, the rows and the reason."""

import collections
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from small_models import Overflowing, Scale, linear
from torch import nn

from ts_sdk.batch import Batch, handling
from ts_sdk.errors import NonFiniteOutputError, PrecisionError
from ts_sdk.precision import Precision, set_precision

CPU = torch.device("cpu")


def failing(module, *given, word="float16", keep=()):
    """The error of the module in half precision, for these inputs."""
    set_precision(module, Precision(word), CPU, keep_float32=keep)
    with pytest.raises(NonFiniteOutputError) as caught:
        module(*given)
    return caught.value


@pytest.mark.parametrize(
    ("word", "advice"), [("float16", "bfloat16"), ("autocast-float16", "autocast-bfloat16")]
)
def test_the_error_names_the_layer_its_numbers_and_what_to_do(word, advice):
    layers = collections.OrderedDict(small=linear(300.0), large=linear(300.0), end=nn.ReLU())
    module = nn.Sequential(layers)
    error = failing(module, torch.tensor([[1.0, 0.0]]), word=word)
    assert error.message == (
        f"the model's output in {word} holds NaN or infinity, first in layer large (Linear), which "
        "is given numbers up to 300 and gives numbers up to 90000 in float32; load with "
        f"precision='{advice}', or with keep_float32=['large']"
    )
    assert (error.status, error.layer) == (500, "large")
    assert not module.large._forward_hooks  # those of the search are gone


def test_an_inner_layer_is_named_and_not_the_one_around_it():
    module = nn.Sequential(nn.Sequential(linear(1.0), Overflowing()), nn.ReLU())
    assert failing(module, torch.ones(1, 2)).layer == "0.1.scale"


def test_code_between_the_layers_is_told_with_the_layer_behind_it():
    class Between(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = linear(1.0), linear(1.0)

        def forward(self, x):
            return self.last(self.first(x) * 1e5)

    error = failing(Between(), torch.ones(1, 2))
    assert "first in the code of Between itself, before layer last" in error.message
    assert error.message.endswith("load with precision='bfloat16'")
    assert error.layer is None


def test_when_kept_layers_hand_on_too_large_numbers_the_next_one_is_to_be_kept_too():
    error = failing(Overflowing(), torch.ones(1, 2), keep=["scale"])
    assert error.message.endswith("keep_float32=['scale', 'back']")


def test_a_mask_with_infinity_on_purpose_is_no_culprit():
    class Masking(nn.Module):
        def forward(self, x):
            return x.masked_fill(x > 1, float("-inf"))

    module = nn.Sequential(Masking(), nn.Softmax(dim=-1), linear(300.0), Scale())
    assert failing(module, torch.tensor([[0.5, 2.0]])).layer == "3"


def test_a_variance_that_becomes_0_is_blamed_on_its_layer():
    """1e-8 is nothing in float16, and a number divided by its root is infinite."""
    norm = nn.BatchNorm1d(2, eps=0.0)
    norm.running_var.fill_(1e-8)
    module = nn.Sequential(linear(1.0), norm).eval()
    error = failing(module, torch.tensor([[1e-3, 1e-3]]))
    assert "first in layer 1 (BatchNorm1d), some of whose weights are too small" in error.message
    assert error.message.endswith("keep_float32=['1']")


def test_such_a_layer_is_right_when_it_is_kept():
    norm = nn.BatchNorm1d(2, eps=0.0)
    norm.running_var.fill_(1e-8)
    module = nn.Sequential(linear(1.0), norm).eval()
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["1"])
    found = module(torch.tensor([[1e-3, 2e-3]]))
    torch.testing.assert_close(found, torch.tensor([[10.0, 20.0]]), rtol=1e-3, atol=0)


def test_what_is_not_finite_in_float32_either_is_not_blamed_on_the_precision():
    class Logarithm(nn.Module):
        def forward(self, x):
            return x.log()

    module = nn.Sequential(linear(1.0), Logarithm())
    error = failing(module, torch.tensor([[0.0, 1.0]]))
    assert "and so does its output in float32: it is not the precision" in error.message
    assert error.message.endswith("it appears in layer 1 (Logarithm)")
    assert error.layer == "1"


def test_a_model_that_cannot_be_copied_is_searched_without_float32():
    class Uncopied(Scale):
        def __deepcopy__(self, memo):
            raise TypeError("one is enough")

    error = failing(nn.Sequential(linear(1.0), Uncopied(), linear(1.0)), torch.ones(1, 2))
    assert "first in layer 1 (Uncopied), which is given numbers up to 1; load" in error.message


class TestTheInput:
    def test_that_is_not_finite_already_is_the_callers_fault(self):
        error = failing(linear(1.0), torch.tensor([[1.0, 1.0], [float("nan"), 1.0]]))
        assert error.message == "the model's input holds NaN or infinity already for row 1 of 2"
        assert error.status == 400

    def test_that_is_beyond_the_range_is_told_with_the_number(self):
        error = failing(linear(1.0), torch.tensor([[-1e6, 1.0]]))
        assert "an input of 1e+06 is beyond the range of the format" in error.message


class TestTheRows:
    def test_are_named(self):
        given = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
        assert "infinity for rows 1 and 2 of 4, first" in failing(Overflowing(), given).message

    def test_of_nested_outputs_are_found(self):
        class Nested(nn.Module):
            def forward(self, x):
                return {"out": [x, (x * 1e5,)], "count": torch.ones(3)}

        error = failing(Nested(), torch.tensor([[0.0], [1.0]]))
        assert "infinity for row 1 of 2" in error.message

    def test_of_a_list_of_detections_are_its_items(self):
        class Detector(nn.Module):
            def forward(self, pictures):
                return [{"boxes": p * 1e5, "labels": torch.arange(3)} for p in pictures]

        error = failing(Detector(), [torch.zeros(2), torch.zeros(5), torch.ones(5)])
        assert "infinity for row 2 of 3" in error.message

    def test_are_not_guessed_when_the_output_mixes_them(self):
        class Sum(nn.Module):
            def forward(self, x):
                return (x * 1e5).sum()

        assert "infinity, first" in failing(Sum(), torch.ones(3, 1)).message

    def test_are_the_requests_of_the_batch_without_those_that_were_rejected(self):
        batch = Batch(3, None, whole=False)
        with handling(batch):
            batch.begin()
            batch.reject(0, 400, "no picture")
            batch.keep_rest()
            error = failing(Overflowing(), torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        assert error.index == 2

    def test_are_no_requests_when_their_number_differs(self):
        with handling(Batch(3, None)):
            error = failing(Overflowing(), torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        assert error.index is None


class TestWeights:
    def test_beyond_the_range_are_found_when_the_model_is_converted(self):
        module = nn.Sequential(linear(1.0), nn.BatchNorm1d(2))
        module[1].running_var.fill_(1e6)
        with pytest.raises(PrecisionError) as caught:
            set_precision(module, Precision.FLOAT16, CPU)
        assert "1.running_var are beyond the range of float16" in str(caught.value)
        assert "precision='bfloat16', or keep_float32=['1']" in str(caught.value)

    def test_of_kept_layers_may_be_so(self):
        module = nn.Sequential(linear(1.0), nn.BatchNorm1d(2)).eval()
        module[1].running_var.fill_(1e6)
        set_precision(module, Precision.FLOAT16, CPU, keep_float32=["1"])
        assert module(torch.full((1, 2), 1000.0)).tolist() == [[1.0, 1.0]]

    def test_that_are_infinite_already_are_the_models_own_affair(self):
        module = nn.Linear(1, 1)
        module.register_buffer("limit", torch.tensor([float("inf")]))
        set_precision(module, Precision.FLOAT16, CPU)
        assert module(torch.zeros(1, 1)).isfinite().all()


def test_float32_is_never_looked_at():
    module = nn.ReLU()
    set_precision(module, Precision.FLOAT32, CPU)
    assert module(torch.tensor([float("inf")])).item() == float("inf")


def test_searches_in_two_threads_do_not_mix():
    module = nn.Sequential(linear(300.0), linear(300.0))
    set_precision(module, Precision.FLOAT16, CPU)

    def found(number):
        with pytest.raises(NonFiniteOutputError) as caught:
            module(torch.tensor([[number, 0.0]]))
        return caught.value.layer

    with ThreadPoolExecutor(2) as pool:
        layers = list(pool.map(found, [300.0, 1.0] * 30))
    assert layers == ["0", "1"] * 30
