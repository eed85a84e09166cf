"""From what a model answers to one answer for each request."""

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

from ts_sdk.batch import WRONG_NUMBER
from ts_sdk.errors import HandlerContractError
from ts_sdk.tensors.answers import PerRequest, answers_of, split

TWO = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
NUMBERS = torch.tensor([5, 6])


class Pair(NamedTuple):
    high: torch.Tensor
    low: torch.Tensor


@dataclass
class Output:
    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...] = ()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (TWO, [[1.0, 2.0], [3.0, 4.0]]),
        (NUMBERS, [5, 6]),
        (TWO.numpy(), [[1.0, 2.0], [3.0, 4.0]]),
        (TWO.to(torch.bfloat16), [[1.0, 2.0], [3.0, 4.0]]),
        (TWO.half(), [[1.0, 2.0], [3.0, 4.0]]),
        ((TWO, NUMBERS), [[[1.0, 2.0], 5], [[3.0, 4.0], 6]]),
        ([TWO, NUMBERS.numpy()], [[[1.0, 2.0], 5], [[3.0, 4.0], 6]]),
        ({"a": TWO, "b": NUMBERS}, [{"a": [1.0, 2.0], "b": 5}, {"a": [3.0, 4.0], "b": 6}]),
        ({"a": {"b": NUMBERS}, "c": ()}, [{"a": {"b": 5}, "c": ()}, {"a": {"b": 6}, "c": ()}]),
        ({"a": NUMBERS, "version": 3}, [{"a": 5, "version": 3}, {"a": 6, "version": 3}]),
        (Pair(TWO, NUMBERS), [{"high": [1.0, 2.0], "low": 5}, {"high": [3.0, 4.0], "low": 6}]),
        (Output(NUMBERS), [{"logits": 5, "hidden": ()}, {"logits": 6, "hidden": ()}]),
        (Output(NUMBERS, (NUMBERS,)), [{"logits": n, "hidden": [n]} for n in (5, 6)]),
        (
            [{"boxes": TWO, "n": np.int64(2)}, {"boxes": TWO[:0], "n": 0}],
            [{"boxes": [[1.0, 2.0], [3.0, 4.0]], "n": 2}, {"boxes": [], "n": 0}],
        ),
        (({}, [{"a": NUMBERS}, {"a": NUMBERS}]), [[{}, {"a": [5, 6]}], [{}, {"a": [5, 6]}]]),
        (["cat", "dog"], ["cat", "dog"]),
        ([[1, 2], [3]], [[1, 2], [3]]),
    ],
    ids=str,
)
def test_each_request_gets_its_part(output, expected):
    for answers in (answers_of(output, 2), answers_of(output)):
        assert answers == expected
        assert json.dumps(answers)


def test_the_parts_stay_tensors_until_they_are_answers():
    (first, second) = split({"a": TWO, "b": (NUMBERS, "x")}, 2)
    assert first["a"].tolist() == [1.0, 2.0]
    assert second["b"][0].item() == 6
    assert second["b"][1] == "x"
    assert answers_of(PerRequest([first, second])) == [
        {"a": [1.0, 2.0], "b": [5, "x"]},
        {"a": [3.0, 4.0], "b": [6, "x"]},
    ]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (torch.tensor(3.0), "one number for the whole batch"),
        (np.float32(3.0), "one number for the whole batch"),
        ({"loss": torch.tensor(3.0), "logits": TWO}, "output 'loss': the model returned one num"),
        (torch.ones(3, 5), r"shape \(3, 5\) for 2 requests"),
        ((TWO, torch.ones(1, 7)), r"output 1: the model returned shape \(1, 7\) for 2 requests"),
        ({"a": {"b": torch.ones(0)}}, r"output 'a': output 'b': .* shape \(0,\) for 2 requests"),
        ([{"a": 1}], "a list of 1 for 2 requests"),
        (None, "returned a NoneType: override postprocess"),
        ("cat", "returned a str: override postprocess"),
        ([], "returned a list: override postprocess"),
        ({"a": object()}, "output 'a': the model returned a object: override postprocess"),
    ],
    ids=str,
)
def test_an_output_that_is_not_one_for_each_request_is_an_error_with_its_shape(output, words):
    with pytest.raises(HandlerContractError, match=words) as caught:
        answers_of(output if not isinstance(output, np.generic) else np.asarray(output), 2)
    assert caught.value.status == 503


def test_a_wrong_number_is_told_to_the_sender_as_torchserve_told_it():
    with pytest.raises(HandlerContractError) as caught:
        answers_of({"a": torch.ones(3)}, 2)
    assert caught.value.client_message == WRONG_NUMBER


def test_where_the_number_of_requests_is_not_known_a_tensor_is_as_torchserve_made_it():
    assert answers_of(torch.tensor(3.0)) == 3.0
    assert answers_of(torch.ones(3)) == [1.0] * 3
