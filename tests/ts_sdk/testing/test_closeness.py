"""What counts as close, and what a failed comparison says."""

import base64
import io
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ts_sdk import Precision, PrecisionError
from ts_sdk.testing.closeness import ABSENT, Difference, Tolerance, assert_close_json, differences

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside),
    max_leaves=8,
)


def paths(actual, expected, **options):
    return [each.path for each in differences(actual, expected, **options)]


@given(VALUES)
def test_every_value_is_close_to_itself(value):
    assert differences(value, value, rtol=0, atol=0) == []


@given(VALUES, VALUES)
def test_values_that_are_not_equal_differ_without_a_tolerance(one, other):
    strictly = [repr(type(each)) + repr(each) for each in (one, other)]
    if strictly[0] == strictly[1]:
        assert not differences(one, other, rtol=0, atol=0)
    elif one != other:
        assert differences(one, other, rtol=0, atol=0)


def test_a_float_may_be_as_far_away_as_both_tolerances_together():
    assert not differences(101.5, 100.0, rtol=0.01, atol=0.5)
    (found,) = differences(101.6, 100.0, rtol=0.01, atol=0.5)
    assert found.reason == "1.6 apart, 1.5 allowed (rtol 0.01, atol 0.5)"
    assert (found.path, found.actual, found.expected) == ("$", 101.6, 100.0)


def test_whole_numbers_are_counts_that_a_relative_tolerance_does_not_blur():
    bfloat16 = Tolerance.for_precision("bfloat16")
    assert differences(282, 281, tolerance=bfloat16)
    assert not differences(282.0, 281.0, tolerance=bfloat16)
    assert not differences(282, 281, atol=1)


def test_a_whole_number_may_come_as_a_float_but_true_is_no_number():
    assert not differences({"a": 1}, {"a": 1.0})
    assert differences(True, 1)
    assert differences(1.0, True)
    assert [each.reason for each in differences("1", 1)] == ["text instead of a number"]
    assert [each.reason for each in differences(None, 0)] == ["null instead of a number"]


def test_whole_numbers_beyond_all_floats_are_compared_too():
    assert not differences(10**400, 10**400, equal_nan=True)
    assert differences(10**400, 10**400 + 1)
    assert not differences(10**400, 10**400 + 1, atol=1)
    assert differences(10**400, 1.5, equal_nan=True)[0].reason == "one of them is beyond all floats"
    assert differences(1.5, [10**400])


def test_nan_is_close_to_nan_only_when_asked():
    assert "equal_nan=True" in differences(math.nan, math.nan)[0].reason
    assert not differences(math.nan, math.nan, equal_nan=True)
    assert differences(math.nan, 1.0, equal_nan=True)
    assert differences(1.0, math.inf, rtol=1)
    assert not differences([math.inf], [math.inf])
    assert differences(-math.inf, math.inf)


def test_places_are_json_paths():
    actual = {"boxes": [{"score": 0.5}, {"score": 0.9}], "two words": 1, 7: 2}
    expected = {"boxes": [{"score": 0.5}, {"score": 0.1}], "two words": 2, 7: 1}
    assert paths(actual, expected) == ["$.boxes[1].score", "$['two words']", "$[7]"]


def test_missing_and_unexpected_keys_are_differences_and_their_order_is_none():
    assert not differences({"a": 1, "b": 2}, {"b": 2, "a": 1})
    found = differences({"cat": 0.7, "dog": 0.3}, {"fish": 0.7, "dog": 0.3})
    assert found == [
        Difference("$.fish", ABSENT, 0.7, "the key is missing"),
        Difference("$.cat", 0.7, ABSENT, "the key is not expected"),
    ]
    assert str(found[0]) == "$.fish: got nothing, expected 0.7: the key is missing"


def test_a_list_of_another_length_is_one_difference_beside_those_of_its_items():
    assert paths([1, 2, 3], [9, 2]) == ["$", "$[0]"]
    assert not differences((1, [2]), [1, (2,)])


def test_deeply_nested_values_are_compared():
    deep, other = 1.0, 2.0
    for _ in range(5_000):
        deep, other = [deep], [other]
    (found,) = differences(deep, other)
    assert found.path == "$" + "[0]" * 5_000


