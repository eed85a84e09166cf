"""Floating tensors are found and cast in whatever models take and give."""

import collections
import warnings
from collections import UserDict
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import nn

from ts_sdk.floats import all_finite, cast_floats, floats_in, largest_in

ONE = torch.tensor([1.0])
INFINITE = torch.tensor([1.0, float("inf")])


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


@dataclass(frozen=True)
class Record:
    score: torch.Tensor
    label: str


class Names(list):
    """A list that wants more than its items."""

    def __init__(self, items, owner):
        super().__init__(items)
        self.owner = owner


@pytest.mark.parametrize(
    "made",
    [
        lambda x: [x],
        lambda x: (x, 1),
        lambda x: Pair(x, x),
        lambda x: {"a": {"b": [x]}},
        lambda x: collections.OrderedDict(a=x),
        lambda x: UserDict(a=x),
        lambda x: MappingProxyType({"a": x}),
        lambda x: Record(x, "cat"),
        lambda x: SimpleNamespace(a=x, b="cat"),
        lambda x: Names([x], owner="me"),
        lambda x: [{"boxes": x, "labels": torch.tensor([1])}, {"boxes": x}],
        lambda x: torch.max(x[None], 0),
        lambda x: nn.utils.rnn.pack_sequence([x[:, None]]),
    ],
    ids=lambda made: type(made(ONE)).__name__,
)
def test_containers_keep_their_type_and_their_tensors_are_cast(made):
    given = made(ONE)
    cast = cast_floats(given, torch.float16)
    kept = type(given) if not isinstance(given, MappingProxyType) else dict
    assert type(cast) is kept
    assert {tensor.dtype for tensor in floats_in(cast)} == {torch.float16}
    assert {tensor.dtype for tensor in floats_in(given)} == {torch.float32}


def test_what_a_list_has_besides_its_items_stays():
    assert cast_floats(Names([ONE], owner="me"), torch.float16).owner == "me"


@pytest.mark.parametrize(
    "dtype",
    [torch.int64, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn],
    ids=str,
)
def test_integers_booleans_complex_and_8_bit_numbers_stay_as_they_are(dtype):
    given = torch.ones(2).to(dtype)
    assert cast_floats(given, torch.float16) is given
    assert cast_floats([given], torch.float16)[0] is given


def test_a_container_without_floating_numbers_is_returned_itself():
    given = {"words": torch.arange(3), "size": (2, "x"), "more": [None]}
    assert cast_floats(given, torch.float16) is given


def test_double_precision_comes_back_as_float32():
    assert cast_floats(ONE.double(), torch.float32).dtype is torch.float32


def test_an_object_of_another_class_goes_through_as_it_is():
    class Cache:
        def __init__(self):
            self.keys = ONE

    cache = Cache()
    assert cast_floats([cache, ONE], torch.float16)[0] is cache
    assert cache.keys.dtype is torch.float32


@pytest.mark.parametrize(
    ("value", "finite"),
    [
        ([ONE, {"a": INFINITE}], False),
        ([ONE, {"a": ONE}], True),
        (torch.tensor([complex(0, float("nan"))]), False),
        (torch.arange(3), True),
        ([], True),
        (torch.tensor([]), True),
    ],
)
def test_whether_all_is_finite(value, finite):
    assert all_finite(value) is finite


def test_numbers_of_sparse_and_nested_tensors_are_seen():
    sparse = torch.tensor([1.0, 0.0, float("nan")]).to_sparse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls them a prototype
        nested = torch.nested.nested_tensor([ONE, INFINITE])
        compressed = torch.eye(2).to_sparse_csr()
    assert not all_finite(sparse)
    assert not all_finite(nested)
    assert all_finite(compressed)


def test_the_largest_finite_magnitude():
    assert largest_in([torch.tensor([-7.0, 3.0]), INFINITE, torch.tensor([100])]) == 7.0
    assert largest_in([torch.tensor([float("nan")]), "text"]) is None
