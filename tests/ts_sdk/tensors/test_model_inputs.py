"""What a model says of its inputs by its signature and its layers."""

import functools

import pytest
import torch
from torch import Tensor, nn

from ts_sdk.formats.signature import Signature, TensorInput
from ts_sdk.tensors.model_inputs import ModelInputs, inputs_of


class Two(nn.Module):
    def forward(self, x: Tensor, y: Tensor, scale: float = 1.0) -> Tensor:
        return (x + y) * scale


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(4, 2)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.words(inputs["ids"])


class OldDict(nn.Module):
    def forward(self, inputs: "Mapping[str, Tensor]"):  # noqa: F821 - as where it is imported for types only
        return inputs["x"]


class Open(nn.Module):
    def forward(self, x, **more):
        return x


class Everything(nn.Module):
    def forward(self, *tensors):
        return tensors[0]


@pytest.mark.parametrize("is_scripted", [False, True])
def test_names_come_from_the_signature(is_scripted, script):
    inputs = inputs_of(script(Two()) if is_scripted else Two())
    assert inputs.names == ("x", "y", "scale")
    assert inputs.required == {"x", "y"}
    assert not inputs.is_open
    assert not inputs.takes_dict


@pytest.mark.parametrize("is_scripted", [False, True])
def test_a_model_that_takes_a_dict_and_looks_numbers_up_is_known(is_scripted, script):
    inputs = inputs_of(script(Tower()) if is_scripted else Tower())
    assert inputs.takes_dict
    assert inputs.counts
    assert inputs_of(OldDict()).takes_dict
    assert not inputs_of(Two()).counts


def test_of_a_model_that_takes_anything_nothing_more_is_known():
    assert inputs_of(Open()).is_open
    assert inputs_of(Open()).names == ("x",)
    assert inputs_of(Everything()).names == ()
    assert inputs_of(lambda x: x) == ModelInputs()
    assert inputs_of(None) == ModelInputs()


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")]
)
def test_a_wrapped_model_is_known_by_what_it_wraps(wrap):
    assert inputs_of(wrap(Two())).names == ("x", "y", "scale")


def test_a_forward_that_wraps_the_models_own_does_not_hide_it():
    model = Two()
    model.forward = functools.partial(model.forward)
    assert inputs_of(model).names == ("x", "y", "scale")


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        (nn.Linear(2, 1), torch.int64, torch.float32),
        (nn.Linear(2, 1), torch.uint8, torch.float32),
        (nn.Linear(2, 1), torch.float64, torch.float32),
        (nn.Linear(2, 1), torch.float16, torch.float32),
        (nn.Linear(2, 1), torch.bool, torch.bool),
        (nn.Linear(2, 1), torch.complex64, torch.complex64),
        (nn.Linear(2, 1).double(), torch.float32, torch.float64),
        (nn.Linear(2, 1).half(), torch.float32, torch.float32),
        (nn.BatchNorm1d(2, affine=False), torch.int64, torch.float32),
        (nn.Embedding(2, 1), torch.int64, torch.int64),
        (nn.Embedding(2, 1), torch.float64, torch.float32),
        (Two(), torch.int64, torch.int64),
        (Two(), torch.float64, torch.float64),
    ],
    ids=lambda value: str(value).removeprefix("torch."),
)
def test_numbers_get_the_format_that_the_model_computes_in(model, given, expected):
    assert inputs_of(model).fit(torch.ones(2, dtype=given)).dtype is expected


class TestAModelThatDeclaresItsInputs:
    @pytest.fixture
    def inputs(self):
        model = Everything()
        model.signature = Signature(
            (
                TensorInput("ids", torch.int32, (None,)),
                TensorInput("weights", torch.float16, (None,)),
            )
        )
        return inputs_of(model)

    def test_is_known_by_them(self, inputs):
        assert inputs.names == ("ids", "weights")
        assert inputs.required == {"ids", "weights"}
        assert not inputs.is_open

    def test_gets_whole_numbers_where_it_wants_them_and_they_fit(self, inputs):
        assert inputs.fit(torch.tensor([5])).dtype is torch.int32
        assert inputs.fit(torch.tensor([5]), "ids").dtype is torch.int32
        assert inputs.fit(torch.tensor([2**40]), "ids").dtype is torch.int64
        assert inputs.fit(torch.tensor([5]), "weights").dtype is torch.float32
        assert inputs.fit(torch.tensor([0.5]), "weights").dtype is torch.float32
        assert inputs.fit(torch.tensor([0.5]), "ids").dtype is torch.float32
        assert inputs.fit(torch.tensor([True]), "ids").dtype is torch.bool

    def test_that_are_no_tensors_is_as_one_that_does_not(self):
        model = Everything()
        model.signature = Signature((None,))
        assert inputs_of(model).names == ()