@pytest.mark.parametrize("make", [np.array, torch.tensor])
def test_arrays_are_compared_as_a_whole_and_the_furthest_number_is_shown(make):
    expected = make([[1.0, 2.0], [3.0, 4.0]])
    actual = make([[1.0, 2.5], [3.0, 5.0]])
    (found,) = differences({"m": actual}, {"m": expected})
    assert (found.path, found.actual, found.expected) == ("$.m[1][1]", 5.0, 4.0)
    assert found.reason.endswith("it is the furthest of 2 of 4 that differ")
    assert not differences(actual, expected, atol=1)


def test_arrays_must_have_one_shape_and_kind_of_numbers():
    assert differences(np.zeros((2, 3)), np.zeros((3, 2)))[0].reason == (
        "shape (2, 3) instead of (3, 2)"
    )
    assert differences(torch.zeros(2), np.zeros(2, int))[0].reason == (
        "floating numbers instead of whole"
    )
    assert differences(np.array([True]), np.array([1]))
    assert not differences(torch.zeros(2, dtype=torch.bfloat16), np.zeros(2, np.float32))
    assert not differences(np.zeros(0), torch.zeros(0))


def test_an_array_may_be_expected_as_nested_lists():
    assert not differences(torch.tensor([[1.0, 2.0]]), [[1, 2]])
    assert paths([[1.0, 2.0]], np.array([[1.0, 3.0]])) == ["$[0][1]"]
    assert not differences(np.float32(0.5), 0.5)
    assert not differences(torch.tensor(3), 3)


def test_nan_infinity_text_and_truth_in_arrays():
    some = np.array([math.nan, math.inf, 1.0])
    assert differences(some, some.copy())
    assert not differences(some, some.copy(), equal_nan=True)
    assert "2 of 3" in differences(np.ones(3), some, equal_nan=True, rtol=9)[0].reason
    assert paths(np.array(["a", "b"]), np.array(["a", "c"])) == ["$[1]"]
    assert paths(torch.tensor([True, False]), torch.tensor([True, True])) == ["$[1]"]
    large = np.array([2**60, 5])
    assert not differences(large, large.copy())
    near = np.array([2**60 + 1, 5])
    assert paths(large, near) == ["$[0]"]
    assert not differences(large, near, atol=1)
    assert paths(np.array([1j, 2j]), np.array([1j, 2.1j])) == ["$[1]"]


def picture(level, kind="PNG", mode="L", size=(4, 4)):
    file = io.BytesIO()
    Image.new("L", size, level).convert(mode).save(file, kind)
    return file.getvalue()


def as_text(content):
    return base64.b64encode(content).decode()


def as_url(content):
    return "data:image/png;base64," + as_text(content)


def as_image(content):
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("form", [bytes, bytearray, as_text, as_url, as_image])
def test_pictures_are_compared_by_their_pixels(form):
    near, far = form(picture(101)), form(picture(140))
    expected = form(picture(100))
    nothing = Tolerance(picture_mean=0, picture_max=0)
    assert not differences(form(picture(100, "BMP")), expected, tolerance=nothing)
    assert not differences(near, expected, tolerance=Tolerance(picture_mean=1.0))
    assert "1 levels of 255 apart in the mean" in differences(near, expected)[0].reason
    assert "40 at most" in differences(far, expected)[0].reason


def test_pictures_of_other_sizes_modes_and_depths():
    assert differences(picture(1, size=(4, 5)), picture(1))[0].reason == (
        "a picture of 4 x 5 instead of 4 x 4"
    )
    assert not differences(picture(7, mode="RGB"), picture(7, mode="P"))
    sixteen = [Image.new("I;16", (2, 2), 257 * level) for level in (10, 11, 60)]
    assert not differences(sixteen[1], sixteen[0], tolerance=Tolerance(picture_mean=1))
    assert "50 at most" in differences(sixteen[2], sixteen[0])[0].reason


