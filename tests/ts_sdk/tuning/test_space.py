"""Candidates: which of them make sense, and which are beside another."""

from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise

import pytest

from ts_sdk.tuning.axes import HandlerFacts, Wishes, space_for
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.space import Candidate, Form, Space, Variant

PLAIN = HandlerFacts(decodes_pictures=False, stateful=False)
PICTURES = HandlerFacts(decodes_pictures=True, stateful=False)


def test_the_grid_is_the_product_of_the_axes_each_candidate_once():
    space = Space(
        precisions=("float32", "bfloat16"),
        forms=(Form.ONNX, Form.EAGER),
        workers=(1, 2),
        batch_sizes=(1, 8),
        delays_ms=(0, 5),
        concurrencies=(4, 16),
        cores=2,
    )
    grid = space.grid()
    # A request that is alone in its batch waits for nobody, so its delays are one candidate.
    assert len(grid) == len(set(grid)) == 2 * 2 * 2 * (1 + 2) * 2
    assert {each.max_batch_delay_ms for each in grid if each.batch_size == 1} == {0}
    assert grid[0].variant == Variant("cpu", "float32", Form.EAGER)


def test_without_a_concurrency_workers_are_filled_once_and_twice():
    grid = Space(workers=(2,), batch_sizes=(4,), delays_ms=(5,), cores=2).grid()
    assert [each.concurrency for each in grid] == [8, 16]


def test_candidates_of_a_pool_are_side_by_side():
    grid = Space(workers=(1, 2), batch_sizes=(1, 4), concurrencies=(1, 2, 4), cores=2).grid()
    pools = [each.serving for each in grid]
    changes = sum(one != other for one, other in pairwise(pools))
    assert changes == len(set(pools)) - 1


def test_threads_of_all_workers_together_are_no_more_than_the_cores():
    grid = Space(threads=(1, 2, 4), workers=(1, 2, 4), cores=4).grid()
    assert {(each.workers, each.threads) for each in grid} == {
        (1, 1),
        (1, 2),
        (1, 4),
        (2, 1),
        (2, 2),
        (4, 1),
    }


def test_neighbours_are_near_in_one_axis_and_keep_workers_as_full():
    space = Space(workers=(1, 2), batch_sizes=(1, 8), delays_ms=(2, 10), batch_limit=16, cores=8)
    candidate = Candidate(workers=2, batch_size=8, max_batch_delay_ms=10, concurrency=32)
    found = space.neighbours(candidate)
    assert candidate not in found
    assert replace(candidate, batch_size=16, concurrency=64) in found
    assert replace(candidate, workers=1, concurrency=16) in found
    assert replace(candidate, concurrency=24) in found
    assert replace(candidate, max_batch_delay_ms=5) in found
    assert max(each.batch_size for each in found) == 16
    assert max(each.workers for each in found) == 2


def test_an_axis_with_a_single_value_stays_as_it_is():
    space = Space(batch_sizes=(4, 8), workers=(1,), delays_ms=(5,), concurrencies=(8,), cores=4)
    candidate = Candidate(batch_size=8, max_batch_delay_ms=5, concurrency=8)
    for each in space.neighbours(candidate):
        assert (each.workers, each.max_batch_delay_ms, each.concurrency) == (1, 5, 8)


def test_fast_decoding_is_tried_beside_the_best_only():
    space = Space(fast_decode=True)
    assert {each.fast_decode for each in space.grid()} == {False}
    assert {each.fast_decode for each in space.neighbours(Candidate())} == {True, False}


def test_a_candidate_is_read_back_as_it_was_written():
    candidate = Candidate("cuda:0", "float16", Form.AOTI, fast_decode=True, threads=2, workers=3)
    assert Candidate.from_dict(candidate.to_dict()) == candidate
    assert (
        candidate.name
        == "cuda:0 float16 aoti fast-decode, 3 workers x 2 threads, batch 1, 1 at a time"
    )


def test_wishes_become_the_axes():
    wishes = Wishes(
        precisions=["float32"],
        forms=["eager"],
        workers=[1, 3],
        batch_sizes=[2],
        delays_ms=[0, 7],
        concurrencies=[5],
        threads=[1],
    )
    space, left_out = space_for(wishes, PLAIN, ("cpu",), 4)
    assert (space.workers, space.batch_sizes, space.delays_ms) == ((1, 3), (2,), (0, 7))
    assert (space.concurrencies, space.threads, space.forms) == ((5,), (1,), (Form.EAGER,))
    assert left_out == []


def test_without_wishes_workers_go_up_to_the_cores_and_forms_are_those_that_can_be_made():
    space, left_out = space_for(Wishes(), PLAIN, ("cpu",), 4)
    assert space.workers == (1, 2, 4)
    assert Form.EAGER in space.forms
    assert Form.CHANNELS_LAST not in space.forms
    assert ("channels-last", "the handler has no setting layout") in left_out
    is_missing = find_spec("openvino") is None
    assert (Form.OPENVINO in space.forms) is not is_missing
    assert (("openvino", "openvino is not installed") in left_out) is is_missing
    assert not space.fast_decode
    space, _ = space_for(Wishes(), PICTURES, ("cpu",), 4)
    assert Form.CHANNELS_LAST in space.forms
    assert space.fast_decode


def test_requests_of_sequences_run_alone():
    facts = HandlerFacts(decodes_pictures=False, stateful=True)
    space, left_out = space_for(Wishes(batch_sizes=[8]), facts, ("cpu",), 4)
    assert (space.workers, space.batch_sizes) == ((1,), (1,))
    assert "sequences" in left_out[-1][1]


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (Wishes(batch_sizes=[0]), "a batch size must be a whole number of 1 or more"),
        (Wishes(delays_ms=[-1]), "a batch delay must be a whole number of 0 or more"),
        (Wishes(workers=[]), "a number of workers must be"),
        (Wishes(forms=["fast"]), "there is no form 'fast': use eager, channels-last"),
        (Wishes(precisions=[]), "there is no precision to try"),
        (Wishes(threads=[64]), "64 threads are more than the 4 cores"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wishes, message):
    with pytest.raises(TuningError, match=message):
        space_for(wishes, PLAIN, ("cpu",), 4)
