"""What an object holds on to, and what of it is new."""

import array
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ts_sdk.testing.watching.kept import held_by, news


class Slotted:
    __slots__ = ("empty", "filled")

    def __init__(self):
        self.filled = list(range(20))


class Awkward:
    """Its length cannot be asked for, as that of a scripted module."""

    def __len__(self):
        raise NotImplementedError


def new_after(handler, change):
    """The places that *change* makes new."""
    before = held_by(handler)
    change(handler)
    return [each.path for each in news(before, held_by(handler))]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b"some bytes of a request", "self.kept"),
        ("a text that a client has sent", "self.kept"),
        (bytearray(20), "self.kept"),
        (torch.zeros(1), "self.kept"),
        (torch.tensor(1.0), "self.kept"),
        (np.zeros(3), "self.kept"),
        (np.array(1.0), "self.kept"),
        (array.array("d", [1.0]), "self.kept"),
        ([1, 2], "self.kept"),
        ({"a": [torch.zeros(2)]}, "self.kept"),
        (Slotted(), "self.kept.filled"),
        (SimpleNamespace(row=[1, 2]), "self.kept.row"),
        ([SimpleNamespace(row={"a": 1})], "self.kept"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_request_could_leave_is_found_at_its_highest_place(value, place):
    found = new_after(SimpleNamespace(), lambda handler: setattr(handler, "kept", value))
    assert found == [place]


@pytest.mark.parametrize(
    "value",
    [7, 1.5, True, None, "a word", b"few", [], {}, object(), Awkward(), Slotted, len, nn.ReLU()],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_is_no_data_is_let_be(value):
    assert new_after(SimpleNamespace(), lambda handler: setattr(handler, "kept", value)) == []


@pytest.mark.parametrize(
    ("container", "grow"),
    [
        ([], lambda seen: seen.append(1)),
        ([1, 2], lambda seen: seen.append(3)),
        ({}, lambda seen: seen.update(a=1)),
        (set(), lambda seen: seen.add(1)),
        (deque([1]), lambda seen: seen.append(1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_container_that_has_grown_is_found(container, grow):
    handler = SimpleNamespace(seen=container)
    assert new_after(handler, lambda handler: grow(handler.seen)) == ["self.seen"]


def test_a_container_that_is_as_long_as_before_is_not_unless_what_is_in_it_is_another():
    handler = SimpleNamespace(words=["a", "b"], last=["a text of the first request"])
    assert new_after(handler, lambda handler: handler.words.reverse()) == []
    assert new_after(handler, lambda handler: handler.last.__setitem__(0, "b" * 20)) == [
        "self.last[0]"
    ]


def test_a_value_in_place_of_another_of_the_same_size_is_found():
    handler = SimpleNamespace(batch=torch.zeros(2))
    assert new_after(handler, lambda handler: setattr(handler, "batch", torch.zeros(2))) == [
        "self.batch"
    ]


def test_a_property_goes_by_the_name_that_the_handler_s_code_has():
    class WithContext:
        @property
        def context(self):
            return self._context

    assert new_after(WithContext(), lambda handler: setattr(handler, "_context", [1])) == [
        "self.context"
    ]


def test_what_stays_is_no_news():
    handler = SimpleNamespace(
        batch=torch.zeros(2), settings={"topk": [1, 2]}, model=nn.Linear(2, 2)
    )
    handler.itself = handler
    assert new_after(handler, lambda handler: handler.batch.add_(1)) == []


def test_a_ring_of_objects_and_one_that_is_deep_come_to_an_end():
    first = SimpleNamespace()
    first.next = SimpleNamespace(next=first, data=[1])
    deep = [1]
    for _ in range(2_000):
        deep = [deep]
    found = held_by(SimpleNamespace(first=first, deep=deep))
    assert "self.first.next.data" in found
    assert len(found) > 2_000


def test_a_scripted_module_is_no_data():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        scripted = torch.jit.script(nn.Linear(1, 1))
    handler = SimpleNamespace(model=scripted)
    assert new_after(handler, lambda handler: handler.model(torch.zeros(1, 1))) == []
