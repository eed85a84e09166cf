"""Binary tensors behind the JSON of requests and responses."""

import json

import numpy as np
import pytest

from ts_sdk.envelopes import KServev2Envelope

LENGTH = "Inference-Header-Content-Length"


def sent(inputs, *contents, **more):
    """A request's row and headers, as a client of the binary extension makes them."""
    head = json.dumps({"inputs": inputs, **more}).encode()
    return {"body": bytearray(b"".join([head, *contents]))}, {LENGTH: str(len(head))}


def binary(name, shape, datatype, size):
    parameters = {"binary_data_size": size}
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}


def received(context, answer, index=0):
    """A binary response's JSON, and the bytes behind it."""
    assert context.get_response_content_type(index) == "application/octet-stream"
    length = int(context.get_response_headers(index)[LENGTH])
    return json.loads(answer[:length]), answer[length:]


def values(data, _):
    return [row["data"] for row in data]


def test_binary_tensors_stand_behind_the_json_in_the_order_of_the_inputs(context_of):
    """The example of the extension's specification."""
    row, headers = sent(
        [
            binary("input0", [2, 2], "UINT32", 16),
            {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["x"]},
            binary("input1", [3], "BOOL", 3),
        ],
        np.array([1, 2, 3, 4], "<u4").tobytes(),
        b"\1\0\1",
    )
    seen = []
    KServev2Envelope(lambda data, _: seen.extend(values(data, _)) or [1]).handle(
        [row], context_of(headers)
    )
    assert seen == [[[1, 2], [3, 4]], "x", [True, False, True]]


def test_the_headers_name_may_be_written_in_any_case(context_of):
    row, headers = sent([binary("a", [1], "INT8", 1)], b"\7")
    headers = {
        LENGTH.lower(): headers[LENGTH],
        "body": {"content-type": "application/octet-stream"},
    }
    (answer,) = KServev2Envelope(values).handle([row], context_of(headers))
    assert answer["outputs"][0]["data"] == [7]


def test_any_bytes_go_through_a_tensor_of_bytes(context_of):
    elements = [bytes(range(256)), b"", b"\0\0"]
    content = b"".join(len(each).to_bytes(4, "little") + each for each in elements)
    row, headers = sent(
        [binary("a", [3], "BYTES", len(content))], content, parameters={"binary_data_output": True}
    )
    context = context_of(headers)
    (answer,) = KServev2Envelope(values).handle([row], context)
    response, behind = received(context, answer)
    assert behind == content
    assert response["outputs"] == [
        {
            "name": "a",
            "datatype": "BYTES",
            "shape": [3],
            "parameters": {"binary_data_size": len(content)},
        }
    ]


def test_outputs_are_binary_as_each_is_asked_for(context_of):
    answer = {"p": np.array([[1.5], [2]], "f4"), "q": np.array([3]), "r": np.array([4], "i1")}
    row = {
        "body": {
            "inputs": [{"name": "a", "shape": [1], "datatype": "INT8", "data": [1]}],
            "parameters": {"binary_data_output": True},
            "outputs": [
                {"name": "p"},
                {"name": "q", "parameters": {"binary_data": False}},
                {"name": "r", "parameters": {"binary_data": True}},
            ],
        }
    }
    context = context_of({}, {})
    other = {"body": {**row["body"], "parameters": {}}}
    first, second = KServev2Envelope(lambda *_: [answer, answer]).handle([row, other], context)
    response, behind = received(context, first)
    assert behind == np.array([1.5, 2], "<f4").tobytes() + b"\4"
    assert response["outputs"] == [
        {"name": "p", "datatype": "FP32", "shape": [2, 1], "parameters": {"binary_data_size": 8}},
        {"name": "q", "datatype": "INT64", "data": [3], "shape": [1]},
        {"name": "r", "datatype": "INT8", "shape": [1], "parameters": {"binary_data_size": 1}},
    ]
    response, behind = received(context, second, 1)
    assert behind == b"\4"
    assert list(response["outputs"][0]) == ["name", "datatype", "data", "shape"]


def test_a_response_without_binary_tensors_is_json(context_of):
    row, headers = sent([binary("a", [1], "INT8", 1)], b"\7")
    context = context_of(headers)
    (answer,) = KServev2Envelope(values).handle([row], context)
    assert answer["outputs"][0]["data"] == [7]
    assert context.get_response_headers(0) == {}


@pytest.mark.parametrize("length", ["abc", "-1", "0", "99999", ""])
def test_a_wrong_length_of_the_json_is_refused(context_of, length):
    row, _ = sent([binary("a", [1], "INT8", 1)], b"\7")
    (answer,) = KServev2Envelope(values).handle([row], context_of({LENGTH: length}))
    assert answer["code"] == 400
    assert answer["message"].startswith(f"the header {LENGTH} must be the number of bytes")
    assert answer["message"].endswith(f"it is {length!r}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "input 'a': binary_data_size is 2, and 0 bytes are left in the body"),
        (b"\1\2\3", "the body has 1 bytes more than its inputs say"),
    ],
)
def test_bytes_missing_or_left_over_are_refused(context_of, content, told):
    row, headers = sent([binary("a", [2], "INT8", 2)], content)
    (answer,) = KServev2Envelope(values).handle([row], context_of(headers))
    assert told in answer["message"]


def test_binary_tensors_without_the_header_are_refused(context_of):
    row, _ = sent([binary("a", [1], "INT8", 1)], b"\7")
    (answer,) = KServev2Envelope(values).handle([row], context_of({}))
    assert "the body is not JSON" in answer["message"]
