"""Bytes that hold tensors, and bytes that only say so."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save as save_safetensors

from ts_sdk.errors import RequestError
from ts_sdk.tensors.files import read_content

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


def written(write, *args, **kwargs):
    file = io.BytesIO()
    write(file, *args, **kwargs)
    return file.getvalue()


def npy(array):
    return written(np.save, array)


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "array",
    [NUMBERS, np.asfortranarray(NUMBERS), NUMBERS.astype(">f8"), np.array(7), np.empty((0, 3))],
    ids=["by rows", "by columns", "big-endian", "a number", "no rows"],
)
def test_a_npy_file_is_its_array(array):
    read = read_content(npy(array))
    assert np.array_equal(read, array)
    assert read.shape == array.shape


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_npz_file_is_its_arrays_by_name(write):
    read = read_content(written(write, x=NUMBERS, y=np.array([1])))
    assert list(read) == ["x", "y"]
    assert np.array_equal(read["x"], NUMBERS)


@pytest.mark.parametrize("value", [torch.arange(3), {"x": torch.ones(2), "y": torch.zeros(1)}])
def test_what_torch_saved_of_tensors_is_those_tensors(value):
    assert str(read_content(saved(value))) == str(value)


def test_a_safetensors_file_is_its_tensors_by_name():
    read = read_content(save_safetensors({"x": torch.arange(3)}))
    assert read["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", [[1, 2], {"x": 1.5}, 7])
def test_json_is_its_value(value):
    assert read_content(json.dumps(value).encode()) == value


class Own:
    """What a pickle of somebody else's would import."""


def npy_that_says(shape, data=b"\0" * 8, kind="<f4"):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(53) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


def zip_of(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


HOSTILE = {
    "a picture": (b"\xff\xd8\xff\xe0" * 9, "36 bytes that are none of these"),
    "nothing": (b"", "0 bytes that are none of these"),
    "deep JSON": (b"[" * 200_000, "200,000 bytes that are none of these"),
    "more than is there": (npy_that_says("(3,)"), r"float32 \(3,\), which are 12 bytes, and 8"),
    "terabytes": (npy_that_says("(1000000, 1000000)"), "4,000,000,000,000 bytes, and 8"),
    "negative": (npy_that_says("(-1, -2)"), "is damaged"),
    "no shape": (npy_that_says("'x'"), "header that cannot be read"),
    "npy 9": (b"\x93NUMPY\x09\x00" + b" " * 99, "header that cannot be read"),
    "objects": (written(np.save, np.array([{}]), allow_pickle=True), "holds Python objects"),
    "a bomb": (zip_of(x=b"\0" * (1 << 28), y=b"0"), "would grow from .* to 268,435,457 bytes"),
    "half a zip": (saved(torch.ones(99))[:200], "is damaged"),
    "a zip of text": (zip_of(readme="x"), "cannot be read"),
    "a pickle": (saved(Own()), "cannot be read"),
    "a list": (saved([torch.ones(1)]), "a list with a list in it"),
    "a dict of more": (saved({"x": torch.ones(1), "y": "z"}), "a dict with a str in it"),
    "one number as many": (saved(torch.ones(1).expand(10**9)), "shares its numbers"),
    "sparse": (saved(torch.eye(3).to_sparse()), "sparse, quantized or without numbers"),
    "half a safetensors": (save_safetensors({"x": torch.ones(9)})[:-5], "safetensors file is dam"),
}


@pytest.mark.filterwarnings("ignore:Validating sparse")
@pytest.mark.parametrize("name", HOSTILE)
def test_other_bytes_are_refused_before_they_do_harm(name):
    content, words = HOSTILE[name]
    with pytest.raises(RequestError, match=words) as caught:
        read_content(content)
    assert caught.value.status == 400
