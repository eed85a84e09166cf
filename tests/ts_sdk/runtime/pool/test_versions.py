"""Which version of a model a request goes to."""

from collections import Counter

import pytest

from ts_sdk.runtime.pool.versions import WeightedChoice


def drawn(weights, seed=1, times=2000):
    choice = WeightedChoice(seed)
    return [choice.of(weights) for _ in range(times)]


def test_each_is_drawn_as_often_as_its_weight_says():
    counts = Counter(drawn({"a": 1.0, "b": 3.0}))
    assert counts["b"] / counts["a"] == pytest.approx(3, rel=0.2)


def test_one_seed_gives_the_same_draws_each_time():
    assert drawn({"a": 1.0, "b": 1.0}) == drawn({"a": 1.0, "b": 1.0})
    assert drawn({"a": 1.0, "b": 1.0}) != drawn({"a": 1.0, "b": 1.0}, seed=2)


def test_what_has_no_weight_is_not_drawn():
    assert set(drawn({"a": 0.0, "b": 0.1})) == {"b"}


def test_where_none_has_a_weight_all_are_drawn():
    assert set(drawn({"a": 0.0, "b": 0.0})) == {"a", "b"}


def test_the_only_one_is_drawn_whatever_its_weight():
    assert set(drawn({"a": 0.0})) == {"a"}
