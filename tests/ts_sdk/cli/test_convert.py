"""`mar convert`: an archive in another form, written only when it answers as before."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from ts_sdk.cli.convert import _FORMS
from ts_sdk.cli.quiet import libraries_quiet
from ts_sdk.conversion.forms import Form


@pytest.fixture
def sample(make_input):
    return make_input("in/two.json", {"x": 2})


def test_it_says_what_was_written_and_how_near_it_is(mar, doubler, sample, tmp_path):
    target = tmp_path / "scripted.mar"
    ran = mar("convert", doubler, "--to", "torchscript", "--sample", sample, "-o", target)
    said = f"{target}: torchscript, float32; outputs are the same, in batches of 1 and 3\n"
    assert (ran.code, ran.out) == (0, said)
    assert mar("run", target, sample, "--json").lines[0]["answer"] == {"double": 4.0}
    assert zipfile.is_zipfile(target)


def test_it_says_how_far_the_outputs_are_where_they_differ(mar, doubler, sample, tmp_path):
    arguments = ("--to", "pt2", "--sample", sample, "--precision", "autocast-bfloat16")
    ran = mar("convert", doubler, *arguments, "-o", tmp_path / "new.mar")
    assert "pt2, autocast-bfloat16; outputs" in ran.out


def test_json_has_the_same_facts(mar, doubler, sample, tmp_path):
    target = tmp_path / "new.mar"
    arguments = ("--to", "safetensors", "--sample", sample, "-o", target, "--json")
    facts = json.loads(mar("convert", doubler, *arguments).out)
    assert facts == {
        "path": str(target),
        "form": "safetensors",
        "precision": "float32",
        "difference": 0.0,
        "tolerance": 1e-4,
        "batch_sizes": [1, 3],
        "note": None,
    }


def test_a_fixed_batch_is_noted(mar, doubler, sample, tmp_path):
    arguments = ("--to", "pt2", "--sample", sample, "-o", tmp_path / "new.mar", "--static")
    ran = mar("convert", doubler, *arguments)
    assert ran.out.splitlines()[1] == "the batch size is fixed at 1: it was asked for"


def test_what_the_handler_refuses_writes_nothing(mar, doubler, make_input, tmp_path):
    sample = make_input("bad.json", {"refuse": "never"})
    target = tmp_path / "new.mar"
    ran = mar("convert", doubler, "--to", "safetensors", "--sample", sample, "-o", target)
    assert ran.code == 3
    assert "the sample was not answered" in ran.err
    assert not target.exists()


def test_an_existing_target_needs_force(mar, doubler, sample, tmp_path):
    target = tmp_path / "new.mar"
    target.write_bytes(b"precious")
    arguments = ("convert", doubler, "--to", "safetensors", "--sample", sample, "-o", target)
    ran = mar(*arguments)
    assert ran.code == 3
    assert "--force" in ran.err
    assert target.read_bytes() == b"precious"
    assert mar(*arguments, "--force").code == 0


BRANCHING = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        y = self.linear(x)
        return y * 2 if y.sum() > 0 else y
"""


@pytest.fixture
def branching(doubler, tmp_path):
    """The same archive, with a model whose branch no graph can hold."""
    path = tmp_path / "branching.mar"
    with zipfile.ZipFile(doubler) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, BRANCHING if name == "model.py" else old.read(name))
    return path


def test_of_a_conversion_that_fails_one_line_is_printed(mar_process, branching, sample, tmp_path):
    """torch prints the graph that it failed at, and logs a warning; --traceback shows both."""
    arguments = ("convert", branching, "--to", "pt2", "--sample", sample, "-o", tmp_path / "n.mar")
    process = mar_process(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (3, b"")
    (line,) = err.decode().splitlines()
    assert line.startswith("mar: torch.export cannot draw up the model as a graph: its code asks")
    assert "(model.py:12 in forward: return y * 2 if y.sum() > 0 else y)" in line
    assert "safetensors and torchscript need no such graph" in line


def test_with_traceback_the_handlers_prints_are_shown_beside_the_answer(
    mar, doubler, sample, tmp_path
):
    arguments = ("convert", doubler, "--to", "safetensors", "--sample", sample, "--json")
    ran = mar(*arguments, "-o", tmp_path / "loud.mar", "--traceback")
    assert "a batch of 1" in ran.err
    assert json.loads(ran.out)["form"] == "safetensors"
    assert mar(*arguments, "-o", tmp_path / "quiet.mar").err == ""


def test_libraries_are_quiet_whichever_way_they_print(capfd):
    late = []
    with libraries_quiet():
        print("python, out")
        print("python, err", file=sys.stderr)
        os.write(1, b"native, out")
        os.write(2, b"native, err")
        subprocess.run([sys.executable, "-c", "print('another program')"], check=True)
        late.append(sys.stderr)
    print("afterwards, a logger that was set up meanwhile", file=late[0])
    print("here again")
    os.write(2, b"and here")
    assert capfd.readouterr() == ("here again\n", "and here")


@pytest.mark.parametrize(
    "arguments",
    [("--to", "tflite", "--sample", "x"), ("--to", "onnx"), ("--sample", "x")],
)
def test_a_wrong_command_line_is_told(mar, doubler, arguments):
    assert mar("convert", doubler, *arguments).code == 2


def test_a_sample_that_is_not_there_is_told(mar, doubler):
    ran = mar("convert", doubler, "--to", "onnx", "--sample", "nowhere.json")
    assert (ran.code, ran.err) == (2, "mar: nowhere.json does not exist\n")


def test_the_help_lists_every_form(mar):
    """Which is not asked of the forms themselves, since that would import torch."""
    assert tuple(Form) == _FORMS
    shown = mar("convert", "--help").out
    assert all(f"  {form} " in shown for form in Form)
