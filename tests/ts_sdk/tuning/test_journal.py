"""The journal: what a second run takes over, and what it must not."""

import json

import pytest

from ts_sdk.tuning.journal import Journal, Subject
from ts_sdk.tuning.measuring import Effort
from ts_sdk.tuning.space import Candidate, Form, Variant

SUBJECT = Subject("archive-digest", "inputs-digest", "fingerprint", "0.02 archive None")
ONE = Candidate(workers=2, batch_size=4, concurrency=8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "journal.jsonl"


def test_a_second_run_knows_what_the_first_has_found(path, measurement):
    first = Journal.started(path, SUBJECT)
    first.note(ONE, measurement(12.5, 40))
    first.exclude(Variant(form=Form.AOTI), "there is no C++ compiler")
    first.exclude(ONE.serving, "it cannot be served")
    first.accept(Variant(), 1e-6)
    second = Journal.resumed(path, SUBJECT)
    assert second.measurements == {ONE: measurement(12.5, 40)}
    assert second.excluded == first.excluded
    assert second.verdicts == {Variant(): 1e-6}
    assert second.ignored == 0


def test_a_measurement_is_taken_over_if_it_was_long_enough(path, measurement):
    journal = Journal.started(path, SUBJECT)
    journal.note(ONE, measurement(seconds=3.0, rounds=3))
    assert journal.measured(ONE, Effort(1.0, rounds=3)) is not None
    assert journal.measured(ONE, Effort(2.0, rounds=3)) is None
    assert journal.measured(Candidate(), Effort(0.1)) is None


def test_a_first_look_is_taken_over_by_another_first_look_only(path, measurement):
    journal = Journal.started(path, SUBJECT)
    journal.note(ONE, measurement(seconds=1.0, rounds=1, answered=30))
    assert journal.measured(ONE, Effort(3.0, rounds=1, least=20)) is not None
    assert journal.measured(ONE, Effort(3.0, rounds=1, least=40)) is None
    assert journal.measured(ONE, Effort(1.0, rounds=3, least=20)) is None


def test_the_longest_measurement_of_a_candidate_counts_and_arrivals_do_not(path, measurement):
    journal = Journal.started(path, SUBJECT)
    journal.note(ONE, measurement(10, seconds=9.0))
    journal.note(ONE, measurement(20, seconds=1.0))
    journal.note(ONE, measurement(30, seconds=90.0, load="open", rate_rps=5.0))
    for each in (journal, Journal.resumed(path, SUBJECT)):
        assert each.measurements[ONE].throughput_rps == 10


@pytest.mark.parametrize("changed", ["archive", "inputs", "hardware", "settings"])
def test_lines_of_another_archive_other_inputs_or_another_machine_are_not_taken_over(
    path, measurement, changed
):
    other = Subject(**{**SUBJECT.to_dict(), changed: "another"})
    Journal.started(path, other).note(ONE, measurement())
    resumed = Journal.resumed(path, SUBJECT)
    assert (resumed.measurements, resumed.ignored) == ({}, 1)
    resumed.note(ONE, measurement())
    assert Journal.resumed(path, other).measurements == {ONE: measurement()}


def test_a_run_that_was_killed_in_a_line_goes_on(path, measurement):
    first = Journal.started(path, SUBJECT)
    first.note(ONE, measurement())
    first.note(Candidate(), measurement())
    whole = path.read_text()
    path.write_text(whole[: len(whole) - 30])
    second = Journal.resumed(path, SUBJECT)
    assert (set(second.measurements), second.ignored) == ({ONE}, 1)
    second.note(Candidate(), measurement(99))
    third = Journal.resumed(path, SUBJECT)
    assert third.measurements[Candidate()].throughput_rps == 99
    assert third.ignored == 1


def test_a_new_run_keeps_the_old_journal_beside_its_own(path, measurement):
    Journal.started(path, SUBJECT).note(ONE, measurement())
    started = Journal.started(path, SUBJECT)
    assert started.measurements == {}
    assert not path.exists()
    kept = path.with_name("journal.jsonl.before").read_text()
    assert json.loads(kept)["candidate"]["workers"] == 2


def test_a_missing_journal_is_an_empty_one(path):
    assert Journal.resumed(path, SUBJECT).measurements == {}
    assert not path.exists()
