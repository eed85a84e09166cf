"""The scheduler under a simulated clock: who gets which batch, and when."""

import heapq
from collections import Counter, defaultdict
from itertools import accumulate, count, cycle
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ts_sdk import DeadlineError, QueueFullError, Request
from ts_sdk.runtime.pool.job import Job
from ts_sdk.runtime.pool.model_queue import Lane, ModelQueue, Worker
from ts_sdk.runtime.pool.rule import Rule
from ts_sdk.runtime.pool.scheduler import Scheduler
from ts_sdk.runtime.pool.waiting import Waiting

REPLACING_S = 0.5


class World:
    """Time that passes when everything that is due was done, and workers that take their time."""

    def __init__(self):
        self.now = 0.0
        self.alarm = inf
        self.scheduler = Scheduler(lambda: self.now, self._set_alarm)
        self.batches, self.given_up = [], []
        self.answered = Counter()
        self.on_answer = lambda job: None
        self.after_each = lambda: None
        self._events, self._numbers = [], count()
        self._jobs = count()
        self._replaced = []

    def queue(
        self,
        *,
        batch_size=4,
        delay_s=1.0,
        size=1000,
        workers=1,
        lanes=1,
        takes=lambda batch: 1.0,
        limit_s=inf,
        at_once=0,
    ):
        queue = ModelQueue("cat", Rule(batch_size, delay_s), Waiting(size), limit_s)
        self.scheduler.add(queue)
        for _ in range(workers):
            self._hire(queue, lanes, takes, at_once)
        return queue

    def at(self, time, call):
        heapq.heappush(self._events, (time, next(self._numbers), call))

    def send(self, queue, *, within=inf):
        number = next(self._jobs)
        job = Job(str(number), Request({}), self.now, self.now + within)
        job.answer.on_cancel = lambda: self.scheduler.withdraw(queue, job)
        refusal = self.scheduler.submit(queue, job)
        return refusal or job

    def run(self, until=inf):
        while self._events or self.alarm < inf:
            due = min(self._events[0][0] if self._events else inf, self.alarm)
            if due > until:
                break
            self.now = due
            while self._events and self._events[0][0] <= due:
                heapq.heappop(self._events)[2]()
            if self.alarm <= due:  # last, as a thread that is late
                self.alarm = inf
                self.scheduler.tick()
            self.after_each()

    def _set_alarm(self, at):
        self.alarm = at

    def _hire(self, queue, lanes, takes, at_once):
        worker = Worker(min(at_once, lanes))
        for _ in range(lanes):
            self._open(queue, worker, lanes, takes)

    def _open(self, queue, worker, lanes, takes):
        def begin(batch):
            self.batches.append((self.now, queue, batch))
            took = takes(batch)
            self.at(self.now + took, lambda: end(batch, took))

        def end(batch, took):
            in_time = self.scheduler.note_answers(queue, lane, len(batch), 0, took)
            self.scheduler.free(queue, lane)
            for job in batch if in_time else ():
                self.answered[job] += 1
                job.settle(None)
                self.on_answer(job)

        def give_up(batch, error):
            self.given_up.append((self.now, batch))
            for job in batch:
                job.settle(error)
            if worker not in self._replaced:
                self._replaced.append(worker)
                self.at(
                    self.now + REPLACING_S, lambda: self._hire(queue, lanes, takes, worker.at_once)
                )

        lane = Lane(worker, begin, give_up)
        self.scheduler.open_lane(queue, lane)


def sizes(world):
    return [len(batch) for _, _, batch in world.batches]


def sixteenths(first, last):
    """Numbers that add up exactly, so that much happens at the same moment."""
    return st.integers(first, last).map(lambda number: number / 16)


