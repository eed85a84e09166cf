"""The requests that wait for a worker."""

from hypothesis import given
from hypothesis import strategies as st

from ts_sdk import Request
from ts_sdk.runtime.pool.job import Job
from ts_sdk.runtime.pool.waiting import Waiting


def job(number, **known):
    return Job(str(number), Request({}), float(number), **known)


def numbers(jobs):
    return [int(each.request_id) for each in jobs]


def filled(jobs, **options):
    waiting = Waiting(100, **options)
    for each in jobs:
        waiting.add(each)
    return waiting


def test_it_is_full_when_as_many_wait_as_may():
    waiting = Waiting(2)
    waiting.add(job(0))
    assert not waiting.is_full
    waiting.add(job(1))
    assert waiting.is_full


def test_a_batch_is_the_next_in_line():
    waiting = filled([job(number) for number in range(5)])
    assert numbers(waiting.take(3)) == [0, 1, 2]
    assert numbers(waiting.take(3)) == [3, 4]


def test_what_is_put_back_comes_first_and_in_its_order():
    waiting = filled([job(number) for number in range(5)])
    taken = waiting.take(2)
    waiting.put_back(reversed(taken))
    assert numbers(waiting.take(5)) == [0, 1, 2, 3, 4]


def test_what_was_discarded_is_not_taken():
    jobs = [job(number) for number in range(3)]
    waiting = filled(jobs)
    assert waiting.discard(jobs[1])
    assert not waiting.discard(jobs[1])
    assert numbers(waiting.take(3)) == [0, 2]


def test_those_whose_deadline_has_come_are_taken_out():
    deadlines = [5.0, 2.0, 9.0, 2.5]
    waiting = filled([job(number, deadline=at) for number, at in enumerate(deadlines)])
    assert waiting.next_deadline == 2.0
    assert numbers(waiting.take_overdue(2.5)) == [1, 3]
    assert waiting.next_deadline == 5.0
    assert numbers(waiting.take(4)) == [0, 2]
    assert waiting.next_deadline == float("inf")


def test_the_batch_of_the_oldest_has_those_that_are_most_like_it():
    lengths = [10, 200, 11, 9, 100, 12]
    waiting = filled([job(number, likeness=each) for number, each in enumerate(lengths)])
    assert numbers(waiting.take(3)) == [0, 2, 3]
    assert numbers(waiting.take(3)) == [1, 4, 5]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 8))
def test_grouping_keeps_the_oldest_in_every_batch_and_loses_none(lengths, most):
    waiting = filled([job(number, likeness=each) for number, each in enumerate(lengths)])
    seen = []
    while waiting:
        oldest = waiting.oldest
        batch = waiting.take(most)
        assert batch[0].arrived == oldest
        assert numbers(batch) == sorted(numbers(batch))
        seen += numbers(batch)
    assert sorted(seen) == list(range(len(lengths)))


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20), st.integers(1, 8))
def test_no_two_of_a_batch_belong_to_one_sequence_and_each_keeps_its_order(names, most):
    jobs = [job(number, sequence=name) for number, name in enumerate(names)]
    waiting = filled(jobs, in_sequences=True)
    seen = []
    while waiting:
        batch = waiting.take(most)
        assert len({each.sequence for each in batch}) == len(batch) > 0
        seen += batch
    for name in set(names):
        assert numbers(each for each in seen if each.sequence == name) == [
            number for number, each in enumerate(names) if each == name
        ]


def test_requests_of_no_sequence_may_go_together():
    waiting = filled([job(number) for number in range(4)], in_sequences=True)
    assert numbers(waiting.take(4)) == [0, 1, 2, 3]
