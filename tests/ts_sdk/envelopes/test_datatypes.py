"""Elements of tensors as bytes, after the protocol's binary extension."""

import numpy as np
import pytest
import torch

from ts_sdk.envelopes.datatypes import (
    FORMATS,
    datatype_of,
    elements_from_bytes,
    elements_to_bytes,
    numbers_from_bytes,
    numbers_to_bytes,
    size_of,
)


@pytest.mark.parametrize(
    ("datatype", "value", "content"),
    [
        ("BOOL", True, b"\1"),
        ("UINT8", 255, b"\xff"),
        ("UINT16", 0x1234, b"\x34\x12"),
        ("UINT32", 1, b"\1\0\0\0"),
        ("UINT64", 2**63, b"\0\0\0\0\0\0\0\x80"),
        ("INT8", -1, b"\xff"),
        ("INT16", -2, b"\xfe\xff"),
        ("INT32", -2, b"\xfe\xff\xff\xff"),
        ("INT64", -2, b"\xfe\xff\xff\xff\xff\xff\xff\xff"),
        ("FP16", 1.5, b"\x00\x3e"),
        ("BF16", 1.5, b"\xc0\x3f"),
        ("FP32", 1.5, b"\0\0\xc0\x3f"),
        ("FP64", 1.5, b"\0\0\0\0\0\0\xf8\x3f"),
    ],
)
def test_numbers_are_little_endian(datatype, value, content):
    assert numbers_to_bytes(np.array([value]), datatype) == content
    assert numbers_from_bytes(content, datatype).tolist() == [value]
    assert size_of(datatype) == len(content)


def test_there_is_no_datatype_without_such_a_case():
    assert len(FORMATS) == 13


@pytest.mark.parametrize("datatype", FORMATS)
def test_no_elements_are_no_bytes(datatype):
    assert numbers_from_bytes(b"", datatype).tolist() == []
    assert numbers_to_bytes(np.array([]), datatype) == b""


def test_bf16_rounds_as_torch_does():
    bits = torch.arange(0, 2**32, 65521, dtype=torch.int64).to(torch.int32)
    values = torch.cat([bits.view(torch.float32), torch.tensor([float("inf"), -0.0, 3.0e38])])
    values = values[~values.isnan()]
    expected = values.to(torch.bfloat16).view(torch.int16).numpy().tobytes()
    assert numbers_to_bytes(values.numpy(), "BF16") == expected


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0xFF800001])
def test_a_nan_stays_one_in_bf16(bits):
    nan = np.array([bits], dtype="<u4").view("<f4")
    assert np.isnan(numbers_from_bytes(numbers_to_bytes(nan, "BF16"), "BF16")).all()


def test_an_element_of_bytes_follows_its_length():
    elements = [b"", b"ab", b"\0\xff\0"]
    content = b"\0\0\0\0\2\0\0\0ab\3\0\0\0\0\xff\0"
    assert elements_to_bytes(elements) == content
    assert elements_from_bytes(content) == elements


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\2\0\0\0a", "element 0 should have 2 bytes, and 1 are left"),
        (b"\0\0\0\0\xff\xff\xff\xff", "element 1 should have 4294967295 bytes, and 0 are left"),
        (b"\0\0\0\0\0\0", "2 bytes at its end are no length"),
    ],
)
def test_a_length_past_the_end_is_an_error(content, told):
    with pytest.raises(ValueError, match=told):
        elements_from_bytes(content)


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (np.zeros(1, ">f4"), "FP32"),
        (np.array([1]), "INT64"),
        (np.array(["a"]), "BYTES"),
        (np.array([b"a"]), "BYTES"),
        (np.array([{}]), "BYTES"),
        (np.zeros(1, complex), None),
    ],
)
def test_the_datatype_of_an_array(array, datatype):
    assert datatype_of(array) == datatype
