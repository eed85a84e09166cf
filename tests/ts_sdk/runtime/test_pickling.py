"""Values on their way to another process."""

import collections
import pickle
from typing import NamedTuple

import numpy as np
import pytest
import torch

from ts_sdk.runtime.pickling import pack, unpack


class Point(NamedTuple):
    x: object
    y: object


class Labels(dict):
    pass


class Box:
    pass


def there_and_back(value, foreign=None):
    return unpack(b"".join(pack(value, foreign).chunks))


def is_own(module):
    return module == __name__


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4).t(),
        torch.zeros(0, 3),
        torch.tensor(5),
        torch.tensor([True, False]),
        torch.ones(2, dtype=torch.bfloat16),
        torch.tensor([1 + 2j]),
    ],
)
def test_a_tensor_arrives_as_it_was(tensor):
    arrived = there_and_back({"answer": tensor})["answer"]
    assert arrived.dtype == tensor.dtype
    assert torch.equal(arrived, tensor)


def test_a_parameter_stays_one():
    arrived = there_and_back(torch.nn.Parameter(torch.ones(2)))
    assert isinstance(arrived, torch.nn.Parameter)
    assert arrived.requires_grad


def test_what_arrives_can_be_written_to():
    arrived = there_and_back([np.zeros(3), torch.zeros(3), bytearray(3)])
    for each in arrived:
        each[0] = 1
        assert each[0] == 1


@pytest.mark.parametrize("body", [bytes(200_000), bytearray(200_000), np.zeros(50_000)])
def test_a_large_body_is_not_copied_when_it_is_packed(body):
    chunks = pack([body]).chunks
    largest = max(chunks, key=len)
    there, here = np.frombuffer(largest, np.uint8), np.frombuffer(body, np.uint8)
    assert np.shares_memory(there, here)


def test_a_class_of_the_archive_is_refused_by_name():
    with pytest.raises(pickle.PicklingError, match=r"\.Box is the archive's own"):
        pack({"answer": Box()}, is_own)
    with pytest.raises(pickle.PicklingError, match=r"\.is_own is the archive's own"):
        pack(is_own, is_own)


def test_of_a_class_that_extends_a_plain_type_the_plain_value_arrives():
    assert there_and_back([Point(1, [2]), Labels(a=Point(3, 4))], is_own) == [
        (1, [2]),
        {"a": (3, 4)},
    ]
    assert type(there_and_back(Point(1, 2), is_own)) is tuple


def test_what_both_sides_can_import_arrives_as_it_was():
    value = collections.OrderedDict(a=Point(1, 2))
    assert there_and_back(value, lambda _: False) == value
