"""Measurements of simulated pools: rounds, phases, fill."""

import pytest
from simulated_pool import SimulatedPool, VirtualClock

from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.measuring import Effort, Measuring
from ts_sdk.tuning.resources import ResourceWatch
from ts_sdk.tuning.space import Candidate

CANDIDATE = Candidate(batch_size=8, max_batch_delay_ms=5, concurrency=16)


@pytest.fixture
def clock():
    return VirtualClock()


def measured(clock, effort, service_s=lambda size: 0.020 + 0.001 * size, **pool):
    pool = SimulatedPool(clock, service_s, batch_size=8, delay_s=0.005, **pool)
    return Measuring(["a", "b"], clock).closed(pool, CANDIDATE, effort)


def test_throughput_latency_phases_and_fill_are_those_of_the_pool(clock):
    """Sixteen clients of batches of eight: one is computed (28 ms) while the other waits."""
    found = measured(clock, Effort(2.0))
    assert found.throughput_rps == pytest.approx(8 / 0.028, rel=0.02)
    assert found.p50_ms == pytest.approx(56.0)
    assert found.batch_fill == pytest.approx(1.0)
    assert found.phases_ms == pytest.approx(
        {"queue": 28.0, "preprocess": 7.0, "inference": 19.6, "postprocess": 1.4}, rel=0.02
    )
    assert (found.failed, found.unanswered, found.error_rate) == (0, 0, 0.0)


def test_a_request_waits_and_is_with_the_worker_and_the_handler(clock):
    """Sixteen clients of batches of eight: 28 ms in the handler, and 2 ms of the worker's own."""
    found = measured(clock, Effort(20.0, warm_up_s=0.0), beside_s=0.002)
    assert found.model_ms == pytest.approx({"mean": 28.0, "p50": 28.0, "p90": 28.0, "p99": 28.0})
    assert found.worker_ms == pytest.approx(2.0)
    assert found.waiting_ms == pytest.approx(30.0, rel=0.01)
    assert found.waiting_ms + found.worker_ms + 28.0 == pytest.approx(found.mean_ms, rel=0.01)


def test_rounds_end_when_two_agree_and_go_on_while_they_do_not(clock):
    assert measured(clock, Effort(2.0, rounds=5)).rounds == 2
    lasts = iter(range(10**6))
    slower = measured(clock, Effort(2.0, rounds=5), lambda _size: 0.02 + next(lasts) * 1e-3)
    assert slower.rounds == 5
    assert slower.noise > 0.05


def test_arrivals_are_measured_at_their_rate(clock):
    pool = SimulatedPool(clock, lambda _: 0.010, batch_size=8, delay_s=0.005)
    effort = Effort(20.0, rounds=1)
    found = Measuring(["a"], clock).open(pool, CANDIDATE, effort, 40.0)
    assert (found.load, found.rate_rps) == ("open", 40.0)
    assert found.throughput_rps == pytest.approx(40, rel=0.15)
    assert 15.0 <= found.p50_ms < 30.0


def test_a_measurement_is_read_back_as_it_was_written(clock):
    found = measured(clock, Effort(1.0))
    assert Measurement.from_dict(found.to_dict()) == found


def test_memory_and_processors_are_seen_while_a_load_runs():
    import time

    with ResourceWatch(every_s=0.01) as watch:
        time.sleep(0.2)
    seen = watch.means()
    assert seen["memory_mb"] > 10
    assert 0 <= seen["cpu_percent"] <= 100
    assert "gpu_percent" not in seen
