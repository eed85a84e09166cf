"""Damaged files are load errors, never a crash: they are loaded in a process of their own here."""

import subprocess
import sys

import pytest

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


@pytest.mark.slow
@pytest.mark.parametrize(("form", "count"), [("onnx", 1500), ("program", 600)])
def test_many_more(survive, request, form, count):
    content = request.getfixturevalue(f"{form}_bytes")
    assert survive(content, "m.onnx" if form == "onnx" else "m.pt2", count) > count / 3
