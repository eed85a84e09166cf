"""How long the phases took."""

import threading

import pytest

from ts_sdk import PhaseTimes


def test_runs_of_a_phase_are_added_up():
    times = PhaseTimes()
    times.add("inference", 2.0)
    times.add("inference", 4.0)
    times.add("postprocess", 1.0)
    assert list(times) == ["inference", "postprocess"]
    assert len(times) == 2
    inference = times["inference"]
    assert (inference.count, inference.total_ms, inference.last_ms) == (2, 6.0, 4.0)
    assert inference.mean_ms == 3.0


def test_a_block_that_raises_is_measured_too():
    times = PhaseTimes()
    with pytest.raises(ValueError, match="late"), times.measure("inference"):
        raise ValueError("late")
    assert times["inference"].count == 1
    assert times["inference"].last_ms >= 0


def test_no_run_is_lost_when_many_threads_measure():
    times = PhaseTimes()

    def measure():
        for _ in range(500):
            times.add("inference", 1.0)

    threads = [threading.Thread(target=measure) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (times["inference"].count, times["inference"].total_ms) == (4000, 4000.0)
