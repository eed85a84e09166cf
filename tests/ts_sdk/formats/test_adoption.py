"""A module is given tensors in place of its own where nobody can tell, and only there."""

import pytest
import torch
from torch import nn

from ts_sdk.formats.adoption import adopted
from ts_sdk.formats.module_file import fill_module


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("table", torch.arange(3))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, bidirectional=True)
        self.attention = nn.MultiheadAttention(4, 2)


class Listing(nn.Linear):
    """Keeps its weight under a second name that no state dict has."""

    def __init__(self):
        super().__init__(2, 2)
        self.all = [self.weight]


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.second.weight = self.first.weight


class Viewing(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)
        self.transposed = self.weight.data.t()


class LoadsInItsOwnWay(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)

    def _load_from_state_dict(self, state, prefix, *rest):
        state[f"{prefix}weight"] = state[f"{prefix}weight"] * 2
        super()._load_from_state_dict(state, prefix, *rest)


class Hooked(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)
        self.register_load_state_dict_post_hook(lambda module, _: module.double_bias())

    def double_bias(self):
        self.bias.data *= 2


class WithState(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)

    def get_extra_state(self):
        return torch.ones(1)

    def set_extra_state(self, state):
        self.extra = state


def state_of(module_class):
    torch.manual_seed(7)
    return {name: tensor.clone() for name, tensor in module_class().state_dict().items()}


def own_state(module):
    return module.state_dict(keep_vars=True)


@pytest.mark.parametrize("module_class", [Plain, Recurrent, Listing])
def test_the_weights_are_the_given_tensors_themselves(module_class):
    module, state = module_class(), state_of(module_class)
    before = dict(module.named_parameters())
    assert adopted(module, own_state(module), state)
    for name, tensor in module.state_dict().items():
        assert tensor.data_ptr() == state[name].data_ptr(), name
    after = dict(module.named_parameters())
    assert all(after[name] is before[name] for name in before)
    assert all(parameter.requires_grad for parameter in after.values())


def test_what_else_holds_a_parameter_sees_the_new_numbers():
    module, state = Listing(), state_of(Listing)
    assert adopted(module, own_state(module), state)
    assert torch.equal(module.all[0], state["weight"])
    recurrent, state = Recurrent(), state_of(Recurrent)
    by_hand = Recurrent()
    by_hand.load_state_dict(state)
    assert adopted(recurrent, own_state(recurrent), state)
    given = torch.ones(2, 1, 3)
    assert torch.equal(recurrent.lstm(given)[0], by_hand.lstm(given)[0])


def test_a_weight_with_two_names_stays_one(tmp_path):
    state = state_of(Tied)
    del state["second.weight"]
    module = fill_module(Tied(), state, tmp_path, adopt=True)
    assert module.second.weight is module.first.weight
    assert module.first.weight.data_ptr() == state["first.weight"].data_ptr()


@pytest.mark.parametrize("module_class", [Viewing, LoadsInItsOwnWay, Hooked, WithState])
def test_where_it_could_be_noticed_the_numbers_are_copied(module_class, tmp_path):
    state = state_of(module_class)
    by_hand, module = module_class(), module_class()
    by_hand.load_state_dict(dict(state))
    assert not adopted(module, own_state(module), state)
    fill_module(module, dict(state), tmp_path, adopt=True)
    for name, tensor in by_hand.state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor), name
    if module_class is Viewing:
        assert torch.equal(module.transposed, module.weight.t())


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state | {"linear.weight": state["linear.weight"].double()},
        lambda state: state | {"more": torch.ones(1)},
        lambda state: {name: state[name] for name in state if name != "table"},
        lambda state: state | {"linear.bias": torch.ones(5)},
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change):
    module, state = Plain(), change(state_of(Plain))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    assert not adopted(module, own_state(module), state)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
