"""Input tensors as a handler sees them, and what is said of wrong ones."""

import pytest

from ts_sdk import RequestError
from ts_sdk.envelopes.tensor_inputs import BinaryData, row_of


def read(data, shape, datatype, **more):
    given = {"name": "a", "shape": shape, "datatype": datatype, "data": data, **more}
    return row_of(given, 0, BinaryData(b""))["data"]


def read_binary(content, shape, datatype):
    binary = BinaryData(content)
    size = {"binary_data_size": len(content)}
    given = {"name": "a", "shape": shape, "datatype": datatype, "parameters": size}
    data = row_of(given, 0, binary)["data"]
    binary.end()
    return data


@pytest.mark.parametrize(
    ("data", "shape", "datatype", "expected"),
    [
        ([1, 2.5], [2], "FP32", [1.0, 2.5]),
        ([1, 2, 3, 4], [2, 2], "FP32", [[1, 2], [3, 4]]),
        ([[1, 2], [3, 4]], [4], "INT64", [1, 2, 3, 4]),
        ([1, 2, 3, 4], [2, -1], "INT8", [[1, 2], [3, 4]]),
        ([0.1], [1, 1], "FP16", [[0.1]]),
        ([7], [], "UINT8", 7),
        (7, [1], "UINT8", [7]),
        ([1, 2], 2, "INT64", [1, 2]),
        ([], [0], "FP64", []),
        ([], [2, 0], "BF16", [[], []]),
        ([True, False], [2], "BOOL", [True, False]),
        ([0, 1], [2], "BOOL", [0, 1]),
        ([1.0, 2.0], [2], "INT32", [1.0, 2.0]),
        ([2**64 - 1, 1], [2], "UINT64", [2**64 - 1, 1]),
        ([2**63, 2**53 + 1], [2], "UINT64", [2**63, 2**53 + 1]),
        ([float("nan")], [1], "FP32", [pytest.approx(float("nan"), nan_ok=True)]),
    ],
)
def test_numbers_take_their_shape_and_stay_as_they_were_sent(data, shape, datatype, expected):
    assert read(data, shape, datatype) == expected


@pytest.mark.parametrize(
    ("data", "shape", "expected"),
    [
        (["hello"], [1], "hello"),
        (["hello"], [-1], "hello"),
        (["hello"], -1, "hello"),
        ("hello", -1, "hello"),
        ([{"text": 1}], [1], {"text": 1}),
        (["a", "b"], [2], ["a", "b"]),
        (["a", "b", "c", "d"], [2, 2], [["a", "b"], ["c", "d"]]),
        ([["a", "b"], ["c", "d"]], [4], ["a", "b", "c", "d"]),
        ([], [0], []),
        (["a\0", "ü"], [2], ["a\0", "ü"]),
    ],
)
def test_one_element_of_bytes_is_the_data_and_several_take_their_shape(data, shape, expected):
    assert read(data, shape, "BYTES") == expected


def test_base64_is_bytes_where_the_input_says_so():
    parameters = {"content_type": "base64"}
    assert read(["AP8="], [1], "BYTES", parameters=parameters) == b"\0\xff"
    assert read(["AP8=", "YQ=="], [2], "BYTES", parameters=parameters) == [b"\0\xff", b"a"]
    assert read(["AP8="], [1], "BYTES") == "AP8="


@pytest.mark.parametrize(
    ("content", "shape", "datatype", "expected"),
    [
        (b"\1\0\0\0\2\0\0\0", [2, 1], "UINT32", [[1], [2]]),
        (b"\0\x3e\0\xbe", [2], "FP16", [1.5, -1.5]),
        (b"\xc0\x3f\xc0\xbf", [2], "BF16", [1.5, -1.5]),
        (b"\1\0\1", [3], "BOOL", [True, False, True]),
        (b"", [0], "FP32", []),
        (b"\2\0\0\0\0\xff", [1], "BYTES", b"\0\xff"),
        (b"\1\0\0\0a\0\0\0\0", [1, 2], "BYTES", [[b"a", b""]]),
    ],
)
def test_binary_tensors(content, shape, datatype, expected):
    assert read_binary(content, shape, datatype) == expected


def test_what_else_an_input_says_is_kept():
    given = {"name": "a", "shape": [1], "datatype": "INT8", "data": [1], "parameters": {"x": 1}}
    assert row_of(given, 0, BinaryData(b"")) == given


