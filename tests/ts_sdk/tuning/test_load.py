"""Loads against a pool in virtual time: what is counted, from when, and what a stall looks like."""

import statistics
from concurrent.futures import Future

import pytest
from simulated_pool import SimulatedPool, VirtualClock

from ts_sdk.errors import RequestError
from ts_sdk.tuning.clock import Budget, WallClock
from ts_sdk.tuning.load import Window, closed_loop, open_loop
from ts_sdk.tuning.measurement import quantiles_of


@pytest.fixture
def clock():
    return VirtualClock()


def p99_of(run):
    return quantiles_of(run.latencies_ms)[99]


def test_a_client_that_waits_gets_one_answer_a_service_time(clock):
    pool = SimulatedPool(clock, lambda _: 0.010)
    run = closed_loop(pool, ["a"], 1, Window(1.0, warm_up_s=0.1), clock)
    assert run.throughput_rps == pytest.approx(100, rel=0.02)
    assert run.latencies_ms == pytest.approx([10.0] * len(run.latencies_ms))


@pytest.mark.parametrize("clients", [1, 2, 5, 8])
def test_there_are_as_many_requests_as_clients_also_after_the_warm_up(clock, clients):
    pool = SimulatedPool(clock, lambda _: 0.010)
    run = closed_loop(pool, ["a"], clients, Window(2.0, warm_up_s=0.5), clock)
    assert run.throughput_rps == pytest.approx(100, rel=0.02)
    assert statistics.median(run.latencies_ms) == pytest.approx(10.0 * clients)


def test_a_slow_warm_up_is_not_counted(clock):
    slow = iter([3.0])
    pool = SimulatedPool(clock, lambda _: next(slow, 0.010))
    run = closed_loop(pool, ["a"], 1, Window(0.5, warm_up_s=0.1), clock)
    assert max(run.latencies_ms) == pytest.approx(10.0)
    assert run.throughput_rps == pytest.approx(100, rel=0.05)


def test_a_window_that_is_shorter_than_a_request_waits_for_it(clock):
    pool = SimulatedPool(clock, lambda _: 5.0)
    run = closed_loop(pool, ["a"], 1, Window(0.25, warm_up_s=0.1, least=10), clock)
    assert run.latencies_ms == pytest.approx([5000.0])
    assert run.throughput_rps == pytest.approx(0.2)


def test_a_window_goes_on_until_there_are_enough_answers(clock):
    pool = SimulatedPool(clock, lambda _: 0.1)
    run = closed_loop(pool, ["a"], 1, Window(0.5, least=12, stretch=4), clock)
    assert len(run.latencies_ms) == 12


def test_inputs_are_taken_in_turn_and_the_last_answer_to_each_is_kept(clock):
    pool = SimulatedPool(clock, lambda _: 0.01, answer=str.upper)
    run = closed_loop(pool, ["a", "b", "c"], 2, Window(0.5), clock)
    assert run.answers == {0: "A", 1: "B", 2: "C"}


def test_arrivals_are_the_same_for_a_seed_and_as_many_as_the_rate_says(clock):
    runs = []
    for seed in (1, 1, 2):
        pool = SimulatedPool(VirtualClock(), lambda _: 0.001)
        window = Window(20.0, warm_up_s=1.0)
        runs.append(open_loop(pool, ["a"], rate_rps=50, window=window, clock=pool.clock, seed=seed))
    assert runs[0].latencies_ms == runs[1].latencies_ms
    assert runs[0].latencies_ms != runs[2].latencies_ms
    assert len(runs[0].latencies_ms) == pytest.approx(1000, rel=0.1)
    assert runs[0].throughput_rps == pytest.approx(50, rel=0.1)


