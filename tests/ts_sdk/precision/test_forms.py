"""Every form that can be converted computes in half precision, constants and all."""

import pytest
import torch
from small_models import FORMS, Overflowing, in_form, linear
from torch import nn

from ts_sdk.errors import NonFiniteOutputError, PrecisionError
from ts_sdk.precision import Precision, set_precision

CPU = torch.device("cpu")


class Everything(nn.Module):
    """A parameter, a buffer, a constant and an attribute, each of which must be converted."""

    def __init__(self):
        super().__init__()
        self.linear = linear(3.0)
        self.register_buffer("shift", torch.tensor([1.0, 2.0]))
        self.factor = torch.tensor([2.0, 4.0])
        self.end = linear(1.0)

    def forward(self, x):
        return self.end(self.linear(x) * self.factor + self.shift)


def everything(form):
    module = Everything().eval()
    if form == "eager":  # as `Module.to` does it, plain attributes stay
        module.factor = module.factor.half()
    return in_form(module, form, torch.ones(2, 2))


@pytest.mark.parametrize("form", FORMS)
def test_the_whole_model_computes_in_half(form):
    module = everything(form)
    set_precision(module, Precision.FLOAT16, CPU)
    for _ in range(3):  # TorchScript optimises in the first calls
        answer = module(torch.tensor([[1.0, 2.0], [0.0, 0.0]]))
        assert answer.tolist() == [[7.0, 26.0], [1.0, 2.0]]
        assert answer.dtype is torch.float32
    assert {weight.dtype for weight in module.state_dict().values()} <= {torch.float16}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("word", ["bfloat16", "autocast-bfloat16"])
def test_bfloat16_has_the_range_that_float16_lacks(form, word):
    module = in_form(Overflowing(), form, torch.ones(2, 2))
    set_precision(module, Precision(word), CPU)
    answer = module(torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(answer, torch.tensor([[2.0, 0.0]]), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("form", [each for each in FORMS if each != "frozen"])
@pytest.mark.parametrize("kept", [["scale", "back"], ["first", "scale", "back"], ["[sb]*"]])
def test_kept_layers_make_it_right_in_every_form_that_has_layers(form, kept):
    module = in_form(Overflowing(), form, torch.ones(2, 2))
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=kept)
    for _ in range(3):
        answer = module(torch.tensor([[1.0, 3.0], [2.0, 0.5]]))
        torch.testing.assert_close(
            answer, torch.tensor([[2.0, 6.0], [4.0, 1.0]]), rtol=1e-3, atol=0
        )


@pytest.mark.parametrize("form", [each for each in FORMS if each != "frozen"])
def test_the_weights_of_kept_layers_lose_nothing(form):
    module = in_form(Overflowing(), form, torch.ones(2, 2))
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["back"])
    assert module.state_dict()["back.weight"].dtype is torch.float32
    assert module.state_dict()["back.weight"][0, 0].item() == torch.tensor(1e-5).item()
    assert module.state_dict()["first.weight"].dtype is torch.float16


@pytest.mark.parametrize("form", [each for each in FORMS if each != "frozen"])
def test_the_first_layer_out_of_range_is_named_in_every_form_that_has_layers(form):
    module = in_form(Overflowing(), form, torch.ones(2, 2))
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(NonFiniteOutputError) as caught:
        module(torch.tensor([[1.0, 1.0], [0.0, 0.0], [3.0, 0.0]]))
    message = caught.value.message
    assert caught.value.layer == "scale"
    assert "for rows 0 and 2 of 3" in message
    assert "given numbers up to 6 and gives numbers up to 600000 in float32" in message
    assert "keep_float32=['scale']" in message


def test_a_frozen_model_has_no_layers_but_its_operations_are_seen():
    module = in_form(Overflowing(), "frozen", torch.ones(2, 2))
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(
        NonFiniteOutputError, match="numbers up to 2; load with precision='bfloat16'"
    ):
        module(torch.ones(1, 2))