@pytest.mark.parametrize(
    ("data", "shape", "datatype", "told"),
    [
        ([1, 2], [3], "FP32", r"2 elements do not fill its shape \[3\]"),
        ([1, 2], [2**70], "FP32", "2 elements do not fill its shape"),
        ([], [2**32, 2**32], "FP32", "0 elements do not fill its shape"),
        ([1, 2], [-1, -1], "FP32", "2 elements do not fill its shape"),
        (["a"], [5], "BYTES", r"1 elements do not fill its shape \[5\]"),
        ([[1], [2, 3]], [3], "FP32", "ragged nest of lists"),
        ([1.5], [1], "INT64", "its datatype is INT64, which cannot hold 1.5"),
        ([1, 300], [2], "UINT8", "its datatype is UINT8, which cannot hold 300"),
        ([-1], [1], "UINT64", "its datatype is UINT64, which cannot hold -1"),
        ([2**64], [1], "UINT64", "cannot hold 18446744073709551616"),
        ([2**70], [1], "INT8", "cannot hold 1180591620717411303424"),
        ([float("nan")], [1], "INT32", "cannot hold nan"),
        ([2], [1], "BOOL", "its datatype is BOOL, which cannot hold 2"),
        (["x"], [1], "FP32", "its datatype is FP32, and its data holds no numbers"),
        ([None], [1], "INT64", "its datatype is INT64, and its data holds no numbers"),
        ({}, [1], "FP32", "its data holds no numbers"),
        (["a", 1], [2], "BYTES", "BYTES holds text, and there is a number"),
        ([1], [1], "FP8", "datatype must be one of BOOL, .*, BYTES, not 'FP8'"),
        ([1], [1], ["FP32"], r"datatype must be one of .*, not \['FP32'\]"),
        ([1], None, "FP32", "shape must be a list of sizes, not None"),
        ([1], [True], "FP32", r"shape must be a list of sizes, not \[True\]"),
        ([1], [-2], "FP32", r"shape must be a list of sizes, not \[-2\]"),
    ],
)
def test_wrong_data_is_refused_with_the_inputs_name(data, shape, datatype, told):
    with pytest.raises(RequestError, match=f"input 'a': .*{told}") as refused:
        read(data, shape, datatype)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("text", "told"), [("YQ", "not base64"), ("ä", "not base64"), (1, "there is a number")]
)
def test_wrong_base64_is_refused(text, told):
    with pytest.raises(RequestError, match=f"input 'a': .*{told}"):
        read([text], [1], "BYTES", parameters={"content_type": "base64"})


@pytest.mark.parametrize(
    ("content", "shape", "datatype", "told"),
    [
        (b"\0\0\0", [1], "FP16", "3 bytes are no whole number of FP16 elements, which have 2"),
        (b"\0\0\0\0", [3], "FP16", r"2 elements do not fill its shape \[3\]"),
        (b"\5\0\0\0a", [1], "BYTES", "element 0 should have 5 bytes, and 1 are left"),
        (b"\1\0\0\0a", [2], "BYTES", r"1 elements do not fill its shape \[2\]"),
    ],
)
def test_wrong_binary_tensors_are_refused(content, shape, datatype, told):
    with pytest.raises(RequestError, match=f"input 'a': {told}"):
        read_binary(content, shape, datatype)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([1], "input 3 must be an object, not a list"),
        ({"shape": [1]}, "input 3 has no name"),
        ({"name": 1}, "input 3 has no name"),
        ({"name": "a", "shape": [1], "datatype": "FP32"}, "input 'a' has no data"),
        (
            {"name": "a", "shape": [1], "datatype": "FP32", "data": [1], "parameters": [1]},
            "input 'a': parameters must be an object, not a list",
        ),
        (
            {
                "name": "a",
                "shape": [1],
                "datatype": "FP32",
                "data": [1],
                "parameters": {"binary_data_size": 4},
            },
            "input 'a' has both data and binary_data_size",
        ),
    ],
)
def test_what_is_no_input_is_refused(given, told):
    with pytest.raises(RequestError, match=told):
        row_of(given, 3, BinaryData(b""))


@pytest.mark.parametrize("size", ["4", -1, True, None, 4.0])
def test_a_binary_size_is_a_number_of_bytes(size):
    with pytest.raises(RequestError, match="input 'a': binary_data_size must be a number of bytes"):
        BinaryData(b"1234").take(size, "input 'a'")


def test_a_binary_size_past_the_end_is_refused():
    binary = BinaryData(b"1234")
    assert binary.take(3, "input 'a'") == b"123"
    with pytest.raises(
        RequestError, match="input 'b': binary_data_size is 2, and 1 bytes are left"
    ):
        binary.take(2, "input 'b'")


def test_bytes_that_belong_to_no_input_are_refused():
    with pytest.raises(RequestError, match="the body has 4 bytes more than its inputs say"):
        BinaryData(b"1234").end()


def test_deeply_nested_text_is_no_danger():
    nested = ["a"]
    for _ in range(5000):
        nested = [nested]
    assert read(nested, [1], "BYTES") == "a"
