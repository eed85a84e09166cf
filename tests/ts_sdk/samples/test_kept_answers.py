"""Answers as JSON: whatever goes in comes out, and people can read it."""

import enum
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ts_sdk.samples import SampleError
from ts_sdk.samples.json_text import json_text
from ts_sdk.samples.kept_answers import answer_from_json, answer_to_json

KEYS = st.text() | st.sampled_from(["$bytes", "$array", "$tensor", "$object"]) | st.integers()
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
ANSWERS = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12
)
NUMBERS = arrays.arrays(
    st.sampled_from(["f2", "f4", "f8", "i1", "u2", "i8", "?", "c8", ">f4", "M8[s]"]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


def through_a_file(answer):
    """The answer that is read when this one was written."""
    return answer_from_json(json.loads(json_text(answer_to_json(answer))))


@given(ANSWERS)
def test_any_nested_answer_comes_back(answer):
    back = through_a_file(answer)
    assert back == answer
    assert repr(back) == repr(answer)  # 1 and True are equal


@given(NUMBERS)
def test_any_array_comes_back_to_the_last_bit(array):
    back = through_a_file({"it": [array]})["it"][0]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int8])
@pytest.mark.parametrize("count", [3, 200_000])
def test_a_tensor_comes_back_to_the_last_bit_however_large(dtype, count):
    tensor = (torch.rand(count, generator=torch.Generator().manual_seed(1)) * 100).to(dtype)
    back = through_a_file(tensor)
    assert back.dtype is dtype
    assert back.equal(tensor)


def test_few_numbers_are_written_as_such_and_many_are_packed():
    few, many = np.zeros(100, np.float32), np.zeros(100_000, np.float32)
    assert answer_to_json(few)["$array"].keys() == {"dtype", "shape", "numbers"}
    assert answer_to_json(many)["$array"].keys() == {"dtype", "shape", "npy"}


def test_bytes_say_what_they_are():
    assert answer_to_json(b"\xff\xd8\xff")["$bytes"]["content_type"] == "image/jpeg"
    assert answer_to_json(b"ab") == {
        "$bytes": {"content_type": "application/octet-stream", "base64": "YWI="}
    }


def test_what_json_takes_for_a_number_or_a_text_is_kept_as_one():
    class Colour(enum.StrEnum):
        RED = "red"

    class Level(enum.IntEnum):
        HIGH = 3

    answer = {Colour.RED: np.float64(0.1), "level": Level.HIGH, "name": Colour.RED}
    assert through_a_file(answer) == {"red": 0.1, "level": 3, "name": "red"}


def test_an_answer_that_holds_itself_is_refused():
    answer = []
    answer.append(answer)
    with pytest.raises(SampleError, match="nested too deeply"):
        answer_to_json(answer)