def test_one_pixel_may_change_sides_in_half_precision_but_many_may_not():
    expected = Image.new("L", (20, 20))
    one, many = expected.copy(), expected.copy()
    one.putpixel((0, 0), 255)
    many.paste(255, (0, 0, 4, 4))
    half = Tolerance.for_precision("float16")
    assert differences(one, expected)
    assert not differences(one, expected, tolerance=half)
    assert differences(many, expected, tolerance=half)


def test_bytes_and_texts_that_are_no_pictures_are_compared_as_they_are():
    assert differences(b"abc", b"abcd")[0].reason == "3 bytes instead of 4"
    assert differences(b"abc", bytearray(b"abd"))[0].reason == "byte 2 is the first that differs"
    assert not differences(b"abc", bytearray(b"abc"))
    assert differences(picture(1), b"no picture")
    text = as_text(bytes(range(60)))
    assert differences(text, text.lower())[0].reason == "they differ"


def test_the_message_lists_ten_places_and_how_many_there_are_and_the_hint():
    with pytest.raises(AssertionError) as caught:
        assert_close_json([float(each) for each in range(15)], [-1.0] * 15, hint="is it sorted?")
    lines = str(caught.value).splitlines()
    assert lines[0] == "15 differences:"
    assert (
        lines[1] == "  $[0]: got 0, expected -1: 1 apart, 0.00011 allowed (rtol 0.0001, atol 1e-05)"
    )
    assert lines[11:] == ["  ... and 5 more", "hint: is it sorted?"]


def test_the_message_is_short_however_large_the_values_are():
    with pytest.raises(AssertionError) as caught:
        assert_close_json(
            {"text": "a" * 9_999, "bytes": b"a" * 9_999, "many": [[0] * 9] * 9_999, "m": [1]},
            {"text": "b" * 9_999, "bytes": b"a", "many": {"a": 1}, "m": np.zeros((99, 99))},
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 5 + 1  # the list against the array is one of another length, and an item
    assert max(map(len, lines)) < 250


def test_what_is_close_passes_and_rtol_and_atol_replace_those_of_a_tolerance():
    assert_close_json({"cat": 0.5 + 4e-5}, {"cat": 0.5})
    with pytest.raises(AssertionError):
        assert_close_json({"cat": 0.5 + 4e-5}, {"cat": 0.5}, rtol=0.0)
    wide = Tolerance(rtol=1, atol=1)
    with pytest.raises(AssertionError, match="rtol 1, atol 0"):
        assert_close_json(0.5, 0.1, tolerance=wide, atol=0)


def test_every_precision_has_a_tolerance_and_coarser_ones_have_wider_ones():
    allowed = {word: Tolerance.for_precision(word) for word in Precision}
    assert allowed["float32"] == Tolerance()
    assert allowed["autocast-float16"] == allowed["float16"]
    assert allowed["autocast-bfloat16"] == allowed["bfloat16"]
    for name in ("rtol", "atol", "picture_mean"):
        steps = [getattr(allowed[word], name) for word in ("float32", "float16", "bfloat16")]
        assert steps == sorted(set(steps))
    with pytest.raises(PrecisionError, match="float8"):
        Tolerance.for_precision("float8")


@pytest.mark.parametrize("word", ["float16", "bfloat16"])
def test_a_classifier_in_half_precision_stays_within_its_tolerance(word):
    torch.manual_seed(0)
    layers = [torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU()) for _ in range(8)]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(64, 5))
    for weight in network.parameters():
        if weight.ndim == 2:
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
    inputs = torch.randn(16, 64)
    with torch.no_grad():
        expected = network(inputs).softmax(1)
        dtype = Precision(word).dtype
        actual = network.to(dtype)(inputs.to(dtype)).float().softmax(1)
    assert differences(actual, expected)
    assert not differences(actual, expected, tolerance=Tolerance.for_precision(word))


def test_the_modules_of_the_kit_load_none_of_the_libraries_that_they_are_about():
    program = (
        "import sys, ts_sdk.testing.closeness, ts_sdk.testing.comparing, ts_sdk.testing.contexts\n"
        "import ts_sdk.testing.hostile, ts_sdk.testing.requests\n"
        "ts_sdk.testing.closeness.differences({'a': 1.5}, {'a': 2})\n"
        "heavy = {'torch', 'numpy', 'PIL', 'pytest', 'hypothesis'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
