"""A rule is broken only when the whole interval is beyond its bound."""

import pytest

from ts_sdk.benchmarking import BenchmarkError, Change, Rule, Verdict
from ts_sdk.benchmarking.rules import FIGURES, figure_of


@pytest.mark.parametrize(
    ("text", "figure", "bound", "name"),
    [
        ("throughput -5%", "throughput", -0.05, "throughput -5%"),
        ("p99 +10%", "p99", 0.1, "p99 +10%"),
        ("  mean+2.5 % ", "mean", 0.025, "mean +2.5%"),
        ("throughput -0%", "throughput", 0, "throughput -0%"),
    ],
)
def test_a_rule_is_a_figure_and_how_much_worse_it_may_become(text, figure, bound, name):
    rule = Rule.parse(text)
    assert (rule.figure, rule.name) == (figure, name)
    assert rule.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    "text", ["", "throughput", "throughput 5%", "p98 +5%", "p99 +5", "p99 > 5%"]
)
def test_anything_else_is_no_rule(text):
    with pytest.raises(BenchmarkError, match="is no rule; write a figure"):
        Rule.parse(text)


@pytest.mark.parametrize(
    ("text", "instead"), [("throughput +5%", "throughput -5%"), ("p99 -10%", "p99 \\+10%")]
)
def test_a_rule_that_fails_where_nothing_became_worse_is_refused(text, instead):
    with pytest.raises(BenchmarkError, match=f"write '{instead}'"):
        Rule.parse(text)


@pytest.mark.parametrize(
    ("text", "low", "high", "verdict"),
    [
        ("throughput -5%", -0.20, -0.06, Verdict.REGRESSED),
        ("throughput -5%", -0.20, -0.04, Verdict.UNDECIDED),
        ("throughput -5%", -0.04, 0.50, Verdict.HELD),
        ("throughput -5%", 0.10, 0.50, Verdict.HELD),
        ("p99 +10%", 0.11, 0.30, Verdict.REGRESSED),
        ("p99 +10%", 0.02, 0.30, Verdict.UNDECIDED),
        ("p99 +10%", -0.50, 0.10, Verdict.HELD),
        ("p99 +0%", 0.001, 0.002, Verdict.REGRESSED),
    ],
)
def test_what_the_interval_says_of_a_rule(text, low, high, verdict):
    assert Rule.parse(text).verdict(Change((low + high) / 2, low, high)) is verdict


def test_each_figure_is_one_of_a_measurement(result):
    measured = result(throughput_rps=70.0, p99_ms=99.0).measured
    figures = {name: figure_of(measured, name) for name in FIGURES}
    assert figures["throughput"] == 70.0
    assert [figures[name] for name in ("p50", "p90", "p95", "p99")] == pytest.approx(
        [50.0, 90.0, 95.0, 99.0]
    )
    assert figures["mean"] == 49.5