@pytest.mark.parametrize("form", ["scripted", "exported"])
def test_layers_of_a_compiled_form_cannot_be_kept_under_autocast(form):
    module = in_form(Overflowing(), form, torch.ones(2, 2))
    with pytest.raises(PrecisionError, match="keep_float32 goes with float16 and bfloat16"):
        set_precision(module, Precision.AUTOCAST_FLOAT16, CPU, keep_float32=["scale"])


class TakesList(nn.Module):
    """Detectors are called so: a list of pictures, a list of dicts."""

    def __init__(self):
        super().__init__()
        self.head = linear(2.0)

    def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        found: list[dict[str, torch.Tensor]] = []
        for picture in pictures:
            score = self.head(picture)
            found.append({"score": score, "label": score.argmax(dim=-1)})
        return found


@pytest.mark.parametrize("kept", [[], ["head"]])
def test_scripted_models_that_take_lists(script, kept):
    module = script(TakesList())
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=kept)
    first, second = module([torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 0.0]])])
    assert first["score"].tolist() == [2.0, 4.0]
    assert (second["score"].dtype, second["label"].tolist()) == (torch.float32, [0])


class TestAModelAroundAnotherForm:
    @pytest.fixture
    def wrapper(self):
        class Wrapper(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.program = inner

            def forward(self, x):
                return {"answer": self.program(x)}

        return Wrapper(in_form(Overflowing(), "exported", torch.ones(2, 2)))

    def test_has_the_names_of_the_inner_layers(self, wrapper):
        set_precision(wrapper, Precision.FLOAT16, CPU, keep_float32=["scale", "back"])
        answer = wrapper(torch.ones(1, 2))["answer"]
        torch.testing.assert_close(answer, torch.full((1, 2), 2.0), rtol=1e-3, atol=0)

    def test_names_them_in_errors_too(self, wrapper):
        set_precision(wrapper, Precision.FLOAT16, CPU)
        with pytest.raises(NonFiniteOutputError, match="first in layer scale"):
            wrapper(torch.ones(1, 2))


class TestAFormInsideOfAModel:
    @pytest.fixture
    def module(self, script):
        inner = script(Overflowing())
        return nn.Sequential(linear(1.0), inner, linear(1.0))

    def test_can_be_kept_whole(self, module):
        set_precision(module, Precision.FLOAT16, CPU, keep_float32=["1"])
        torch.testing.assert_close(module(torch.ones(1, 2)), torch.full((1, 2), 2.0))

    def test_cannot_be_kept_in_part(self, module):
        with pytest.raises(PrecisionError, match=r"1\.scale lies inside of 1, .*: keep 1"):
            set_precision(module, Precision.FLOAT16, CPU, keep_float32=["1.scale"])

    def test_is_looked_into_for_the_layer_at_fault(self, module):
        set_precision(module, Precision.FLOAT16, CPU)
        with pytest.raises(NonFiniteOutputError) as caught:
            module(torch.ones(1, 2))
        assert "first in layer 1.scale (Scale), which is given numbers up to 2" in str(caught.value)
        assert "gives numbers up to 200000 in float32" in str(caught.value)
        assert str(caught.value).endswith("or with keep_float32=['1']")
        assert caught.value.layer == "1"  # which can be kept


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("form", [each for each in FORMS if each != "frozen"])
def test_on_cuda_layers_are_found_and_kept_too(form):
    cuda = torch.device("cuda", 0)
    given = torch.tensor([[1.0, 3.0], [2.0, 0.5]], device=cuda)
    module = in_form(Overflowing().to(cuda), form, given)
    set_precision(module, Precision.FLOAT16, cuda)
    with pytest.raises(NonFiniteOutputError) as caught:
        module(given)
    assert caught.value.layer == "scale"
    module = in_form(Overflowing().to(cuda), form, given)
    set_precision(module, Precision.FLOAT16, cuda, keep_float32=["scale", "back"])
    torch.testing.assert_close(module(given), given * 2, rtol=1e-3, atol=0)
