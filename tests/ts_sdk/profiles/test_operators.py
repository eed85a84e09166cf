"""What torch's profiler tells: operators, memory, and a trace with the phases in it."""

import json
import threading

import pytest
import torch

from ts_sdk.profiles.annotated_times import AnnotatedTimes
from ts_sdk.profiles.memory import process_mb, weights_mb
from ts_sdk.profiles.operators import peak_of, profile_operators


def multiply():
    left = torch.ones(256, 1024)
    return left @ left.T


def test_operators_are_counted_and_sorted_by_their_own_time():
    found = profile_operators(multiply, 4)
    by_name = {each.name: each for each in found.operators}
    assert by_name["aten::mm"].calls == 4
    times = [each.self_ms + each.device_ms for each in found.operators]
    assert times == sorted(times, reverse=True)
    assert found.total_ms == pytest.approx(sum(times))
    assert by_name["aten::matmul"].total_ms >= by_name["aten::mm"].total_ms


def test_operators_in_other_threads_are_found():
    def in_thread():
        thread = threading.Thread(target=multiply)
        thread.start()
        thread.join()

    names = {each.name for each in profile_operators(in_thread, 1).operators}
    assert "aten::mm" in names


def test_the_most_that_tensors_took_is_found():
    kept = torch.ones(1024, 1024)  # 4 MiB, there before

    def run():
        return (kept + 1).sum()

    assert profile_operators(run, 2).tensors_mb == pytest.approx(4.0, abs=0.1)


def note(ts, total, size, device=0):
    args = {"Total Allocated": total, "Bytes": size, "Device Type": device}
    return {"name": "[memory]", "ts": ts, "args": args}


def test_the_peak_counts_from_what_was_there_and_on_the_cpu_alone():
    mebibyte = 1 << 20
    events = [
        note(3, 12 * mebibyte, -2 * mebibyte),
        note(1, 11 * mebibyte, mebibyte),
        note(2, 14 * mebibyte, 3 * mebibyte),
        note(2, 99 * mebibyte, mebibyte, device=1),
        {"name": "aten::mm", "ts": 0},
    ]
    assert peak_of({"traceEvents": events}) == 4.0
    assert peak_of({"traceEvents": []}) is None


def test_phases_are_ranges_of_the_trace_only_where_that_is_asked_for():
    times = AnnotatedTimes()

    def run():
        with times.measure("preprocess"):
            multiply()

    def ranges(trace):
        events = json.loads(trace)["traceEvents"]
        return [each for each in events if each["name"] == "preprocess" and each["ph"] == "X"]

    with times.annotated():
        annotated = profile_operators(run, 2)
    assert len(ranges(annotated.trace)) == 2
    assert "preprocess" not in {each.name for each in annotated.operators}
    assert ranges(profile_operators(run, 2).trace) == []
    assert times["preprocess"].count == 4


def test_a_phase_that_fails_is_counted_and_its_error_arrives():
    times = AnnotatedTimes()
    with times.annotated(), pytest.raises(KeyError), times.measure("inference"):
        raise KeyError("x")
    assert times["inference"].count == 1


def test_weights_are_counted_once_where_layers_share_them():
    first = torch.nn.Linear(1024, 256, bias=False)
    second = torch.nn.Linear(1024, 256, bias=False)
    second.weight = first.weight
    assert weights_mb(torch.nn.ModuleList([first, second])) == 1.0
    assert weights_mb(lambda x: x) is None
    assert weights_mb(torch.nn.ReLU()) is None


def test_a_process_with_torch_takes_some_memory():
    assert process_mb() > 50
