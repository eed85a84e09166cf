"""A handler's answers as output tensors."""

import json

import numpy as np
import pytest
import torch

from ts_sdk import RequestError
from ts_sdk.envelopes.tensor_outputs import tensors_in


def to_json(answer):
    return [tensor.to_json() for tensor in tensors_in(answer, "a").tensors]


def of(datatype, data, shape):
    return [{"name": "a", "datatype": datatype, "data": data, "shape": shape}]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([1, 2], of("INT64", [1, 2], [2])),
        (3, of("INT64", [3], [1])),
        (3.5, of("FP64", [3.5], [1])),
        ("x", of("BYTES", ["x"], [1])),
        (["x", "yy"], of("BYTES", ["x", "yy"], [2])),
        (["a", 1.5, True], of("BYTES", ["a", "1.5", "True"], [3])),
        ([True, False], of("BOOL", [True, False], [2])),
        (None, of("BYTES", [None], [1])),
        ({"tabby": 0.3}, of("BYTES", [{"tabby": 0.3}], [1])),
        ({"tabby": np.float64(0.3)}, of("BYTES", [{"tabby": 0.3}], [1])),
        ([{"a": [1, 2]}, {"b": 3}], of("BYTES", [{"a": [1, 2]}, {"b": 3}], [2])),
        ([], of("FP64", [], [0])),
        (np.array([0.1], "f4"), of("FP32", [0.10000000149011612], [1])),
        (torch.tensor([0.5, 2]), of("FP32", [0.5, 2.0], [2])),
    ],
)
def test_flat_answers_are_what_the_original_made_of_them(answer, expected):
    """Byte for byte, with the keys in its order."""
    assert json.dumps(to_json(answer)) == json.dumps(expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([[1, 2], [3, 4]], of("INT64", [1, 2, 3, 4], [2, 2])),
        (torch.zeros(2, 0, 3), of("FP32", [], [2, 0, 3])),
        ([torch.tensor([0.5, 2]), torch.tensor([1, 4.0])], of("FP32", [0.5, 2, 1, 4], [2, 2])),
        ([["a"], ["b"]], of("BYTES", ["a", "b"], [2, 1])),
        (np.array([[1.0, 2], [3, 4]], order="F"), of("FP64", [1, 2, 3, 4], [2, 2])),
    ],
)
def test_nested_answers_keep_their_shape(answer, expected):
    """The original flattened them and said so."""
    assert to_json(answer) == expected


@pytest.mark.parametrize(
    ("tensor", "datatype", "content"),
    [
        (torch.tensor([1.5, -1.5], dtype=torch.bfloat16), "BF16", b"\xc0\x3f\xc0\xbf"),
        (torch.tensor([1.5, -1.5], dtype=torch.float16), "FP16", b"\0\x3e\0\xbe"),
        (torch.tensor([1.5, -1.5], requires_grad=True), "FP32", b"\0\0\xc0\x3f\0\0\xc0\xbf"),
    ],
)
def test_tensors_of_half_precision_and_of_training(tensor, datatype, content):
    (made,) = tensors_in(tensor, "a").tensors
    assert made.to_json() == of(datatype, [1.5, -1.5], [2])[0]
    assert made.to_binary() == (
        {
            "name": "a",
            "datatype": datatype,
            "shape": [2],
            "parameters": {"binary_data_size": len(content)},
        },
        content,
    )


@pytest.mark.parametrize(
    ("answer", "data", "shape"),
    [
        (b"ab", ["ab"], [1]),
        (bytearray(b"ab"), ["ab"], [1]),
        ([b"ab", "c"], ["ab", "c"], [2]),
        ([b"a\0", b"\0"], ["a\0", "\0"], [2]),
        (["a\0"], ["a\0"], [1]),
    ],
)
def test_bytes_that_are_utf8_are_text_in_json(answer, data, shape):
    assert to_json(answer) == of("BYTES", data, shape)


@pytest.mark.parametrize(
    ("answer", "data"), [([b"\xff", b"a", "b"], ["/w==", "YQ==", "Yg=="]), (b"\xff\0", ["/wA="])]
)
def test_other_bytes_are_base64_in_json_and_say_so(answer, data):
    assert to_json(answer) == [
        of("BYTES", data, [len(data)])[0] | {"parameters": {"content_type": "base64"}}
    ]


def test_elements_of_bytes_in_binary_form():
    (tensor,) = tensors_in([b"\xff\0", "ü", {"a": 1}], "a").tensors
    description, content = tensor.to_binary()
    assert content == b'\2\0\0\0\xff\0\2\0\0\0\xc3\xbc\x08\0\0\0{"a": 1}'
    assert description["parameters"] == {"binary_data_size": 24}


def test_a_dict_of_arrays_is_one_output_each():
    found = tensors_in({"boxes": np.zeros((2, 4), "f4"), "scores": torch.tensor([1, 2])}, "a")
    assert found.named
    assert [(each.name, each.datatype, each.array.shape) for each in found.tensors] == [
        ("boxes", "FP32", (2, 4)),
        ("scores", "INT64", (2,)),
    ]


def test_a_handler_may_describe_its_outputs_as_the_protocol_does():
    answer = {
        "outputs": [
            {"name": "p", "data": [1, 2, 3, 4], "shape": [2, 2], "datatype": "FP16"},
            {"name": "text", "data": ["a"], "parameters": {"language": "en"}},
        ],
        "parameters": {"seconds": 2},
    }
    found = tensors_in(answer, "a")
    assert [tensor.to_json() for tensor in found.tensors] == [
        {"name": "p", "datatype": "FP16", "data": [1.0, 2.0, 3.0, 4.0], "shape": [2, 2]},
        {
            "name": "text",
            "datatype": "BYTES",
            "data": ["a"],
            "shape": [1],
            "parameters": {"language": "en"},
        },
    ]
    assert found.parameters == {"seconds": 2}


@pytest.mark.parametrize("answer", [{"outputs": [1, 2]}, {"outputs": "x"}, {}, {"outputs": []}])
def test_other_dicts_are_the_data_of_one_tensor(answer):
    found = tensors_in(answer, "a")
    if answer == {"outputs": []}:
        assert found.tensors == []
    else:
        assert to_json(answer) == of("BYTES", [answer], [1])


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([[1], [2, 3]], "output 'a' is no tensor .*; give nested lists of equal lengths"),
        (np.zeros(1, complex), "output 'a' has numbers of the type complex128"),
        ({"outputs": [{"name": "p", "data": [1], "datatype": "FP8"}]}, "output 'p' cannot be FP8"),
        (
            {"outputs": [{"name": "p", "data": [1], "shape": [2]}]},
            r"output 'p' cannot be INT64 of shape \[2\]",
        ),
        (
            {"outputs": [{"name": "p", "data": ["x"], "datatype": "FP32"}]},
            "output 'p' cannot be FP32",
        ),
    ],
)
def test_answers_that_are_no_tensors_are_the_handlers_fault(answer, told):
    with pytest.raises(RequestError, match=told) as failed:
        tensors_in(answer, "a")
    assert failed.value.status == 503
