"""Both archives run, when that is asked for: answers, latency, memory, and what goes wrong."""

import json
from pathlib import Path

import pytest
import torch

from ts_sdk import Request
from ts_sdk.comparison import compare
from ts_sdk.comparison.report import Measured
from ts_sdk.comparison.trial import Trial, _tolerance

NET = """\
from torch import nn


class Net(nn.Linear):
    def __init__(self):
        super().__init__(1, 1, bias=False)
"""
HANDLER = """\
import os

import torch

from ts_sdk import BaseHandler


class Handler(BaseHandler):
    def preprocess(self, data):
        print("a batch of", len(data))
        bodies = [row["body"] for row in data]
        if bodies == ["die"]:
            os._exit(9)
        if bodies == ["refuse"]:
            raise ValueError("refused by {which}")
        return torch.tensor([[float(body)] for body in bodies])

    def postprocess(self, data):
        return [{{"value": value, "kind": "{kind}", "raw": b"12"}} for (value,) in data.tolist()]
"""
PARTS = {"modelFile": "net.py", "serializedFile": "w.pt"}


@pytest.fixture
def multiplier(archive, saved):
    """An archive that multiplies a number; *kind* is part of its answers."""

    def write(name, factor=2.0, *, kind="product", handler=HANDLER, **files):
        weights = saved({"weight": torch.tensor([[factor]])})
        code = handler.format(which=name, kind=kind) if "{which}" in handler else handler
        return archive(name, {"net.py": NET, "w.pt": weights, "handler.py": code}, **PARTS, **files)

    return write


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_answers_that_agree_within_the_tolerance_are_the_same_and_both_are_measured(
    multiplier, capfd
):
    old, new = multiplier("old", 2.0), multiplier("new", 2.00001)
    found = compare(old, new, run=True, samples=[3, 4], rounds=3, device="cpu")
    run = found.run
    assert run.agrees
    assert not found.same  # the weights are not
    assert [answer.sample for answer in run.answers] == ["sample 1", "sample 2"]
    assert run.rounds == 3
    for side in (run.old, run.new):
        assert (side.device, side.precision, side.problem) == ("cpu", "float32", None)
        assert side.spread_ms[0] <= side.request_ms <= side.spread_ms[1]
        assert side.weights_bytes == 4
        assert side.peak_cuda_bytes is None
    assert run.times_ratio > 0
    said = json.loads(json.dumps(found.to_dict()))["run"]
    assert (said["agrees"], said["old"]["weights_bytes"]) == (True, 4)
    assert capfd.readouterr().out == ""  # what handlers print is no output of the comparison


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_the_peak_memory_is_that_of_the_archive_alone(multiplier):
    """Of which the program that compares, and the other archive, are no part."""
    big = HANDLER.replace(
        "return torch.tensor", "self.big = torch.ones(64 << 20)\n        return torch.tensor"
    )
    found = compare(
        multiplier("old"), multiplier("new", handler=big), run=True, samples=[1], rounds=0
    )
    more = found.run.new.peak_bytes - found.run.old.peak_bytes
    assert 200 << 20 < more < 400 << 20
    assert (found.run.rounds, found.run.old.request_ms) == (0, None)


def test_each_place_where_answers_differ_is_told_and_who_did_not_answer(multiplier):
    lenient = HANDLER.replace('raise ValueError("refused by {which}")', "bodies = [1]  # {which}")
    old, new = multiplier("old", handler=lenient), multiplier("new", 2.5, kind="sum")
    run = compare(old, new, run=True, samples={"two": 2, "odd": "refuse"}, rounds=0).run
    two, odd = run.answers
    told = {each.place: (each.old, each.new) for each in two.differences}
    assert told == {"$.value": ("4", "5"), "$.kind": ("'product'", "'sum'")}
    assert (two.sample, two.agrees) == ("two", False)
    assert odd.old_error is None
    assert "refused by new" in odd.new_error
    assert not run.agrees


