"""Random weights that would be overwritten are not drawn, and nobody can tell."""

import threading

import pytest
import torch
from torch import nn

from ts_sdk.formats.initialisation import built_without_drawing
from ts_sdk.formats.module_file import fill_module


class Layers(nn.Module):
    """Everything with weights, buffers and a constructor that fills them."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4, padding_idx=0)
        self.lstm = nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.conv = nn.Conv1d(6, 5, 3, padding=1)
        self.norm = nn.BatchNorm1d(5)
        self.layer_norm = nn.LayerNorm(5)
        self.attention = nn.MultiheadAttention(4, 2)
        self.out = nn.Linear(5, 7, bias=False)
        self.tied = nn.Linear(5, 7)
        self.tied.weight = self.out.weight
        self.register_buffer("positions", torch.arange(10.0).sqrt(), persistent=False)
        self.scale = nn.Parameter(torch.empty(3))
        nn.init.constant_(self.scale, 5.0)
        self.register_buffer("inverse", 1 / self.scale.detach(), persistent=False)
        self.table = torch.linspace(0, 1, 4)
        for layer in self.modules():
            if isinstance(layer, nn.Conv1d):
                nn.init.kaiming_normal_(layer.weight)
                layer.bias.data.zero_()
            if isinstance(layer, nn.Linear):
                layer.weight.data.normal_(0, 0.02)

    def forward(self, words):
        hidden = self.lstm(self.embedding(words))[0].transpose(1, 2)
        features = self.layer_norm(self.norm(self.conv(hidden)).mean(2))
        return self.out(features) + self.tied(features) + self.inverse.sum() + self.table.sum()


class FillsByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(20, 10))
        nn.init.trunc_normal_(self.weight, std=0.02)  # draws again until all numbers are in range
        self.other = nn.Parameter(torch.empty(10, 10))
        nn.init.orthogonal_(self.other)
        self.third = nn.Parameter(torch.empty(10, 10))
        nn.init.xavier_uniform_(self.third)


class NormOfItsWeights(nn.Module):
    """A buffer that is not saved, computed of the weights that were drawn."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("norm", self.linear.weight.data.norm(), persistent=False)


class ViewOfItsWeights(nn.Module):
    def __init__(self):
        super().__init__()
        view = self.weight_view()
        nn.init.normal_(self.weight)
        self.start = float(view.sum())

    def weight_view(self):
        self.weight = nn.Parameter(torch.zeros(4, 4))
        return self.weight.data.view(-1)


class RandomFeatures(nn.Module):
    """A random projection that is not saved but drawn from a seed, after a layer drew too."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.linear = nn.Linear(4, 4)
        self.projection = torch.randn(4, 4)


class ListOfWeights(nn.Module):
    """Parameters that no state dict holds."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.hidden = [nn.Parameter(torch.empty(3))]
        nn.init.normal_(self.hidden[0])


class SwallowsErrors(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        try:
            self.total = self.linear.weight.sum().item()
        except Exception:  # noqa: BLE001 - that is what some modules do
            self.total = 0.0


class ReplacesItsHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 1000)
        self.head = nn.Linear(4, 2)


MODULES = [
    Layers,
    FillsByHand,
    NormOfItsWeights,
    ViewOfItsWeights,
    RandomFeatures,
    ListOfWeights,
    SwallowsErrors,
    ReplacesItsHead,
]


def everything_in(module):
    """All that a module computes with, by name."""
    found = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers())
    for name, value in vars(module).items():
        if isinstance(value, torch.Tensor | float):
            found[name] = torch.as_tensor(value)
        if isinstance(value, list):
            found |= {f"{name}.{number}": tensor for number, tensor in enumerate(value)}
    return found


@pytest.mark.parametrize("module_class", MODULES)
def test_the_module_is_the_same_as_one_built_by_hand(module_class, tmp_path):
    torch.manual_seed(1)
    state = module_class().state_dict()
    torch.manual_seed(2)
    by_hand = module_class()
    by_hand.load_state_dict(state)

    torch.manual_seed(2)
    built = built_without_drawing(module_class, state.keys())
    if built is None:  # then it is built plainly, with the same random numbers
        built = module_class()
    fill_module(built, state, tmp_path)

    expected, found = everything_in(by_hand), everything_in(built)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in built.parameters())


@pytest.mark.parametrize("module_class", [Layers, ReplacesItsHead])
def test_ordinary_modules_draw_nothing(module_class):
    """That is what it is for: the state of the random numbers shows that none was drawn."""
    before = torch.get_rng_state()
    names = module_class().state_dict().keys()
    torch.set_rng_state(before)
    assert built_without_drawing(module_class, names) is not None
    assert torch.equal(torch.get_rng_state(), before)


def test_the_outputs_are_the_same(tmp_path):
    by_hand = Layers().eval()
    built = built_without_drawing(Layers, by_hand.state_dict().keys())
    fill_module(built, by_hand.state_dict(), tmp_path).eval()
    words = torch.tensor([[1, 2, 3, 0], [4, 5, 6, 1]])
    assert torch.equal(built(words), by_hand(words))
    assert built.tied.weight is built.out.weight


@pytest.mark.parametrize(
    "module_class",
    [
        FillsByHand,
        NormOfItsWeights,
        ViewOfItsWeights,
        RandomFeatures,
        ListOfWeights,
        SwallowsErrors,
    ],
)
def test_where_it_would_make_a_difference_it_is_not_done(module_class):
    state = module_class().state_dict()
    before = torch.get_rng_state()
    assert built_without_drawing(module_class, state.keys()) is None
    assert torch.equal(torch.get_rng_state(), before)


def test_a_weight_that_will_not_be_loaded_is_drawn():
    names = nn.Linear(2, 2).state_dict().keys() - {"bias"}

    class Small(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)

    assert built_without_drawing(Small, names) is None
    assert built_without_drawing(Small, {"weight", "bias"}) is not None


def test_other_threads_and_later_modules_are_initialised_as_ever():
    inside, leave = threading.Event(), threading.Event()
    elsewhere = []

    class Slow(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)
            inside.set()
            assert leave.wait(10)

    def build_another():
        inside.wait(10)
        elsewhere.append(nn.Linear(300, 30).weight.abs().max().item())
        leave.set()

    thread = threading.Thread(target=build_another)
    thread.start()
    built_without_drawing(Slow, {"linear.weight", "linear.bias"})
    thread.join()
    bound = 1 / 300**0.5
    assert 0.9 * bound < elsewhere[0] <= bound
    assert 0.9 * bound < nn.Linear(300, 30).weight.abs().max().item() <= bound