def test_random_arrivals_queue_as_the_formula_for_them_says(clock):
    """M/D/1: at a load of 0.8, the mean wait is 0.8 / (2 * 0.2) service times."""
    pool = SimulatedPool(clock, lambda _: 0.010)
    window = Window(600.0, warm_up_s=20.0)
    run = open_loop(pool, ["a"], rate_rps=80, window=window, clock=clock, seed=3)
    assert statistics.fmean(run.latencies_ms) == pytest.approx(10 + 20, rel=0.1)


def test_a_stall_of_a_second_shows_in_the_p99_of_arrivals_and_hides_from_clients_that_wait():
    """Coordinated omission: of one client's requests, a stall hits one; of arrivals, all in it."""
    stalls = {5.0: 1.0}
    waiting, arriving = (
        SimulatedPool(VirtualClock(), lambda _: 0.001, stalls=stalls) for _ in range(2)
    )
    closed = closed_loop(waiting, ["a"], 1, Window(10.0), waiting.clock)
    opened = open_loop(
        arriving, ["a"], rate_rps=100, window=Window(10.0), clock=arriving.clock, seed=1
    )
    assert p99_of(closed) < 2
    assert max(closed.latencies_ms) > 990
    assert p99_of(opened) > 850


class Blocking:
    """Takes a request only after a second, once: whoever sends cannot send meanwhile."""

    def __init__(self, pool):
        self.pool = pool
        self.blocked = False

    def submit(self, request):
        clock = self.pool.clock
        if clock.now() > 5 and not self.blocked:
            self.blocked = True
            clock.spend(1.0)
        return self.pool.submit(request)


def test_latency_counts_from_when_a_request_was_to_be_sent_and_not_from_when_it_was(clock):
    pool = SimulatedPool(clock, lambda _: 0.001)
    run = open_loop(Blocking(pool), ["a"], rate_rps=100, window=Window(10.0), clock=clock, seed=1)
    late = [each for each in run.latencies_ms if each > 100]
    assert 70 < len(late) < 130
    assert p99_of(run) > 850


class Refusing:
    def __init__(self, error, raised):
        self.error = error
        self.raised = raised
        self.asked = 0

    def submit(self, request):
        self.asked += 1
        if self.raised:
            raise self.error
        future = Future()
        future.set_exception(self.error)
        return future


@pytest.mark.parametrize("raised", [True, False])
def test_a_pool_that_only_refuses_ends_the_load(clock, raised):
    pool = Refusing(RequestError("the queue is full", status=503), raised)
    run = closed_loop(pool, ["a"], 4, Window(60.0), clock)
    assert pool.asked < 100
    assert run.refused == run.failed == pool.asked
    assert (run.error, run.latencies_ms) == (
        "request failed with status 503: the queue is full",
        [],
    )


def test_requests_that_are_never_answered_are_given_up_and_counted(clock):
    class Silent:
        def submit(self, request):
            return Future()

    run = closed_loop(Silent(), ["a"], 3, Window(1.0, patience_s=5.0), clock)
    assert (run.unanswered, run.latencies_ms, run.throughput_rps) == (3, [], 0.0)


def test_quantiles_are_latencies_that_were_measured():
    assert quantiles_of(range(1, 101))[99] == 99
    assert quantiles_of([5.0])[50] == 5.0
    assert quantiles_of([3.0, 1.0, 2.0])[100] == 3.0
    assert quantiles_of([]) == ()


def test_a_budget_ends_and_its_shares_end_sooner(clock):
    budget = Budget(10.0, clock)
    clock.spend(4.0)
    assert (budget.used_s, budget.left_s(), budget.left_s(0.5)) == (4.0, 6.0, 1.0)
    clock.spend(4.0)
    assert budget.left_s(0.5) == 0.0


def test_the_wall_clock_takes_what_comes_from_another_thread():
    from queue import SimpleQueue

    clock, inbox = WallClock(), SimpleQueue()
    assert clock.take(inbox, clock.now()) is None
    inbox.put("a")
    assert clock.take(inbox, clock.now() + 60) == "a"
