"""Safetensors stay in their archive: the module's weights are the archive's own bytes, mapped."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import archiver
import ts_sdk
from archiver import CorruptArchiveError
from ts_sdk import ExtractionCache

MODEL = """
from torch import nn


class Net(nn.Linear):
    def __init__(self):
        super().__init__(64, 32)
"""
HANDLER = """
from ts_sdk import BaseHandler


class Own(BaseHandler):
    pass
"""
ROW = [1.0] * 64
MAPS = Path("/proc/self/maps")


@pytest.fixture
def cache(tmp_path):
    return ExtractionCache(tmp_path / "cache")


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """Pack a linear layer whose weights are one number; returns the archive."""
    monkeypatch.chdir(tmp_path)

    def packing(value=0.5, *, model=MODEL, force=False, **options):
        weights = {"weight": torch.full((32, 64), value), "bias": torch.zeros(32)}
        save_file(weights, "weights.safetensors")
        Path("net.py").write_text(model)
        Path("own.py").write_text(HANDLER)
        arguments = {"handler": "base_handler", "serialized_file": "weights.safetensors"}
        packed = archiver.pack(
            model_name="net",
            version="1",
            model_file="net.py",
            force=force,
            **(arguments | options),
        )
        return packed.path

    return packing


def extracted(cache):
    (entry,) = (cache.root / "entries").iterdir()
    return {path.name for path in (entry / "files").rglob("*") if path.is_file()}


def answer(path, cache):
    with ts_sdk.load(path, device="cpu", cache=cache) as model:
        return model.predict(ROW)[0]


@pytest.mark.skipif(not MAPS.exists(), reason="the system does not tell what is mapped")
def test_the_weights_are_mapped_from_the_archive_and_nothing_is_extracted(pack, cache):
    path = pack()
    with ts_sdk.load(path, device="cpu", cache=cache) as model:
        assert "weights.safetensors" not in extracted(cache)
        lines = [line for line in MAPS.read_text().splitlines() if line.endswith(str(path))]
        start, end = (int(part, 16) for part in lines[0].split()[0].split("-"))
        module = model.handler.model
        assert all(start <= tensor.data_ptr() < end for tensor in module.state_dict().values())
        assert model.predict(ROW)[0] == 32.0
        assert "mapped_weights" not in model.context.system_properties
    del model, module
    assert str(path) not in MAPS.read_text()


def test_it_answers_as_an_extracted_one_does(pack, cache, tmp_path):
    path = pack(0.25)
    with archiver.Archive.open(path) as archive:
        archive.extract(tmp_path / "folder")
    with ts_sdk.load(tmp_path / "folder", device="cpu") as by_hand:
        expected = by_hand.predict(ROW)
    with ts_sdk.load(path, device="cpu", cache=cache) as model:
        assert model.predict(ROW) == expected


def test_weights_that_are_changed_in_memory_stay_so_in_this_process_alone(pack, cache):
    path = pack()
    before = path.read_bytes()
    with ts_sdk.load(path, device="cpu", cache=cache) as model, torch.no_grad():
        model.handler.model.weight.mul_(2)
        assert model.predict(ROW)[0] == 64.0
    assert path.read_bytes() == before
    assert answer(path, cache) == 32.0


def test_an_archive_that_is_replaced_while_it_is_mapped_serves_on(pack, cache):
    path = pack(0.5)
    with ts_sdk.load(path, device="cpu", cache=cache) as model:
        pack(0.25, force=True)
        assert model.predict(ROW)[0] == 32.0
        assert answer(path, cache) == 16.0
        path.unlink()
        assert model.predict(ROW)[0] == 32.0


def test_damaged_weights_are_found_at_the_first_load(pack, cache):
    path = pack()
    with archiver.Archive.open(path) as archive:
        offset = archive.member("weights.safetensors").offset
    content = bytearray(path.read_bytes())
    content[offset + 1000] ^= 1
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(CorruptArchiveError, match=r"weights\.safetensors.*SHA-256"):
            answer(path, cache)


def test_they_are_compared_once_for_each_file(pack, cache, monkeypatch):
    path = pack()
    with archiver.Archive.open(path) as archive:
        size = archive.member("weights.safetensors").size
    hashed = []
    sha256 = hashlib.sha256
    monkeypatch.setattr("hashlib.sha256", lambda data=b"": hashed.append(len(data)) or sha256(data))
    monkeypatch.setattr("ts_sdk.cache.digests._SETTLED_NS", -1)  # as if some seconds had gone by
    assert answer(path, cache) == 32.0
    assert hashed.count(size) == 1
    assert answer(path, cache) == 32.0
    assert hashed.count(size) == 1


def test_a_file_that_has_changed_is_compared_again(pack, cache):
    path = pack()
    assert answer(path, cache) == 32.0
    with archiver.Archive.open(path) as archive:
        offset = archive.member("weights.safetensors").offset
    with path.open("r+b") as file:
        file.seek(offset + 1000)
        file.write(b"\xff")
    with pytest.raises(CorruptArchiveError):
        answer(path, cache)


@pytest.mark.parametrize(
    "options",
    [
        {"handler": "own.py"},
        {"model": MODEL + "# reads weights.safetensors by itself\n"},
        {"archive_format": "tgz"},
    ],
)
def test_where_a_file_may_be_asked_for_the_weights_are_extracted(pack, cache, options):
    assert answer(pack(**options), cache) == 32.0
    assert "weights.safetensors" in extracted(cache)


def test_an_archive_of_the_original_packer_has_its_weights_extracted(pack, cache, tmp_path):
    """It has no RECORD, so that nothing vouches for the bytes."""
    from archives import make_mar

    with archiver.Archive.open(pack()) as archive:
        files = {each.name: archive.read(each.name) for each in archive.members}
    del files["MAR-INF/RECORD"]
    assert answer(make_mar(tmp_path / "old.mar", files), cache) == 32.0
    assert "weights.safetensors" in extracted(cache)


def test_weights_in_another_number_format_are_converted(pack, cache):
    path = pack()
    save_file(
        {"weight": torch.full((32, 64), 0.5).half(), "bias": torch.zeros(32).half()},
        "weights.safetensors",
    )
    path = archiver.pack(
        model_name="half",
        version="1",
        handler="base_handler",
        model_file="net.py",
        serialized_file="weights.safetensors",
    ).path
    with ts_sdk.load(path, device="cpu", cache=cache) as model:
        assert model.handler.model.weight.dtype is torch.float32
        assert model.predict(ROW)[0] == 32.0


def test_half_precision_works_on_mapped_weights(pack, cache):
    with ts_sdk.load(pack(), device="cpu", precision="bfloat16", cache=cache) as model:
        assert model.predict(ROW)[0] == 32.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_they_go_straight_to_cuda(pack, cache):
    with ts_sdk.load(pack(), device="cuda", cache=cache) as model:
        assert model.handler.model.weight.device.type == "cuda"
        assert model.predict(ROW)[0] == 32.0