ARRIVALS = st.lists(
    st.tuples(
        sixteenths(0, 48),  # since the one before
        st.one_of(st.none(), sixteenths(0, 64)),  # cancelled after
        st.one_of(st.just(inf), sixteenths(1, 64)),  # its deadline
    ),
    max_size=40,
)
SHAPES = {
    "batch_size": st.integers(1, 6),
    "delay_s": st.sampled_from([0.0, 0.25, 1.0, 2.0]),
    "workers": st.integers(1, 3),
    "lanes": st.integers(1, 2),
    "at_once": st.integers(0, 2),
    "takes": sixteenths(1, 48),
}


def play(arrivals, *, takes, **shape):
    """Send as *arrivals* say; gives the world, the queue and all jobs when it is over."""
    world = World()
    queue = world.queue(takes=lambda batch: takes, **shape)
    jobs, time = [], 0.0

    def send(cancelled_after, within):
        job = world.send(queue, within=within)
        jobs.append(job)
        if cancelled_after is not None:
            world.at(world.now + cancelled_after, job.answer.cancel)

    for pause, cancelled_after, within in arrivals:
        time += pause
        world.at(time, lambda a=cancelled_after, b=within: send(a, b))
    return world, queue, jobs


@given(ARRIVALS, st.fixed_dictionaries(SHAPES), st.lists(sixteenths(1, 64), min_size=1))
def test_batches_that_hang_are_given_up_and_nothing_is_lost(arrivals, shape, durations):
    numbers = count()
    limit_s = 2 + 1 / 32  # no event falls on it

    def takes(batch):
        return durations[next(numbers) % len(durations)]

    world = World()
    queue = world.queue(**{**shape, "takes": takes, "limit_s": limit_s})
    jobs = []
    moments = accumulate(pause for pause, _, _ in arrivals)
    for moment, (_, _, within) in zip(moments, arrivals, strict=True):
        world.at(moment, lambda within=within: jobs.append(world.send(queue, within=within)))
    world.run()
    assert all(job.answer.done() for job in jobs)
    hung = [job for _, batch in world.given_up for job in batch]
    assert (
        len(hung)
        == len(set(hung))
        == sum(
            len(batch)
            for (_, _, batch), took in zip(world.batches, cycle(durations))
            if took > limit_s
        )
    )
    assert all("was given up" in str(job.answer.exception()) for job in hung)
    assert not set(hung) & set(world.answered)
    begun = {id(batch): moment for moment, _, batch in world.batches}
    assert all(moment == begun[id(batch)] + limit_s for moment, batch in world.given_up)
    stats = world.scheduler.stats([queue])
    assert (stats.queued, stats.running, stats.received) == (0, 0, len(jobs))
    assert (stats.failed, stats.answered) == (len(hung), len(world.answered))
    assert stats.failed + stats.answered + stats.expired == len(jobs)


def test_what_waits_is_divided_where_lanes_compute_at_once():
    world = World()
    queue = world.queue(batch_size=8, workers=2, lanes=2, at_once=2)
    for _ in range(10):  # the first two go alone, one to each worker
        world.at(0.0, lambda: world.send(queue))
    world.run()
    assert sizes(world) == [1, 1, 4, 4]
    assert {moment for moment, _, _ in world.batches} == {0.0}


def test_ten_clients_keep_both_lanes_of_a_worker_equally_busy():
    world = World()
    queue = world.queue(batch_size=8, lanes=2, at_once=2, takes=lambda batch: len(batch) / 16)
    sent = count()

    def send(_=None):
        if next(sent) < 200:
            world.send(queue)

    world.on_answer = send
    for _ in range(10):
        send()
    world.run()
    assert Counter(sizes(world)[10:-10]).keys() <= {4, 5}
    assert len(sizes(world)) > 30


def test_a_whole_batch_is_not_divided_on_a_device_that_computes_one_at_a_time():
    world = World()
    queue = world.queue(batch_size=8, workers=2, lanes=2)
    for _ in range(20):
        world.at(0.0, lambda: world.send(queue))
    world.run()
    assert sizes(world).count(8) == 2


