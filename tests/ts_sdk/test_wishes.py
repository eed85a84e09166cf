"""Requests that ask for an explanation or a description."""

import pytest
import torch

from ts_sdk import HandlerContractError, Request, RequestError
from ts_sdk.wishes import target_in

EXPLAINS = """
import torch
from ts_sdk import BaseHandler

class Linear(BaseHandler):
    def initialize(self, context):
        self.device = torch.device("cpu")

    def inference(self, data):
        return data * 2

    def get_insights(self, tensor_data, raw_data, target):
        if target == "broken":
            raise ValueError("no such class")
        return [{"input": tensor_data.tolist(), "raw": raw_data, "target": target}]

    def describe_handle(self):
        return {"name": "linear"}
"""
EXPLAIN = {"explain": "True"}
DESCRIBE = {"describe": "True"}


def asking(value, headers, **parts):
    return Request({"body": value, **parts}, headers)


@pytest.fixture
def model(load_folder):
    return load_folder({"handler.py": EXPLAINS})


def test_each_request_of_a_batch_is_answered_as_it_asked(model):
    outcomes = model.predict_batch(
        [
            [1.0],
            asking([2.0], EXPLAIN, target=b"3"),
            asking([3.0], DESCRIBE),
            [4.0],
            asking([5.0], EXPLAIN),
        ]
    )
    assert outcomes == [
        [2.0],
        {"input": [[2.0]], "raw": [2.0], "target": 3},
        {"name": "linear"},
        [8.0],
        {"input": [[5.0]], "raw": [5.0], "target": 0},
    ]


def test_an_explanation_that_fails_spoils_no_other_answer(model):
    outcomes = model.predict_batch([[1.0], asking([2.0], EXPLAIN, target="broken"), [3.0]])
    assert [outcomes[0], outcomes[2]] == [[2.0], [6.0]]
    assert isinstance(outcomes[1], RequestError)
    assert "no such class" in str(outcomes[1])
    assert outcomes[1].index == 1


def test_what_preprocess_rejects_is_not_explained(load_folder):
    source = EXPLAINS + (
        "\n    def preprocess(self, data):\n"
        "        self.reject(0, 'no')\n"
        "        return torch.empty(0)\n"
    )
    model = load_folder({"handler.py": source})
    with pytest.raises(RequestError, match="status 400: no"):
        model.predict(asking([1.0], EXPLAIN))


def test_a_handler_without_insights_says_what_it_needs(load_folder):
    source = """
    from ts_sdk import BaseHandler

    class Plain(BaseHandler):
        def initialize(self, context):
            self.device = "cpu"
    """
    model = load_folder({"handler.py": source})
    with pytest.raises(HandlerContractError, match=r"give it a method get_insights\("):
        model.predict(asking([1.0], EXPLAIN))
    assert model.respond(asking([1.0], DESCRIBE)).body == b"null"


@pytest.mark.parametrize(
    ("row", "target"),
    [
        ({}, 0),
        ({"target": 0}, 0),
        ({"target": 7}, 7),
        ({"target": b"7"}, 7),
        ({"target": " 7\n"}, 7),
        ({"target": ""}, 0),
        ({"target": "tabby"}, "tabby"),
        ({"target": bytearray(b"-1")}, -1),
        ({"target": [1, 2]}, [1, 2]),
        (torch.ones(1), 0),
    ],
)
def test_the_target_is_what_the_row_says(row, target):
    assert target_in(row) == target
