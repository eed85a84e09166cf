"""Intervals of a change have the true one in them as often as they say."""

import numpy as np
import pytest

from ts_sdk.benchmarking import BenchmarkError
from ts_sdk.benchmarking.bootstrap import change_of, student_quantile, tail


def of(before, now, **options):
    return change_of(before, now, **{"confidence": 0.95, "seed": 0, **options})


def test_the_same_ratio_in_each_round_leaves_nothing_open():
    change = of([100, 50, 80, 120, 60], [110, 55, 88, 132, 66])
    assert change.estimate == pytest.approx(0.1)
    assert (change.low, change.high) == pytest.approx((0.1, 0.1))


def test_what_slows_both_of_a_pair_changes_nothing():
    slowed = [100 / (1 + place) for place in range(8)]
    change = of(slowed, [each * 0.9 for each in slowed])
    assert (change.low, change.high) == pytest.approx((-0.1, -0.1))


def test_twice_as_fast_and_back_are_inverse():
    before, now = [10, 11, 9, 10, 12, 10], [20, 21, 19, 22, 23, 18]
    there, back = of(before, now), of(now, before)
    assert (1 + there.estimate) * (1 + back.estimate) == pytest.approx(1)


def test_the_estimate_lies_in_the_interval_and_more_rounds_make_it_narrower():
    chance = np.random.default_rng(3)
    widths = []
    for rounds in (5, 20, 80):
        change = of(chance.normal(100, 5, rounds), chance.normal(100, 5, rounds))
        assert change.low < change.estimate < change.high
        widths.append(change.high - change.low)
    assert widths == sorted(widths, reverse=True)


def test_the_seed_makes_the_same_interval_again():
    before, now = [10, 11, 9, 10, 12, 10], [20, 21, 19, 22, 23, 18]
    assert of(before, now, seed=1) == of(before, now, seed=1)
    assert of(before, now, seed=1) != of(before, now, seed=2)


@pytest.mark.parametrize("rounds", [5, 10])
def test_intervals_have_the_true_change_in_them_as_often_as_they_say(rounds):
    chance = np.random.default_rng(7)
    truth, trials, inside = 0.05, 300, 0
    for trial in range(trials):
        noise = chance.normal(0, 0.08, rounds)
        change = of(np.full(rounds, 100.0), 105.0 * np.exp(noise), seed=trial)
        inside += change.low <= truth <= change.high
    assert 0.91 <= inside / trials <= 0.985


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [(0.975, 4, 2.7764), (0.975, 9, 2.2622), (0.95, 4, 2.1318), (0.995, 19, 2.8609)],
)
def test_quantiles_of_students_distribution_are_those_of_the_tables(probability, freedom, quantile):
    assert student_quantile(probability, freedom) == pytest.approx(quantile, rel=0.01)


def test_few_rounds_leave_out_less_of_the_bootstrap():
    assert tail(5, 0.95) < tail(10, 0.95) < tail(1000, 0.95)
    assert tail(100_000, 0.95) == pytest.approx(0.025, rel=0.01)


@pytest.mark.parametrize(
    ("before", "now", "confidence", "told"),
    [
        ([1.0] * 4, [1.0] * 4, 0.95, "5 rounds or more"),
        ([1.0] * 6, [1.0] * 5, 0.95, "not 6 and 5"),
        ([1.0] * 5, [1.0, 1.0, 0.0, 1.0, 1.0], 0.95, "figures above 0"),
        ([1.0] * 5, [1.0, 1.0, float("inf"), 1.0, 1.0], 0.95, "figures above 0"),
        ([1.0] * 5, [1.0] * 5, 1.0, "between 0 and 1"),
    ],
)
def test_what_has_no_interval_is_refused(before, now, confidence, told):
    with pytest.raises(BenchmarkError, match=told):
        of(before, now, confidence=confidence)