def test_a_lane_that_has_answered_is_not_given_up_before_it_is_free():
    world = World()
    queue = ModelQueue("cat", Rule(1, 0.0), Waiting(10), limit_s=2.0)
    world.scheduler.add(queue)
    lane = Lane(Worker(), world.batches.append, lambda *told: world.given_up.append(told))
    world.scheduler.open_lane(queue, lane)
    world.send(queue)
    assert world.scheduler.note_answers(queue, lane, 1, 0, 1.9)
    world.now = 2.1
    world.scheduler.tick()
    world.scheduler.free(queue, lane)
    assert world.given_up == []
    world.send(queue)
    assert len(world.batches) == 2


@given(ARRIVALS, st.fixed_dictionaries(SHAPES))
def test_no_request_is_lost_and_none_is_answered_twice(arrivals, shape):
    world, queue, jobs = play(arrivals, **shape)
    world.run()
    assert all(job.answer.done() for job in jobs)
    assert set(world.answered.values()) <= {1}
    stats = world.scheduler.stats([queue])
    expired = [job for job in jobs if not job.answer.cancelled() and job.answer.exception()]
    assert all(isinstance(job.answer.exception(), DeadlineError) for job in expired)
    cancelled = sum(job.answer.cancelled() for job in jobs)
    assert (stats.queued, stats.running, stats.received) == (0, 0, len(jobs))
    assert (stats.answered, stats.expired, stats.cancelled) == (
        len(world.answered),
        len(expired),
        cancelled,
    )
    assert len(world.answered) + len(expired) + cancelled == len(jobs)


@given(ARRIVALS, st.fixed_dictionaries(SHAPES))
def test_no_request_waits_past_the_delay_while_a_worker_is_free(arrivals, shape):
    world, queue, _ = play(arrivals, **shape)

    def check():
        free = [worker.free_since for worker in queue.workers if not worker.busy]
        if queue.waiting and free:
            assert world.now < max(queue.waiting.oldest, min(free)) + shape["delay_s"]
            assert len(queue.waiting) < shape["batch_size"]

    world.after_each = check
    world.run()


@given(ARRIVALS, st.fixed_dictionaries(SHAPES))
def test_requests_go_in_the_order_in_which_they_came(arrivals, shape):
    world, _, _ = play(arrivals, **shape)
    world.run()
    order = [int(job.request_id) for _, _, batch in world.batches for job in batch]
    assert order == sorted(order)
    assert all(0 < size <= shape["batch_size"] for size in sizes(world))


@given(ARRIVALS, st.fixed_dictionaries(SHAPES))
def test_what_expired_or_was_cancelled_in_time_never_reaches_a_worker(arrivals, shape):
    world, _, _ = play(arrivals, **shape)
    world.run()
    for time, _, batch in world.batches:
        for job in batch:
            assert not job.answer.cancelled()
            assert time < job.deadline
            assert job.answer.exception() is None


def closed_loop(clients, rounds, **shape):
    """So many clients that send again as soon as they are answered; gives the world."""
    world = World()
    queue = world.queue(**shape)
    left = [clients * (rounds - 1)]

    def again(_):
        if left[0] > 0:
            left[0] -= 1
            world.at(world.now, lambda: world.send(queue))

    world.on_answer = again
    for _ in range(clients):
        world.at(0.0, lambda: world.send(queue))
    world.run()
    return world


@pytest.mark.parametrize("batch_size", [1, 2, 8, 64])
def test_a_larger_batch_never_makes_one_client_wait(batch_size):
    world = closed_loop(1, rounds=50, batch_size=batch_size, takes=lambda batch: 1.0)
    assert world.now == 50.0
    assert sizes(world) == [1] * 50


@given(clients=st.integers(1, 12), batch_size=st.integers(1, 12))
def test_the_requests_of_clients_that_send_again_at_once_fill_the_batches(clients, batch_size):
    world = closed_loop(clients, rounds=20, batch_size=batch_size)
    expected = min(clients, batch_size)
    middle = sizes(world)[2:-3]  # in the beginning and at the end there are fewer
    assert set(middle) <= {expected}


