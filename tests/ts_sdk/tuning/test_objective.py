"""What is best, and what holds it back."""

import pytest

from ts_sdk.tuning.binding import binding_of
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.objective import Objective
from ts_sdk.tuning.space import Candidate, Form, Variant

ONE = Candidate()


def best_of(objective, *measured):
    return max(measured, key=lambda each: objective.rank(ONE, each))


def test_most_answers_under_the_target_is_best(measurement):
    objective = Objective("throughput", 100.0)
    fast, slow, late = measurement(80, 99), measurement(50, 20), measurement(200, 101)
    assert best_of(objective, slow, late, fast) is fast
    assert [objective.is_met(each) for each in (fast, slow, late)] == [True, True, False]


def test_where_nothing_meets_the_target_the_nearest_is_best(measurement):
    objective = Objective("throughput", 10.0)
    near, far = measurement(5, 11), measurement(500, 40)
    assert best_of(objective, far, near) is near
    assert objective.excess(near) == pytest.approx(0.1)


def test_without_a_target_anything_that_answers_will_do(measurement):
    assert Objective("throughput").is_met(measurement(1, 1e6))
    assert not Objective("throughput").is_met(measurement(0, 1, answered=0, quantiles_ms=()))


def test_a_setting_that_fails_requests_does_not_meet_the_target(measurement):
    objective = Objective("throughput", 100.0)
    failing = measurement(500, 20, failed=1)
    assert not objective.is_met(failing)
    assert best_of(objective, failing, measurement(1, 99)) is not failing


def test_latency_memory_and_cost_are_made_small(measurement):
    small = measurement(10, 80, resources={"memory_mb": 100.0})
    quick = measurement(20, 20, resources={"memory_mb": 400.0})
    assert best_of(Objective("latency"), small, quick) is quick
    assert best_of(Objective("memory"), small, quick) is small
    cost = Objective("cost", prices={"cpu": 0.36, "cuda": 3.6})
    assert cost.cost_of_a_million(ONE, small) == pytest.approx(10.0)
    on_gpu = Candidate(device="cuda:0")
    assert cost.cost_of_a_million(on_gpu, measurement(100, 5)) == pytest.approx(10.0)
    assert cost.rank(on_gpu, measurement(90, 5)) < cost.rank(ONE, small)


def test_better_means_by_more_than_the_noise(measurement):
    objective = Objective("throughput", 100.0)
    base = ONE, measurement(100, 50, noise=0.05)
    assert not objective.is_better((ONE, measurement(104, 50)), base)
    assert objective.is_better((ONE, measurement(106, 50)), base)
    assert objective.is_better(base, (ONE, measurement(900, 500)))
    once = ONE, measurement(106, 50, rounds=1, noise=0.0)
    assert not objective.is_better(once, base)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Objective("speed"), "there is no objective 'speed'"),
        (lambda: Objective("latency", -1), "must be above 0 ms"),
        (lambda: Objective("cost"), "needs a price an hour"),
        (
            lambda: Objective("cost", prices={"cpu": 1}).check_devices(["cpu", "cuda:0"]),
            "there is no price an hour for cuda:0",
        ),
    ],
)
def test_an_objective_that_makes_no_sense_is_refused(make, message):
    with pytest.raises(TuningError, match=message):
        make()


def bound(measurement, candidate=ONE, **phases_ms):
    fill = phases_ms.pop("fill", 1.0)
    return binding_of(candidate, measurement(10, 50, phases_ms=phases_ms, batch_fill=fill), cores=4)


def test_the_longest_phase_binds_though_its_queue_is_longer(measurement):
    found = bound(measurement, queue=80, preprocess=4, inference=15, postprocess=1)
    assert (found.phase, found.share) == ("inference", 0.75)
    assert "80% of the latency is queueing for it" in found.reason
    assert "a reduced precision, a compiled form of the model" in found.advice


def test_decoding_that_binds_is_told_of(measurement):
    found = bound(measurement, queue=1, preprocess=30, inference=10, postprocess=1)
    assert found.phase == "preprocess"
    assert "fast_decode" in found.advice
    fast = bound(measurement, Candidate(fast_decode=True, workers=4), preprocess=30, inference=10)
    assert "fast_decode" not in fast.advice
    assert "more workers" not in fast.advice


def test_a_delay_for_batches_that_do_not_fill_binds_itself(measurement):
    candidate = Candidate(batch_size=8, max_batch_delay_ms=50)
    found = bound(measurement, candidate, queue=50, preprocess=2, inference=10, fill=0.2)
    assert found.phase == "queue"
    assert "20% full" in found.reason
    assert "a shorter batch delay" in found.advice


def test_without_phases_nothing_is_known_to_bind(measurement):
    assert binding_of(ONE, measurement(), cores=4) is None


def test_nobody_is_advised_to_try_what_was_tried(measurement):
    measured = measurement(phases_ms={"inference": 90.0, "preprocess": 1.0})
    tried = [Variant(precision="bfloat16"), Variant(form=Form.ONNX)]
    assert binding_of(ONE, measured, 1).advice == (
        "a reduced precision, a compiled form of the model, a GPU or more cores"
    )
    assert binding_of(ONE, measured, 1, tried).advice == "a GPU or more cores"
    # On another device it may be otherwise.
    on_gpu = [Variant("cuda:0", "bfloat16"), Variant("cuda:0", form=Form.ONNX)]
    assert "a reduced precision" in binding_of(ONE, measured, 1, on_gpu).advice
