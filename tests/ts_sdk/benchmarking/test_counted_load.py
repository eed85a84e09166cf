"""A benchmark counts as many requests as it says, in a time of its own."""

import pytest
from simulated_pool import SimulatedPool, VirtualClock

from ts_sdk.benchmarking import BenchmarkError, Load
from ts_sdk.benchmarking.load import CountedMeasuring
from ts_sdk.tuning.space import Candidate


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def counted(clock):
    def measure(load, service_s=lambda _: 0.010, **pool):
        sent = []

        def answer(request):
            sent.append(request)
            return request

        served = SimulatedPool(clock, service_s, answer=answer, **pool)
        measuring = CountedMeasuring(["a", "b"], clock)
        measuring.warm_up(served, load)
        warm = len(sent)
        candidate = Candidate(concurrency=load.concurrency)
        return measuring.counted(served, candidate, load), warm, len(sent) - warm

    return measure


@pytest.mark.parametrize("concurrency", [1, 3, 10])
def test_there_are_so_many_requests_and_those_that_others_had_on_their_way(counted, concurrency):
    measured, _, sent = counted(Load(concurrency, 50))
    assert measured.requests == measured.answered
    assert 50 <= measured.requests < 50 + concurrency
    assert sent == measured.requests + concurrency


def test_there_are_no_more_clients_than_requests(counted):
    measured, *_ = counted(Load(100, 7))
    assert 7 <= measured.requests < 14
    assert measured.quantile_ms(100) == pytest.approx(70.0)


def test_the_throughput_and_the_latencies_are_those_of_the_pool(counted):
    measured, *_ = counted(Load(4, 400))
    assert measured.throughput_rps == pytest.approx(100)
    assert measured.quantile_ms(50) == pytest.approx(40.0)
    assert sum(measured.phases_ms.values()) == pytest.approx(measured.mean_ms)


def test_requests_that_warm_up_are_sent_before_and_are_in_no_figure(counted):
    slow_at_first = iter([1.0] * 10)
    measured, warm, _ = counted(Load(1, 20, warm_up=10), lambda _: next(slow_at_first, 0.010))
    assert warm >= 10
    assert measured.quantile_ms(100) == pytest.approx(10.0)


def test_two_a_client_warm_up_and_ten_at_least():
    assert [Load(clients).first for clients in (1, 5, 50)] == [10, 10, 100]
    assert Load(50, warm_up=0).first == 0


def test_no_more_are_sent_when_the_time_is_over(counted):
    measured, _, sent = counted(Load(1, 1000, warm_up=0, at_most_s=0.5))
    assert sent == pytest.approx(50, abs=2)
    assert measured.requests < 1000
    assert measured.throughput_rps == pytest.approx(100, rel=0.03)


def test_more_are_sent_until_the_least_time_is_over(counted):
    measured, *_ = counted(Load(1, 10, at_least_s=0.5))
    assert measured.requests == pytest.approx(50, abs=2)
    assert counted(Load(1, 100, at_least_s=0.5))[0].requests == 100


def test_requests_that_arrive_at_random_are_so_many_a_second_and_wait_for_nobody(counted):
    measured, *_ = counted(Load(requests=2000, rate_rps=50.0, warm_up=0))
    assert (measured.load, measured.rate_rps) == ("open", 50.0)
    assert measured.requests == pytest.approx(2000, rel=0.1)
    assert measured.seconds == pytest.approx(40.0, rel=0.01)
    # One server that takes 10 ms, half busy: the mean wait is 5 ms (Pollaczek and Khinchine).
    assert measured.mean_ms == pytest.approx(15.0, rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"concurrency": 0}, "concurrency must be a whole number of 1 or more, not 0"),
        ({"requests": 1.5}, "requests must be a whole number"),
        ({"warm_up": -1}, "warm_up must be 0 or more"),
        ({"rate_rps": 0.0}, "rate_rps must be above 0 a second"),
        ({"at_most_s": 0}, "at_most_s must be above 0 s"),
        ({"at_most_s": 1.0, "at_least_s": 2.0}, "between 0 s and at_most_s, 1 s, not 2.0"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(wrong, told):
    with pytest.raises(BenchmarkError, match=told):
        Load(**wrong)