def test_clients_that_stay_away_are_waited_for_once():
    world = World()
    queue = world.queue(batch_size=8, delay_s=1.0, takes=lambda batch: 0.5)
    for _ in range(5):
        world.send(queue)
    world.run()
    answered = world.now
    waited = []

    def send():
        job = world.send(queue)
        job.answer.add_done_callback(lambda _: waited.append(world.now - job.arrived - 0.5))

    for number in range(3):
        world.at(answered + 10.0 * (number + 1), send)
    world.run()
    assert waited == [1.0, 0.0, 0.0]


def test_a_full_queue_refuses_and_says_when_to_come_again():
    world = World()
    queue = world.queue(batch_size=1, size=2, takes=lambda batch: 3.0)
    world.send(queue)
    world.run()  # so that it is known how long a batch takes
    jobs = [world.send(queue) for _ in range(4)]
    assert isinstance(jobs[3], QueueFullError)
    assert jobs[3].status == 503
    assert jobs[3].retry_after_s == 6.0
    world.run()
    assert [job.answer.done() for job in jobs[:3]] == [True] * 3
    assert world.scheduler.stats([queue]).refused == 1


def test_a_request_that_was_cancelled_makes_room():
    world = World()
    queue = world.queue(batch_size=1, size=1)
    world.send(queue)
    waiting = world.send(queue)
    assert isinstance(world.send(queue), QueueFullError)
    waiting.answer.cancel()
    assert not isinstance(world.send(queue), QueueFullError)


def test_a_deadline_is_told_when_it_comes_and_not_when_a_worker_is_free():
    world = World()
    queue = world.queue(batch_size=1, takes=lambda batch: 100.0)
    world.send(queue)
    late = world.send(queue, within=2.0)
    told = []
    late.answer.add_done_callback(lambda _: told.append(world.now))
    world.run()
    assert told == [2.0]
    assert late.answer.exception().status == 408


class TestAWorkerWithTwoLanes:
    def test_prepares_a_whole_batch_while_it_has_one(self):
        world = World()
        queue = world.queue(batch_size=2, lanes=2, takes=lambda batch: 10.0)
        for _ in range(5):
            world.send(queue)
        assert sizes(world) == [1, 2]
        world.run()
        assert sizes(world) == [1, 2, 2]

    def test_lets_a_part_of_a_batch_wait_for_more(self):
        world = World()
        queue = world.queue(batch_size=4, delay_s=1.0, lanes=2, takes=lambda batch: 10.0)
        for _ in range(3):
            world.send(queue)
        world.run(until=9.0)
        assert sizes(world) == [1]
        world.run()
        assert sizes(world) == [1, 2]


@given(
    st.lists(st.tuples(sixteenths(0, 24), st.integers(0, 2)), max_size=60),
    st.lists(st.fixed_dictionaries(SHAPES), min_size=3, max_size=3),
)
def test_of_several_models_none_waits_for_another_ones_workers(arrivals, shapes):
    """One that has a batch to go has a worker at work already, or gets one; nothing is lost."""
    world = World()
    queues = [
        world.queue(**{**shape, "takes": lambda _, takes=shape["takes"]: takes}) for shape in shapes
    ]

    def check():
        for queue, shape in zip(queues, shapes, strict=True):
            if len(queue.waiting) >= shape["batch_size"]:
                assert queue.busy_workers >= 1
            elif queue.waiting and not queue.busy_workers:
                since = max(queue.waiting.oldest, min(each.free_since for each in queue.workers))
                assert world.now < since + shape["delay_s"]

    world.after_each = check
    time = 0.0
    for pause, number in arrivals:
        time += pause
        world.at(time, lambda number=number: world.send(queues[number]))
    world.run()
    stats = world.scheduler.stats(queues)
    assert (stats.received, stats.answered) == (len(arrivals), len(arrivals))
    assert set(world.answered.values()) <= {1}


