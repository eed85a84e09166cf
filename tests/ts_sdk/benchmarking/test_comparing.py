"""Two archives in turn: real ones of which one sleeps longer, and rounds with chosen figures."""

import pytest

from ts_sdk.benchmarking import (
    BenchmarkError,
    BenchReport,
    Load,
    Rule,
    SpeedComparison,
    Verdict,
    compare_speed,
)
from ts_sdk.benchmarking.sentences import verdicts_of

RULES = ("throughput -5%", "p99 +10%")


@pytest.fixture
def compared(result):
    def make(befores, nows, *rules, **of_now):
        before = [result(rate, 1000 / rate, name="before") for rate in befores]
        now = [result(rate, 1000 / rate, name="now", **of_now) for rate in nows]
        return SpeedComparison(before, now, tuple(map(Rule.parse, rules)), 0.95, 0)

    return make


STEADY = [100, 101, 99, 100, 102, 98]


def test_a_certain_loss_fails_and_the_sentence_says_so(compared):
    comparison = compared(STEADY, [80, 81, 79, 80, 82, 78], *RULES)
    assert not comparison.passed
    assert [each.verdict for each in comparison.judged()] == [Verdict.REGRESSED] * 2
    throughput, p99, last = verdicts_of(comparison)
    assert throughput.startswith("throughput -20.0% (-20.")
    assert throughput.endswith("regressed, the whole interval is beyond throughput -5%.")
    assert "the whole interval is beyond p99 +10%" in p99
    assert last == "Failed."


def test_a_loss_that_may_be_chance_passes_and_the_sentence_says_so(compared):
    comparison = compared(STEADY, [60, 130, 90, 75, 140, 85], "throughput -5%")
    assert comparison.passed
    (sentence, last) = verdicts_of(comparison)
    assert "undecided, the interval has throughput -5% in it; more rounds" in sentence
    assert last == "Passed."


def test_a_gain_keeps_to_the_rule(compared):
    comparison = compared(STEADY, [120, 121, 119, 120, 122, 118], *RULES)
    assert comparison.passed
    assert "the whole interval keeps to throughput -5%" in verdicts_of(comparison)[0]


def test_without_rules_there_are_changes_and_no_verdicts(compared):
    comparison = compared(STEADY, [50] * 6)
    assert comparison.passed
    assert comparison.judged() == []
    assert comparison.changes()["throughput"].estimate == pytest.approx(-0.5, abs=0.01)
    assert verdicts_of(comparison) == ["Passed."]


def test_more_failures_than_before_are_a_regression_without_any_rule(compared):
    comparison = compared(STEADY, STEADY, answered=98, failed=2, error="no")
    assert not comparison.passed
    assert verdicts_of(comparison) == [
        "2.0% more of the requests fail than before: regressed.",
        "Failed.",
    ]


def test_rounds_without_answers_have_no_changes(compared):
    nothing = {"answered": 0, "failed": 100, "quantiles_ms": (), "mean_ms": float("inf")}
    comparison = compared(STEADY, STEADY, *RULES, **nothing)
    assert comparison.changes() == {}
    assert not comparison.passed


def test_an_archive_that_is_compared_with_one_that_answers_nothing_does_not_pass(result):
    nothing = {"answered": 0, "failed": 100, "quantiles_ms": (), "mean_ms": float("inf")}
    befores = [result(100, 10, name="before", **nothing) for _ in STEADY]
    nows = [result(rate, 1000 / rate, name="now") for rate in STEADY]
    comparison = SpeedComparison(befores, nows, (), 0.95, 0)
    assert not comparison.passed
    assert verdicts_of(comparison) == [
        "A round had no answer at all, so nothing can be compared.",
        "Failed.",
    ]


def test_the_report_has_the_changes_the_verdicts_and_each_round(compared, hardware, tmp_path):
    comparison = compared(STEADY, [80, 81, 79, 80, 82, 78], *RULES)
    rounds = (*comparison.before, *comparison.now)
    report = BenchReport(rounds, hardware, comparison=comparison)
    csv, markdown = report.write(tmp_path / "out")
    assert len(csv.read_text().splitlines()) == 13
    text = markdown.read_text()
    assert "| throughput | 99.99 requests/s | 79.99 requests/s | -20.0% |" in text
    assert "regressed, the whole interval is beyond throughput -5%." in text
    assert "## before\n" in text
    assert "## now\n" in text
    told = report.to_dict()
    assert told["passed"] is False
    assert told["rules"][0] == {"rule": "throughput -5%", "verdict": "regressed"}
    assert told["figures"]["throughput"]["estimate"] == pytest.approx(-0.2, abs=0.001)


def test_an_archive_that_sleeps_fifty_times_as_long_is_a_regression(sleeper, photo):
    fast, slow = sleeper("fast", 0.001), sleeper("slow", 0.050)
    load = Load(concurrency=1, requests=6, warm_up=1)
    seen = []
    report = compare_speed(
        slow, fast, [photo], rules=RULES[:1], load=load, rounds=5, progress=seen.append
    )
    assert not report.passed
    assert {each.verdict for each in report.comparison.judged()} == {Verdict.REGRESSED}
    assert [each.case.name for each in seen[:4]] == ["before", "now", "now", "before"]
    assert all(each.measured.requests >= 6 for each in report.results)
    turned = compare_speed(fast, slow, [photo], rules=RULES[:1], load=load, rounds=5)
    assert turned.passed


def test_an_archive_that_fails_requests_is_a_regression(sleeper, photo):
    handler = "def handle(data, context):\n    return data and data[0]['none']\n"
    failing = sleeper("failing", handler=handler)
    report = compare_speed(failing, sleeper("fast"), [photo], load=Load(1, 5, warm_up=0), rounds=5)
    assert not report.passed
    assert report.comparison.failing == 1.0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rounds": 4}, "5 rounds or more, not 4"),
        ({"confidence": 1.5}, "between 0 and 1"),
        ({"rules": ["faster"]}, "is no rule"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused_before_anything_is_loaded(wrong, told):
    with pytest.raises(BenchmarkError, match=told):
        compare_speed("there-is-none.mar", "nor-this.mar", ["a"], **wrong)


def test_inputs_are_needed(sleeper):
    with pytest.raises(BenchmarkError, match="there are no inputs"):
        compare_speed(sleeper("a"), sleeper("b"), [])