@pytest.mark.slow
def test_what_both_refuse_alike_agrees_and_what_both_crash_on_does_not(multiplier):
    polite = HANDLER.replace(
        'raise ValueError("refused by {which}")', 'raise RequestError("refused")  # {which}'
    ).replace("import BaseHandler", "import BaseHandler, RequestError")
    samples = {"two": 2, "odd": "refuse"}
    old, new = multiplier("old", handler=polite), multiplier("new", handler=polite)
    run = compare(old, new, run=True, samples=samples, rounds=0).run
    assert (run.agrees, run.answers[1].refused) == (True, True)
    assert run.answers[1].old_error == "refused (status 400)"
    crashing = multiplier("crashing")
    run = compare(crashing, crashing, run=True, samples=samples, rounds=0).run
    assert run.answers[1].old_error == run.answers[1].new_error
    assert (run.answers[0].agrees, run.answers[1].agrees) == (True, False)


@pytest.mark.parametrize(
    ("wished", "expected"),
    [({}, (0.08, 0.02)), ({"rtol": 0.3}, (0.3, 0.02)), ({"rtol": 0.0, "atol": 0.0}, (0.0, 0.0))],
)
def test_the_tolerance_is_that_of_the_coarser_precision_unless_it_is_given(wished, expected):
    measured = [Measured(precision="float32"), Measured(precision="autocast-bfloat16")]
    tolerance = _tolerance(Trial(**wished), measured)
    assert (tolerance.rtol, tolerance.atol) == expected


def test_a_process_that_dies_is_told_and_the_other_one_is_measured(multiplier):
    old, new = multiplier("old", handler=HANDLER.replace('== ["die"]', "== [0]")), multiplier("new")
    run = compare(old, new, run=True, samples=[1, "die"], rounds=2).run
    assert run.new.problem == "its process ended with exit code 9"
    assert run.answers[0].agrees
    assert run.answers[1].new_error == run.new.problem


@pytest.mark.slow
def test_an_archive_that_cannot_be_loaded_is_told(multiplier):
    old, new = multiplier("old"), multiplier("new", handler="import nothing_of_that_name\n")
    run = compare(old, new, run=True, samples=[1]).run
    assert "nothing_of_that_name" in run.new.problem
    assert (run.old.problem, run.answers, run.agrees) == (None, (), False)


@pytest.mark.slow
def test_samples_that_the_archives_hold_are_answered(archive, multiplier, saved):
    weights = saved({"weight": torch.tensor([[2.0]])})
    files = {"net.py": NET, "w.pt": weights, "handler.py": HANDLER.format(which="a", kind="b")}
    stored = {"MAR-INF/samples/three.json": "3", "MAR-INF/samples/four.json": "4"}
    old = archive("old", {**files, **stored}, **PARTS)
    new = archive("new", files, **PARTS)
    run = compare(old, new, run=True, rounds=0).run
    assert [answer.sample for answer in run.answers] == ["four.json", "three.json"]
    assert run.agrees


@pytest.mark.slow
def test_a_request_keeps_its_parts_and_headers(archive):
    echo = """
        class Echo:
            def initialize(self, context):
                pass

            def handle(self, data, context):
                return [[row["x"], context.get_request_header(0, "tone")] for row in data]
    """
    old = archive("old", {"handler.py": "\n".join(line[8:] for line in echo.splitlines())})
    request = Request({"x": bytearray(b"1")}, headers={"tone": "high"})
    run = compare(old, old, run=True, samples=[request], rounds=0).run
    assert run.agrees, run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": [1]}, "run=True"),
        ({"run": True}, "there is no sample"),
        ({"run": True, "samples": []}, "there is no sample"),
    ],
)
def test_running_needs_samples_and_samples_need_running(multiplier, options, message):
    old = multiplier("old")
    with pytest.raises(ValueError, match=message):
        compare(old, old, **options)
