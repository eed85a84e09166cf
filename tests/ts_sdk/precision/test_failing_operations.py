"""An operation that the precision makes fail is named with its layer and the way out."""

import pytest
import torch
import torchvision
from small_models import in_form, linear
from torch import nn

from ts_sdk.errors import PrecisionError
from ts_sdk.precision import Precision, set_precision

CPU = torch.device("cpu")


class Inverse(nn.Module):
    """`torch.linalg.inv` has no kernels for half precision anywhere."""

    def forward(self, x):
        return torch.linalg.inv(x)


class Mixing(nn.Module):
    """Code that makes float32 tensors inside."""

    def __init__(self):
        super().__init__()
        self.linear = linear(1.0)

    def forward(self, x):
        return self.linear(x * torch.ones(2))


def test_an_operation_without_a_kernel_is_named_with_its_layer_and_device():
    module = nn.Sequential(linear(2.0), Inverse())
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(PrecisionError) as caught:
        module(torch.eye(2))
    message = str(caught.value)
    assert "failed in layer 1 (Inverse) in float16" in message
    assert "aten::linalg_inv_ex cannot be done in float16 on cpu" in message
    assert "load with precision='autocast-float16', or with keep_float32=['1']" in message
    assert message.endswith("keep_float32=['1']")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_keeping_that_layer_helps():
    module = nn.Sequential(linear(2.0), Inverse())
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["1"])
    assert module(torch.eye(2)).tolist() == [[0.5, 0.0], [0.0, 0.5]]


@pytest.mark.parametrize("form", ["scripted", "traced", "exported"])
def test_in_a_compiled_form_the_operation_is_named(form):
    module = in_form(nn.Sequential(linear(2.0), Inverse()), form, torch.eye(2))
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(PrecisionError, match=r"linalg_inv\w* cannot be done in float16 on cpu"):
        module(torch.eye(2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="on CUDA there is a kernel")
def test_the_suppression_of_boxes_is_such_an_operation():
    class Detector(nn.Module):
        def forward(self, boxes):
            return boxes[torchvision.ops.nms(boxes, boxes[:, 0], 0.5)]

    module = Detector()
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(PrecisionError, match="torchvision::nms cannot be done in float16 on cpu"):
        module(torch.tensor([[0.0, 0.0, 1.0, 1.0]]))


def test_numbers_in_two_formats_are_said_to_be_so():
    module = Mixing()
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(PrecisionError) as caught:
        module(torch.ones(1, 2))
    message = str(caught.value)
    assert "in layer linear (Linear)" in message
    assert "was given numbers in float16 and in float32" in message
    assert "load with precision='autocast-float16'" in message


@pytest.mark.parametrize("word", ["autocast-float16", "autocast-bfloat16"])
def test_and_the_word_that_is_named_works(word):
    module = Mixing()
    set_precision(module, Precision(word), CPU)
    assert module(torch.ones(1, 2)).dtype is torch.float32


@pytest.mark.parametrize("word", ["float16", "autocast-float16"])
def test_what_fails_in_float32_too_is_not_blamed_on_the_precision(word):
    module = nn.Sequential(linear(1.0), linear(1.0))
    set_precision(module, Precision(word), CPU)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        module(torch.ones(1, 3))


def test_an_error_of_the_models_own_code_may_be_the_precisions():
    class Refusing(nn.Module):
        def forward(self, x):
            if x.dtype is not torch.float32:
                raise RuntimeError("only float32 is welcome")
            return x

    module = Refusing()
    set_precision(module, Precision.BFLOAT16, CPU)
    with pytest.raises(
        PrecisionError, match=r"only float32 is welcome; if it runs in float32, load"
    ):
        module(torch.ones(1))


def test_out_of_memory_stays_what_it_is():
    class Hungry(nn.Module):
        def forward(self, x):
            raise torch.OutOfMemoryError("no more")

    module = Hungry()
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(torch.OutOfMemoryError):
        module(torch.ones(1))
