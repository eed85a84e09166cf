"""`ts_sdk.tune` with real pools on tiny models."""

import json
import time

import pytest

import ts_sdk
from ts_sdk.tuning.space import Form, Variant

HANDLER = """
import time

import torch
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    def inference(self, data):
        # A batch takes 20 ms, and each request in it 1 ms.
        time.sleep(0.020 + 0.001 * len(data))
        return super().inference(data)
"""
MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        nn.init.ones_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x) SUFFIX
"""
AXES = {
    "devices": ["cpu"],
    "precisions": ["float32"],
    "forms": ["eager"],
    "workers": [1],
    "batch_sizes": [1, 8],
    "delays_ms": [5],
    "concurrencies": [8],
}


@pytest.fixture
def net(write_folder, monkeypatch, tmp_path):
    """A folder of sources; the model's answer is computed with *suffix* at its end."""
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))
    manifest = {
        "model": {
            "modelName": "net",
            "modelVersion": "1.0",
            "handler": "handler.py",
            "modelFile": "model.py",
        }
    }

    def write(suffix=""):
        return write_folder(
            {
                "handler.py": HANDLER,
                "model.py": MODEL.replace("SUFFIX", suffix),
                "MAR-INF/MANIFEST.json": json.dumps(manifest),
            },
            "net",
        )

    return write


@pytest.fixture
def tune(tmp_path):
    def run(archive, **options):
        given = {"budget_s": 6.0, "output": tmp_path / "tuning", **AXES, **options}
        return ts_sdk.tune(archive, [[1.0, 2.0], [3.0, 4.0]], **given)

    return run


def test_the_batch_that_is_known_to_be_better_is_found(net, tune):
    """Eight clients of one worker: alone 21 ms each, in a batch of eight 28 ms for all of them."""
    seen = []
    report = tune(net(), progress=lambda candidate, _measured: seen.append(candidate))
    assert report.met
    assert report.best.batch_size == 8
    assert set(seen) == set(report.measured)
    measured = report.best_measured
    assert measured.failed == measured.unanswered == 0
    assert measured.batch_fill > 0.35  # a worker's two threads have four each
    assert set(measured.phases_ms) == {"queue", "preprocess", "inference", "postprocess"}
    assert measured.phases_ms["inference"] > 20
    assert report.binding.phase == "inference"
    assert report.speed_up > 2
    assert [each.load for each in report.arrivals] == ["open"] * len(report.arrivals)
    assert report.arrivals[0].answered > 0
    assert report.differences == {report.best.variant: 0.0}


@pytest.mark.slow
def test_a_target_that_cannot_be_met_is_said_to_be_missed(net, tune):
    report = tune(net(), p99_ms=5.0, batch_sizes=[1], concurrencies=[1])
    assert not report.met
    # Nothing takes less than 21 ms.
    assert report.excess > 3
    assert report.best in report.measured


def test_a_candidate_with_wrong_answers_is_out_and_listed(net, tune):
    """The model answers otherwise in bfloat16, which cannot hold 2049."""
    report = tune(
        net("* 0 + (torch.full((), 2049.0, dtype=x.dtype) - 2048)"),
        precisions=["float32", "bfloat16"],
        budget_s=12,
    )
    assert {each.precision for each in report.measured} == {"float32"}
    (excluded,) = report.excluded
    assert excluded.what == "cpu bfloat16 eager"
    assert "the answer differs by" in excluded.reason


@pytest.mark.slow
def test_a_form_that_cannot_be_made_is_out_and_listed(net, tune):
    report = tune(
        net("* (2 if x.sum().item() > 0 else 3)"),
        forms=["eager", "onnx"],
        budget_s=12,
    )
    assert {each.form for each in report.measured} == {Form.EAGER}
    (excluded,) = report.excluded
    assert excluded.what == "cpu float32 onnx"
    assert excluded.reason


@pytest.mark.slow
def test_a_package_of_aotinductor_is_made_and_serves_batches(net, tune):
    seen = []
    report = tune(
        net(),
        forms=["aoti"],
        budget_s=120,  # of which a compiler is allowed to begin in the first half
        progress=lambda candidate, _measured: seen.append(candidate),
    )
    assert seen[0].form is Form.EAGER
    compiled = [each for each in report.measured if each.form is Form.AOTI]
    assert any(each.batch_size > 1 for each in compiled)
    assert all(report.measured[each].failed == 0 for each in compiled)
    assert report.differences[Variant(form=Form.AOTI)] == 0.0
    assert report.excluded == ()


@pytest.mark.slow
def test_openvino_serves_batches_to_several_workers(net, tune):
    pytest.importorskip("openvino")
    report = tune(net(), forms=["openvino"], workers=[2], budget_s=12)
    assert report.met
    assert report.best.form is Form.OPENVINO
    assert report.best_measured.failed == 0
    assert report.excluded == ()


def test_a_second_run_goes_on_from_the_journal(net, tune, tmp_path):
    archive = net()
    tune(archive)
    journal = tmp_path / "tuning/journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    first = {json.dumps(each["candidate"]) for each in lines if "measured" in each}
    report = tune(archive, resume=True)
    again = [json.loads(line) for line in journal.read_text().splitlines()][len(lines) :]
    closed = [each for each in again if each.get("measured", {}).get("load") == "closed"]
    assert not any("difference" in each for each in again)
    assert {json.dumps(each.to_dict()) for each in report.measured} >= first
    # The first look at each is taken over; what the first budget did not suffice for is done now.
    assert all(each["measured"]["rounds"] > 1 for each in closed)


@pytest.mark.slow
def test_a_run_that_is_not_to_go_on_measures_anew(net, tune, tmp_path):
    archive = net()
    tune(archive, budget_s=2.0)
    tune(archive, budget_s=2.0)
    assert (tmp_path / "tuning/journal.jsonl.before").exists()


def test_nothing_is_left_running(net, tune):
    import threading

    before = {each.name for each in threading.enumerate()}
    tune(net(), budget_s=2.0)
    until = time.monotonic() + 30
    while {each.name for each in threading.enumerate()} - before and time.monotonic() < until:
        time.sleep(0.05)
    assert {each.name for each in threading.enumerate()} <= before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget_s": 0}, "budget_s must be above 0 s"),
        ({"objective": "speed"}, "there is no objective 'speed'"),
        ({"devices": []}, "there is no device to try"),
        ({"forms": ["fastest"]}, "there is no form 'fastest'"),
        ({"objective": "cost", "prices": {"cuda": 1.0}}, "there is no price an hour for cpu"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_and_nothing_is_written(
    net, tune, tmp_path, options, message
):
    with pytest.raises(ts_sdk.TuningError, match=message):
        tune(net(), **options)
    assert not (tmp_path / "tuning").exists()


def test_without_inputs_there_is_nothing_to_measure(net, tmp_path):
    with pytest.raises(ts_sdk.TuningError, match="there are no inputs"):
        ts_sdk.tune(net(), [], output=tmp_path / "tuning")
