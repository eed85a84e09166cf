"""When a batch goes."""

import pytest

from ts_sdk.runtime.pool.rule import Rule


@pytest.fixture
def rule():
    return Rule(batch_size=8, delay_s=0.005)


def test_a_whole_batch_goes_at_once(rule):
    rule.note_arrival(20)
    assert rule.goes_at(waiting=8, open_requests=8, oldest=3.0, free_since=0.0) == 3.0


def test_a_request_that_is_the_only_one_goes_at_once(rule):
    rule.note_arrival(1)
    assert rule.goes_at(waiting=1, open_requests=1, oldest=3.0, free_since=0.0) == 3.0


def test_while_somebody_else_may_send_a_request_waits_for_the_delay(rule):
    rule.note_arrival(2)
    assert rule.goes_at(waiting=1, open_requests=1, oldest=3.0, free_since=0.0) == 3.005


def test_nobody_else_may_send_while_the_others_wait_for_their_answers(rule):
    rule.note_arrival(2)
    assert rule.goes_at(waiting=1, open_requests=2, oldest=3.0, free_since=0.0) == 3.0


def test_who_was_waited_for_in_vain_is_not_waited_for_again(rule):
    rule.note_arrival(5)
    rule.note_departure(waiting=1, open_requests=1)
    assert rule.goes_at(waiting=1, open_requests=1, oldest=4.0, free_since=0.0) == 4.0


def test_a_whole_batch_says_nothing_about_who_else_may_send(rule):
    rule.note_arrival(16)
    rule.note_departure(waiting=8, open_requests=8)
    assert rule.goes_at(waiting=1, open_requests=9, oldest=4.0, free_since=0.0) == 4.005


def test_the_delay_is_counted_from_when_a_worker_is_free(rule):
    rule.note_arrival(2)
    assert rule.goes_at(waiting=1, open_requests=1, oldest=3.0, free_since=7.0) == 7.005