class TestSeveralModels:
    def test_have_the_same_share_of_the_workers(self):
        world = World()
        long = world.queue(batch_size=1, workers=3, takes=lambda batch: 3.0)
        short = world.queue(batch_size=1, workers=3, takes=lambda batch: 1.0)
        for _ in range(300):
            world.send(long)
            world.send(short)
        world.run(until=100.0)
        assert abs(long.used_s - short.used_s) <= 6.0

    def test_together_keep_about_as_many_workers_busy_as_one_of_them_has(self):
        """Each has its first, and no further one while there are as many."""
        world, most = World(), 0
        queues = [world.queue(batch_size=1, workers=3) for _ in range(2)]

        def count():
            nonlocal most
            most = max(most, sum(queue.busy_workers for queue in queues))

        world.after_each = count
        for number in range(60):
            world.at(number / 16, lambda number=number: world.send(queues[number % 3 == 0]))
        world.run()
        assert 3 <= most <= 4

    def test_never_wait_for_each_others_first_worker(self):
        world = World()
        busy = world.queue(batch_size=1, workers=2, takes=lambda batch: 1000.0)
        idle = world.queue(batch_size=1, workers=1)
        for _ in range(10):
            world.send(busy)
        world.at(5.0, lambda: world.send(idle))
        world.run(until=6.0)
        assert [time for time, queue, _ in world.batches if queue is idle] == [5.0]

    def test_are_not_owed_what_they_did_not_ask_for(self):
        world = World()
        steady = world.queue(batch_size=1, workers=2)
        late = world.queue(batch_size=1, workers=2)
        for _ in range(200):
            world.send(steady)
        for _ in range(100):
            world.at(50.0, lambda: world.send(late))
        world.run(until=60.5)
        shares = defaultdict(int)
        for time, queue, _ in world.batches:
            if time > 50.0:
                shares[queue] += 1
        assert abs(shares[steady] - shares[late]) <= 2


class TestAWorkerOfNoUse:
    def start(self):
        world = World()
        queue = world.queue(batch_size=1, workers=0)
        given_to = []
        lanes = []
        for _ in range(2):
            worker = Worker()
            lanes.append(
                Lane(worker, lambda batch, worker=worker: given_to.append((worker, batch)))
            )
            world.scheduler.open_lane(queue, lanes[-1])
        return world, queue, lanes, given_to

    def test_hands_its_batch_on_and_rests(self):
        world, queue, lanes, given_to = self.start()
        job = world.send(queue)
        (first, batch), = given_to  # fmt: skip
        lane = next(each for each in lanes if each.worker is first)
        world.scheduler.move(queue, lane, batch)
        world.scheduler.free(queue, lane)
        assert [taken for _, taken in given_to] == [[job], [job]]
        assert given_to[1][0] is not first
        assert world.scheduler.stats([queue]).running == 1

    def test_is_asked_again_after_a_second_and_then_less_and_less_often(self):
        world, queue, lanes, _ = self.start()
        lane = lanes[0]
        rests = []
        for _ in range(2000):
            for _ in range(2):  # also while it rests, where no other is of use
                world.scheduler.move(queue, lane, [])
            rests.append(lane.worker.rests_until - world.now)
            world.now = lane.worker.rests_until
        assert rests == [1, 2, 4, 8, 16, 32] + [60] * 1994

    def test_is_asked_all_the_same_where_there_is_no_other(self):
        world, queue, lanes, given_to = self.start()
        for lane in lanes:
            lane.worker.rests_until = 100.0
        world.send(queue)
        assert len(given_to) == 1


def test_a_retired_worker_finishes_its_batch_and_gets_no_more():
    world = World()
    queue = world.queue(batch_size=1, workers=2, takes=lambda batch: 5.0)
    for _ in range(6):
        world.send(queue)
    leaving = queue.workers[0]
    world.scheduler.retire(queue, leaving)
    world.run()
    assert [time for time, _, _ in world.batches] == [0.0, 0.0, 5.0, 10.0, 15.0, 20.0]
    assert world.scheduler.stats([queue]).answered == 6
