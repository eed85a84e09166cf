"""Damaged files are load errors, never a crash: they are loaded in a process of their own here."""

import io
import subprocess
import sys
import zipfile

import pytest
import torch

from ts_sdk.errors import ModelFormatError
from ts_sdk.formats import load_module

PROGRAM = """
import random, sys
from pathlib import Path
import torch
from ts_sdk.errors import LoadError, RequestError
from ts_sdk.formats import load_module

source, copy, count, length = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
whole = source.read_bytes()
model_file = Path(sys.argv[5]) if len(sys.argv) > 5 else None
chance = random.Random(20240229)
refused = 0
for number in range(count):
    damaged = bytearray(whole)
    if number % 3 == 0:
        del damaged[chance.randrange(len(damaged)):]
    else:
        # Most of what is read carefully lies at the beginning.
        end = len(damaged) if number % 3 == 1 else min(len(damaged), int(length))
        for _ in range(chance.choice([1, 1, 2, 8])):
            damaged[chance.randrange(end)] = chance.choice([0, 255, chance.randrange(256)])
    copy.write_bytes(damaged)
    try:
        model = load_module(copy, device=torch.device("cpu"), model_file=model_file)
    except LoadError:
        refused += 1
        continue
    try:
        model(torch.ones(3, 2))
    except (RequestError, RuntimeError, TypeError, ValueError):
        pass  # the file is another model now, and a sound one
    except Exception as error:
        if "onnxruntime" not in type(error).__module__:
            raise
print(refused)
"""


@pytest.fixture
def survive(tmp_path):
    """Load *count* damaged copies of a file; how many of them were refused."""

    def loading(content, name, count, *, header=2000, model_file=None):
        source, copy = tmp_path / f"whole-{name}", tmp_path / name
        source.write_bytes(content)
        arguments = [source, copy, count, header, *([model_file] if model_file else [])]
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        return int(ran.stdout.split()[-1])

    return loading


def test_onnx(survive, onnx_bytes):
    assert survive(onnx_bytes, "m.onnx", 90) > 30


def test_exported_program(survive, program_bytes):
    assert survive(program_bytes, "m.pt2", 60) > 30


def test_safetensors(survive, tmp_path, weights, model_file):
    from safetensors.torch import save

    assert survive(save(weights), "m.safetensors", 300, header=150, model_file=model_file) > 150


def test_torchscript(survive, tmp_path, affine, script, save_scripted):
    content = save_scripted(script(affine), tmp_path / "scripted.pt").read_bytes()
    assert survive(content, "m.pt", 150, header=2000) > 75


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict(survive, weights, model_file, zipped):
    file = io.BytesIO()
    torch.save(weights, file, _use_new_zipfile_serialization=zipped)
    assert survive(file.getvalue(), "m.pt", 100, header=600, model_file=model_file) > 50


@pytest.fixture(params=["torchscript", "state dict"])
def whole_zip(request, tmp_path, weights, affine, script, save_scripted):
    path = tmp_path / "net.pt"
    if request.param == "torchscript":
        return save_scripted(script(affine), path)
    torch.save(weights, path)
    return path


@pytest.mark.parametrize("kept", [0, 2])
def test_numbers_that_a_zip_only_speaks_of_are_missed(whole_zip, tmp_path, kept):
    """torch would read what lies behind them."""
    lying = tmp_path / "lying.pt"
    with zipfile.ZipFile(whole_zip) as whole, zipfile.ZipFile(lying, "w") as part:
        for name in whole.namelist():
            content = whole.read(name)
            part.writestr(name, content[:kept] if name.endswith("/data/1") else content)
    with pytest.raises(ModelFormatError, match=rf"data/1 in it has {kept} bytes, and \d belong"):
        load_module(lying, device=torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize(("form", "count"), [("onnx", 1500), ("program", 600)])
def test_many_more(survive, request, form, count):
    content = request.getfixturevalue(f"{form}_bytes")
    assert survive(content, "m.onnx" if form == "onnx" else "m.pt2", count) > count / 3
