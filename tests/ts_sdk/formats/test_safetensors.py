"""Safetensors are read where they are mapped, and a file that lies is a load error."""

import gc
import json
import mmap
import struct
import weakref

import pytest
import safetensors.torch
import torch

from ts_sdk.errors import ModelFormatError
from ts_sdk.formats import safetensors as reader

CPU = torch.device("cpu")
DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.uint16,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.safetensors"


def written(header, data=b"") -> bytes:
    """A file with this header, an object or raw bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def bytes_of(tensor):
    return tensor.flatten().view(torch.uint8).tolist()


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_it_reads_what_the_library_wrote(path):
    tensors = {
        f"{dtype}.{shape}": torch.arange(6).reshape(shape).to(dtype)
        for dtype in DTYPES
        for shape in ((6,), (2, 3))
    }
    tensors |= {"empty": torch.empty(0, 4), "number": torch.tensor(3.0)}
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    loaded = reader.load(path, CPU)
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (loaded[name].dtype, loaded[name].shape) == (tensor.dtype, tensor.shape)
        assert bytes_of(loaded[name]) == bytes_of(tensor), name


def test_the_tensors_are_the_mapped_memory_itself(path):
    safetensors.torch.save_file({"a": torch.ones(4), "b": torch.zeros(2)}, path)
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    loaded = reader.tensors_in(memoryview(mapping), path.name, CPU)
    loaded["a"][0] = 7.0
    assert struct.pack("<f", 7.0) in mapping[:]
    assert struct.pack("<f", 7.0) not in path.read_bytes()


def test_the_mapping_goes_with_the_last_tensor(path):
    safetensors.torch.save_file({"a": torch.ones(4), "b": torch.zeros(2)}, path)
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    alive = weakref.ref(mapping)
    loaded = reader.tensors_in(memoryview(mapping), path.name, CPU)
    del mapping
    kept = loaded.pop("a")
    del loaded
    gc.collect()
    assert alive() is not None
    assert kept.tolist() == [1.0] * 4
    del kept
    gc.collect()
    assert alive() is None


def test_numbers_that_straddle_their_places_are_read_right(path):
    data = bytes(range(12))
    header = {"a": entry("U8", (4,), (0, 4)), "b": entry("F32", (2,), (4, 12))}
    for padding in range(4):
        text = json.dumps(header).encode() + b" " * padding
        path.write_bytes(written(text, data))
        loaded = reader.load(path, CPU)["b"]
        assert loaded.view(torch.uint8).tolist() == list(data[4:])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        struct.pack("<Q", 2**40) + b"{}",
        written(b"{"),
        written(b"[]"),
        written(b"\xff\xff"),
        written(b"[" * 5000),
        written({"a": 3}),
        written({"a": {}}),
        written({"a": entry()}),
        written({"a": entry()}, bytes(7)),
        written({"a": entry(shape=(0, 2**63), offsets=(0, 0))}),
        written({"a": entry(shape=(0, 2**40, 2**40), offsets=(0, 0))}),
        written({"a": entry()}, bytes(9)),
        written({"a": entry(dtype="F99")}, bytes(8)),
        written({"a": entry(dtype=["F32"])}, bytes(8)),
        written({"a": entry(shape=(3,))}, bytes(8)),
        written({"a": entry(shape=(-2,))}, bytes(8)),
        written({"a": entry(shape=(2.0,))}, bytes(8)),
        written({"a": entry(shape=(True, 2))}, bytes(8)),
        written({"a": entry(shape=(2**62, 8), offsets=(0, 8))}, bytes(8)),
        written({"a": entry(offsets=(4, 12))}, bytes(12)),
        written({"a": entry(offsets=(8, 0))}, bytes(8)),
        written({"a": entry(offsets=(0, 8, 9))}, bytes(8)),
        written({"a": entry(), "b": entry()}, bytes(8)),
        written({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
        written({"a": entry(), "b": entry(offsets=(16, 24))}, bytes(24)),
    ],
)
def test_a_file_that_lies_is_a_load_error(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"w\.safetensors is not a whole safetensors file"):
        reader.load(path, CPU)
