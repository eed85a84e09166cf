"""What a row may hold, and what is said about everything else."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from default_handlers.inputs import input_of as read
from default_handlers.inputs import sent_in
from ts_sdk.errors import RequestError

DATA = b"\xff\xd8\xff\xfe any bytes at all >>>???"
BASE64 = base64.b64encode(DATA).decode()


def input_of(row):
    (value,) = sent_in(row).values
    return read(value)


@pytest.mark.parametrize("part", ["data", "body", "image", "file"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_taken_from_any_part(part, kind):
    assert input_of({part: kind(DATA)}) == DATA


def test_the_usual_parts_come_before_others():
    assert input_of({"name": "x", "data": DATA, "body": b"no"}) == DATA
    assert input_of({"name": "x", "data": None, "body": DATA}) == DATA


def test_the_target_of_an_explanation_is_not_the_picture():
    assert input_of({"photo": DATA, "target": b"281"}) == DATA


def test_a_row_may_be_the_value_itself():
    """The `body` envelope hands it over like this."""
    assert input_of(bytearray(DATA)) == DATA


@pytest.mark.parametrize(
    "text",
    [
        BASE64,
        base64.encodebytes(DATA).decode(),
        base64.urlsafe_b64encode(DATA).decode(),
        f"data:image/jpeg;base64,{BASE64}",
        f"  {BASE64}\n",
    ],
    ids=["plain", "in lines", "urlsafe", "data url", "with spaces"],
)
def test_base64_text_is_decoded(text):
    assert input_of({"body": text}) == DATA


@pytest.mark.parametrize("text", ["cat.jpg", "https://example.com/cat.jpg", BASE64[:-1], "ä"])
def test_text_that_is_no_base64_is_refused(text):
    with pytest.raises(RequestError, match=r"must be a picture in base64, got [\d,]+ characters"):
        input_of({"body": text})


def test_nested_lists_are_a_tensor():
    tensor = input_of({"data": [[[0, 0.5], [1, 2]]]})
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [[[0.0, 0.5], [1.0, 2.0]]]


def test_arrays_and_tensors_are_tensors_too():
    assert input_of({"data": np.ones((3, 2, 2))}).tolist() == torch.ones(3, 2, 2).tolist()
    half = torch.ones(3, 2, 2, dtype=torch.bfloat16, requires_grad=True)
    assert input_of({"data": half}).dtype == torch.float32


def test_the_tensor_is_a_copy_of_what_the_caller_holds():
    given = np.ones((1, 2), np.float32)
    input_of(given).zero_()
    assert given.tolist() == [[1, 1]]


def test_a_pillow_image_is_taken():
    image = Image.new("L", (2, 2))
    assert input_of({"body": image}) is image


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([[1, 2], [3]], "numbers, those of a level of equal length: expected sequence of length 2"),
        ([[1, [2]], [3, 4]], "nested lists of numbers, those of a level of equal length"),
        ([["1", "2"]], "expected nested lists of numbers.*'str'"),
        ([[1, None]], "expected nested lists of numbers.*NoneType"),
        ([{"a": 1}], "expected nested lists of numbers.*dict"),
        ([["a" * 10**8, *[1] * 500]], "expected nested lists of numbers.*'str'"),
        ([np.ones(2), np.ones(3)], "expected tensors of one shape"),
        ([], "expected numbers: .*, got an empty list"),
        ([[], []], "expected numbers: .*, got an empty list"),
        (np.ones((2, 0)), r"empty: its shape is \(2, 0\)"),
        (np.ones(2, complex), "got complex numbers"),
        (np.array(["a"]), "got an array of <U1"),
        ([[1.0, float("nan")]], "NaN, infinity"),
        ([[1.0, float("inf")]], "NaN, infinity"),
        ([[1.0, 1e300]], "numbers that float32 cannot hold"),
        ([[10**400]], "expected nested lists of numbers.*Overflow"),
    ],
)
def test_lists_that_are_no_finite_tensor_are_refused(value, words):
    with pytest.raises(RequestError, match=words):
        input_of({"body": value})


def test_nan_as_json_allows_it_is_refused():
    with pytest.raises(RequestError, match="NaN"):
        input_of({"body": json.loads("[[NaN, 1.0]]")})


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "in a part named data or body, got a request without content"),
        ({"data": None}, "got a request without content"),
        ({"left": DATA, "right": "text"}, "got the parts left, right"),
        ({"body": {"instances": []}}, "got a JSON object with the keys 'instances'"),
        ({"body": {}}, "got an empty JSON object"),
        ({"body": 7}, "got 7"),
        ({"body": io.BytesIO(DATA)}, "got a BytesIO"),
        (None, "got a NoneType"),
    ],
)
def test_anything_else_is_refused_with_what_came_and_what_was_expected(row, words):
    with pytest.raises(RequestError, match=words) as refusal:
        input_of(row)
    assert "expected a picture's bytes" in refusal.value.message
    assert refusal.value.status == 400
