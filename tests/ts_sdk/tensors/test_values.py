"""Values of requests as tensors."""

import json

import numpy as np
import pytest
import torch

from ts_sdk.errors import RequestError
from ts_sdk.tensors.values import tensor_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, torch.tensor(7)),
        (1.5, torch.tensor(1.5)),
        ([[1, 2], [3, 4]], torch.tensor([[1, 2], [3, 4]])),
        ([1, 2.5], torch.tensor([1.0, 2.5])),
        ((True, False), torch.tensor([True, False])),
        ("[[1.5]]", torch.tensor([[1.5]])),
        (b" [1, 2]\n", torch.tensor([1, 2])),
        (bytearray(b"3"), torch.tensor(3)),
        (np.arange(3), torch.arange(3)),
        (np.float64(0.5), torch.tensor(0.5, dtype=torch.float64)),
        (np.arange(3)[::-1], torch.tensor([2, 1, 0])),
        (np.array([1.0, 2.0], ">f4"), torch.tensor([1.0, 2.0])),
        (np.array([1, 65535], np.uint16), torch.tensor([1, 65535], dtype=torch.int32)),
        (np.array([2**32 - 1], np.uint32), torch.tensor([2**32 - 1])),
        (np.array([7], np.uint64), torch.tensor([7])),
        (np.array([1.5], np.longdouble), torch.tensor([1.5], dtype=torch.float64)),
        (np.frombuffer(b"\1\2", np.uint8), torch.tensor([1, 2], dtype=torch.uint8)),
        ([torch.ones(2), torch.zeros(2)], torch.tensor([[1.0, 1.0], [0.0, 0.0]])),
        ([np.ones(1, np.float32), [2.0]], torch.tensor([[1.0], [2.0]])),
        (torch.ones(1, requires_grad=True), torch.ones(1)),
    ],
    ids=repr,
)
def test_numbers_arrive_in_every_form(value, expected):
    tensor = tensor_of(value)
    assert tensor.dtype is expected.dtype
    assert torch.equal(tensor, expected)
    assert not tensor.requires_grad


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "got an empty list"),
        ([[], []], "got an empty list"),
        ([[1, 2], [3]], "of equal length: expected sequence of length 2 at dim 1"),
        ([1, "two"], "expected nested lists of numbers"),
        ([1, None], "expected nested lists of numbers"),
        ([{"x": 1}], "expected nested lists of numbers"),
        ([2**70], "expected nested lists of numbers"),
        (None, "got nothing"),
        ({}, "got an empty object"),
        ({"x": 1, "y": 2}, "got an object with the keys 'x', 'y'"),
        ("the cat", "7 characters that are none of these"),
        ('"the cat"', "got text"),
        (object(), "got a object"),
        (np.array(["a"]), "got an array of <U1"),
        (np.array([None]), "got an array of object"),
        (np.array([2**64 - 1], np.uint64), "that int64 can hold"),
        ([torch.ones(2), torch.ones(3)], r"of one shape, got \(2,\), \(3,\)"),
    ],
    ids=repr,
)
def test_what_is_no_tensor_is_refused_by_what_it_is(value, words):
    with pytest.raises(RequestError, match=words) as caught:
        tensor_of(value)
    assert caught.value.status == 400


def test_a_long_text_among_many_numbers_costs_no_memory():
    with pytest.raises(RequestError, match="expected nested lists of numbers"):
        tensor_of([*range(100_000), "x" * 1_000_000])


def test_a_nest_of_lists_that_is_far_too_deep_is_refused():
    value = json.loads("[" * 500 + "1" + "]" * 500)
    with pytest.raises(RequestError, match="expected nested lists of numbers"):
        tensor_of(value)
