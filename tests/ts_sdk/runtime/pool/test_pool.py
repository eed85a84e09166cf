"""A pool: requests go in one by one, and each gets its answer."""

import asyncio
import gc
import multiprocessing
import os
import random
import threading
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from processes import eventually

import ts_sdk
from ts_sdk import DeadlineError, ModelClosedError, QueueFullError, RequestError
from ts_sdk.runtime.pool.job import Job

DOUBLING = """
    def handle(data, context):
        return data and [2 * row["body"] for row in data]
"""


def adds_up(stats):
    ended = stats.answered + stats.failed + stats.refused + stats.expired + stats.cancelled
    return stats.received == ended + stats.queued + stats.running


def test_thousands_of_requests_of_many_threads_get_each_its_own_answer(serve):
    pool = serve(DOUBLING, workers=3, batch_size=8, queue_size=100)
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(pool.predict, range(4000)))
    assert answers == [2 * number for number in range(4000)]
    stats = pool.stats()
    assert (stats.received, stats.answered) == (4000, 4000)
    assert stats.batches < 4000
    assert adds_up(stats)


def test_requests_that_wait_together_are_answered_together(serve, hold):
    pool = serve(batch_size=8)
    held = hold(pool)
    answers = [pool.submit(lambda number=number: number) for number in range(11)]
    held.released.set()
    assert [answer.result() for answer in answers] == list(range(11))
    stats = pool.stats()
    assert stats.batches == 3
    assert stats.batch_fill == pytest.approx(12 / 24)


def test_answers_come_in_the_order_of_the_requests(serve, hold):
    pool, order = serve(batch_size=3), []
    held = hold(pool)
    answers = [pool.submit(int) for _ in range(10)]
    for number, answer in enumerate(answers):
        answer.add_done_callback(lambda _, number=number: order.append(number))
    held.released.set()
    wait(answers)
    assert order == list(range(10))


def test_a_request_is_whatever_predict_takes(serve, tmp_path):
    pool = serve("def handle(data, context):\n    return data and [row['body'] for row in data]")
    (tmp_path / "given.json").write_text('{"a": 1}')
    assert pool.predict(b"bytes") == bytearray(b"bytes")
    assert pool.predict("text") == "text"
    assert pool.predict(tmp_path / "given.json") == {"a": 1}
    sent = ts_sdk.Request.sent(b"[1, 2]", content_type="application/json")
    assert pool.predict(sent) == [1, 2]


def test_an_answer_may_be_an_exception_that_was_not_raised(serve):
    assert isinstance(serve().predict(lambda: KeyError("told, not raised")), KeyError)


class TestARequestThatFails:
    def test_spoils_no_other_of_its_batch(self, serve, hold):
        pool = serve(DOUBLING.replace('2 * row["body"]', '6 // row["body"]()'), batch_size=8)
        held = pool.submit(lambda: (begun.set(), released.wait(60), 6)[2])
        begun, released = threading.Event(), threading.Event()
        assert begun.wait(60)
        answers = [pool.submit(lambda each=each: each) for each in (1, 0, 2, 0, 3)]
        released.set()
        assert held.result() == 1
        assert [answers[index].result() for index in (0, 2, 4)] == [6, 3, 2]
        for index in (1, 3):
            error = answers[index].exception()
            assert isinstance(error, RequestError)
            assert "ZeroDivisionError" in error.message
            assert error.index is None
        stats = pool.stats()
        assert (stats.answered, stats.failed) == (4, 2)

    def test_raises_its_error_from_predict(self, serve):
        with pytest.raises(RequestError, match="ZeroDivisionError"):
            serve().predict(lambda: 1 // 0)

    def test_since_it_cannot_be_read_costs_the_model_nothing(self, serve, tmp_path):
        pool = serve()
        error = pool.submit(tmp_path / "missing.json").exception()
        assert isinstance(error, RequestError)
        assert "cannot be read" in error.message
        stats = pool.stats()
        assert (stats.received, stats.failed, stats.batches) == (1, 1, 0)

    def test_since_its_model_is_not_there_says_which_are(self, serve):
        error = serve().submit(int, model="dog").exception()
        assert (error.status, error.message) == (404, "there is no model 'dog'; served are sources")
        error = serve(name="more").submit(int, version="2").exception()
        told = "there is no version '2' of more; served are 1.0"
        assert (error.status, error.message) == (404, told)

    def test_since_no_model_is_left_says_so(self, serve):
        pool = serve()
        pool.remove("sources")
        error = pool.submit(int).exception()
        assert (error.status, error.message) == (404, "the pool serves no model: add() one")


class TestAFullQueue:
    def test_refuses_with_a_hint(self, serve, hold):
        pool = serve(queue_size=2)
        held = hold(pool)
        waiting = [pool.submit(int) for _ in range(2)]
        error = pool.submit(int).exception()
        assert isinstance(error, QueueFullError)
        assert error.status == 503
        assert error.retry_after_s > 0
        assert "sources: 2 requests wait already (queue_size); try again in" in error.message
        held.released.set()
        assert [answer.result() for answer in waiting] == [0, 0]
        assert pool.stats().refused == 1
        assert pool.predict(int) == 0


class TestADeadline:
    def test_ends_a_request_that_no_worker_has_begun_with(self, serve, hold):
        pool, ran = serve(), []
        held = hold(pool)
        late = pool.submit(lambda: ran.append(1), deadline_ms=1)
        error = late.exception(60)  # while the worker is held
        assert isinstance(error, DeadlineError)
        assert error.status == 408
        held.released.set()
        assert pool.predict(int) == 0
        assert ran == []
        assert pool.stats().expired == 1

    def test_does_not_end_one_that_runs(self, serve, hold):
        pool = serve(batch_size=1)
        held = hold(pool, deadline_ms=60_000)
        held.released.set()
        assert held.answer.result() == "released"

    @pytest.mark.parametrize("deadline_ms", [-1, float("nan"), "5"])
    def test_must_not_lie_in_the_past(self, serve, deadline_ms):
        with pytest.raises(ValueError, match="deadline_ms must be 0 or more"):
            serve().submit(int, deadline_ms=deadline_ms)


class TestACancelledRequest:
    def test_is_never_begun_with(self, serve, hold):
        pool, ran = serve(), []
        held = hold(pool)
        waiting = pool.submit(lambda: ran.append(1))
        assert waiting.cancel()
        assert waiting.cancel()
        assert pool.stats().queued == 0
        held.released.set()
        assert pool.predict(int) == 0
        assert ran == []
        with pytest.raises(CancelledError):
            waiting.result()
        assert pool.stats().cancelled == 1

    def test_is_done_for_whoever_waits_for_several(self, serve, hold):
        pool = serve()
        held = hold(pool)
        waiting = pool.submit(int)
        waiting.cancel()
        assert wait([waiting], timeout=60).done == {waiting}
        held.released.set()

    def test_cannot_be_cancelled_while_it_runs(self, serve, hold):
        held = hold(serve())
        assert not held.answer.cancel()
        held.released.set()
        assert held.answer.result() == "released"


class TestWithAsyncio:
    def test_requests_of_many_tasks_are_answered(self, serve):
        pool = serve(DOUBLING, batch_size=8, queue_size=1000)

        async def ask():
            return await asyncio.gather(*(pool.apredict(number) for number in range(500)))

        assert asyncio.run(ask()) == [2 * number for number in range(500)]

    def test_an_error_is_raised_where_it_is_awaited(self, serve):
        with pytest.raises(RequestError, match="ZeroDivisionError"):
            asyncio.run(serve().apredict(lambda: 1 // 0))

    def test_a_cancelled_task_takes_its_request_back(self, serve, hold):
        pool = serve()
        held = hold(pool)

        async def give_up():
            task = asyncio.create_task(pool.apredict(int))
            await asyncio.sleep(0)
            assert pool.stats().queued == 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(give_up())
        assert (pool.stats().queued, pool.stats().cancelled) == (0, 1)
        held.released.set()


class TestClosing:
    def test_answers_what_waits_first(self, serve, hold):
        pool = serve(batch_size=2)
        held = hold(pool)
        answers = [pool.submit(int) for _ in range(5)]
        closing = threading.Thread(target=pool.close)
        closing.start()
        held.released.set()
        closing.join(60)
        assert [answer.result(0) for answer in answers] == [0] * 5
        stats = pool.stats()
        assert (stats.received, stats.answered, stats.workers) == (6, 6, 0)
        assert adds_up(stats)

    def test_without_draining_tells_those_that_wait(self, serve, hold):
        pool = serve()
        held = hold(pool)
        answers = [pool.submit(int) for _ in range(3)]
        closing = threading.Thread(target=lambda: pool.close(drain=False))
        closing.start()
        errors = [answer.exception(60) for answer in answers]  # while the worker is held
        assert [error.status for error in errors] == [503] * 3
        assert "closed before the request's turn" in errors[0].message
        held.released.set()
        closing.join(60)
        assert held.answer.result(0) == "released"
        assert (pool.stats().answered, pool.stats().failed) == (1, 3)

    def test_leaves_a_thread_alone_that_is_not_done_in_time(self, serve, hold):
        pool = serve()
        held = hold(pool)
        waiting = pool.submit(int)
        pool.close(timeout_s=0.05)
        assert waiting.exception(0).status == 503
        held.released.set()
        assert held.answer.result(60) == "released"

    def test_refuses_what_comes_later(self, serve):
        pool = serve()
        pool.close()
        pool.close()
        with pytest.raises(ModelClosedError, match="the pool is closed: make another one"):
            pool.submit(int)
        with pytest.raises(ModelClosedError):
            pool.add("whatever")
        assert repr(pool) == "<Pool of no models, closed>"

    def test_ends_all_threads(self, serve):
        before = set(threading.enumerate())
        pool = serve(DOUBLING, workers=3, batch_size=8)
        pool.submit(1, deadline_ms=1000).result()
        assert set(threading.enumerate()) > before
        pool.close()
        assert set(threading.enumerate()) == before

    def test_is_what_leaving_the_block_does(self, serve):
        with serve() as pool:
            assert pool.predict(int) == 0
        with pytest.raises(ModelClosedError):
            pool.predict(int)


def test_a_batch_that_arrives_after_the_word_to_end_is_answered(serve):
    """A worker can be told to go after it was chosen, and before it was handed its batch."""
    pool = serve()
    (deployment,) = pool._directory.all()
    (crew,) = deployment._crews
    job, lane, queue = Job("1", ts_sdk.Request({"body": int}), 0.0), crew.lanes[0], deployment.queue
    with pool._scheduler._lock:
        queue.put(job)
        batch = queue.take_batch(lane._lane, 0.0)
        queue.retire(crew.worker)
    lane.end()
    lane._lane.give(batch)
    assert job.answer.result(60) == 0
    assert lane.join(60)


def test_a_forked_process_is_told_that_the_pool_is_not_its_own(serve, monkeypatch):
    pool = serve()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ModelClosedError, match="belongs to the process that made it"):
        pool.submit(int)
    monkeypatch.undo()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_process_can_close_the_pool_and_leaves_it_alone(serve, hold):
    pool = serve()
    held = hold(pool)
    forked = multiprocessing.get_context("fork").Process(target=pool.close)
    forked.start()
    forked.join(60)
    ended = forked.exitcode
    forked.kill()
    held.released.set()
    assert ended == 0
    assert held.answer.result(60) == "released"
    assert pool.predict(int) == 0


def test_a_pool_that_is_forgotten_answers_what_it_has_and_ends_its_workers(archive, hold):
    before = set(threading.enumerate())
    pool = ts_sdk.serve_locally(archive(), device="cpu")
    held = hold(pool)
    waiting = pool.submit(int)
    forgotten = weakref.ref(pool)
    del pool
    gc.collect()
    assert forgotten() is None
    held.released.set()
    assert (held.answer.result(60), waiting.result(60)) == ("released", 0)
    assert eventually(lambda: set(threading.enumerate()) <= before)


class TestScaling:
    def test_of_a_pool_that_is_closed_is_refused(self, serve):
        pool = serve()
        pool.close()
        with pytest.raises(ModelClosedError, match="the pool is closed"):
            pool.scale(2)

    def test_up_lets_more_batches_run_at_once(self, serve, hold):
        pool = serve()
        held = hold(pool)
        waiting = pool.submit(int)
        pool.scale(2)
        assert waiting.result(60) == 0  # while the first worker is held
        assert pool.stats().workers == 2
        held.released.set()

    def test_down_waits_for_the_batch_of_the_worker_that_goes(self, serve, hold):
        pool = serve(workers=2, batch_size=1)
        held = [hold(pool), hold(pool)]
        scaling = threading.Thread(target=pool.scale, args=(1,))
        scaling.start()
        for each in held:
            each.released.set()
        scaling.join(60)
        assert [each.answer.result(0) for each in held] == ["released"] * 2
        assert pool.stats().workers == 1
        assert pool.predict(int) == 0

    def test_loses_no_request_however_often(self, serve):
        pool = serve(DOUBLING, batch_size=4)
        chance = random.Random(7)  # noqa: S311 - nothing is to be kept secret
        with ThreadPoolExecutor(8) as clients:
            answers = [clients.submit(pool.predict, number) for number in range(3000)]
            while not all(answer.done() for answer in answers):
                pool.scale(chance.randint(1, 4))
        assert [answer.result() for answer in answers] == [2 * each for each in range(3000)]
        assert adds_up(pool.stats())

    @pytest.mark.parametrize("workers", [0, -1, 1.5, True])
    def test_takes_a_number_of_workers(self, serve, workers):
        with pytest.raises(ValueError, match="workers must be a whole number of 1 or more"):
            serve().scale(workers)

    def test_that_fails_leaves_the_workers_that_there_were(self, serve, tmp_path):
        pool = serve(
            f"""
            import pathlib
            if pathlib.Path({str(tmp_path / "broken")!r}).exists():
                raise OSError("the disk is full")
            def handle(data, context):
                return data and [1 for _ in data]
            """
        )
        (tmp_path / "broken").touch()
        with pytest.raises(ts_sdk.HandlerLoadError, match="the disk is full"):
            pool.scale(3)
        assert pool.stats().workers == 1
        assert pool.predict("x") == 1


class TestSeveralModels:
    def answering(self, word):
        return f"def handle(data, context):\n    return data and [{word!r} for _ in data]"

    def test_are_told_apart_by_name(self, serve, archive):
        pool = serve(self.answering("miaow"), name="cat")
        pool.add(archive(self.answering("wow"), name="dog"), device="cpu")
        assert pool.predict("x", model="cat") == "miaow"
        assert pool.predict("x", model="dog") == "wow"
        error = pool.submit("x").exception()
        assert (error.status, error.message) == (404, "say which model; served are cat, dog")
        assert pool.stats("dog").received == 1
        assert pool.stats().received == 2
        assert repr(pool) == "<Pool of cat 1.0, dog 1.0>"

    def test_may_be_called_something_else(self, serve, archive):
        pool = serve(self.answering("miaow"), name="cat")
        pool.add(archive(self.answering("purr"), name="cat", version="2.0"), "lion", "7")
        assert pool.predict("x", model="lion", version="7") == "purr"
        assert [(each.name, each.version) for each in pool.models] == [
            ("cat", "1.0"),
            ("lion", "7"),
        ]

    def test_are_there_once(self, serve, archive):
        pool = serve(self.answering("miaow"), name="cat")
        again = archive(self.answering("miaow"), name="again")
        with pytest.raises(ValueError, match=r"cat 1\.0 is served already"):
            pool.add(again, "cat", "1.0", device="cpu")

    def test_of_several_versions_one_is_drawn_as_its_weight_says(self, serve, archive):
        newer = archive(self.answering("new"), name="cat", version="2.0")
        counts = []
        for name in ("a", "b"):
            pool = serve(self.answering("old"), name=name, seed=3)
            pool.add(newer, name, "2.0", weight=3.0, device="cpu")
            answers = [pool.predict("x") for _ in range(400)]
            counts.append(answers)
        assert counts[0] == counts[1]  # of one seed
        assert 0.7 < counts[0].count("new") / 400 < 0.8

    def test_of_several_versions_each_can_be_asked_for(self, serve, archive):
        pool = serve(self.answering("old"), name="cat")
        newer = archive(self.answering("new"), name="cat", version="2.0")
        pool.add(newer, weight=0.0, device="cpu")
        assert {pool.predict("x") for _ in range(50)} == {"old"}
        assert pool.predict("x", version="2.0") == "new"
        assert [each.weight for each in pool.models] == [1.0, 0.0]

    def test_can_be_taken_out_after_their_requests(self, serve, archive, hold):
        pool = serve(name="cat")
        pool.add(archive(name="cat", version="2.0"), device="cpu")
        held = hold(pool, version="1.0")
        waiting = pool.submit(int, version="1.0")
        removing = threading.Thread(target=pool.remove, args=("cat", "1.0"))
        removing.start()
        held.released.set()
        removing.join(60)
        assert (held.answer.result(0), waiting.result(0)) == ("released", 0)
        assert [each.version for each in pool.models] == ["2.0"]
        pool.remove("cat")
        assert pool.models == ()
        assert pool.stats().answered == 2
        with pytest.raises(LookupError, match="there is no model cat to remove"):
            pool.remove("cat")

    def test_of_several_versions_each_has_counts_of_its_own(self, serve, archive):
        pool = serve(self.answering("old"), name="cat")
        pool.add(archive(self.answering("new"), name="cat", version="2.0"), device="cpu")
        for version in ("1.0", "2.0", "2.0"):
            pool.predict("x", version=version)
        assert pool.stats("cat", "1.0").answered == 1
        assert pool.stats(version="2.0").answered == 2
        assert pool.stats("cat").answered == 3
        with pytest.raises(LookupError, match="there is no version '3' of cat"):
            pool.stats("cat", "3")

    @pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
    def test_need_a_weight_that_is_one(self, serve, archive, weight):
        with pytest.raises(ValueError, match="weight must be 0 or more"):
            serve().add(archive(name="more"), weight=weight)


def test_metrics_are_those_of_all_workers(serve, hold):
    pool = serve(
        """
        def handle(data, context):
            if data is None:
                context.metrics.counter("Starts").inc()
                return None
            context.metrics.counter("Rows").inc(len(data))
            return [row["body"]() for row in data]
        """,
        workers=2,
        batch_size=4,
        queue_size=6,
    )
    held = [hold(pool), hold(pool)]
    answers = [pool.submit(int) for _ in range(6)]
    assert pool.submit(int).exception().status == 503
    (model,) = pool.models
    assert model.metrics["RequestsQueued"].value == 6
    for each in held:
        each.released.set()
    wait(answers)
    metrics = model.metrics
    assert metrics["Rows"].value == 8
    assert metrics["Starts"].value == 2
    assert metrics["ts_inference_requests_total"].value == 8
    assert metrics["QueueTime"].count == 8
    assert metrics["BatchSize"].sum == 8
    assert metrics["RequestsRefused"].value == 1
    assert metrics["Workers"].value == 2
    assert model.timings["handle"].count == pool.stats().batches


def test_an_archive_that_cannot_be_started_leaves_nothing(archive):
    before = set(threading.enumerate())
    with pytest.raises(ts_sdk.HandlerLoadError):
        ts_sdk.serve_locally(archive("raise ValueError('no')"), device="cpu", workers=2)
    assert set(threading.enumerate()) == before


def test_group_by_puts_requests_together_that_are_alike(serve, hold):
    seen = []
    pool = serve(
        "def handle(data, context):\n    return data and [row['body'](len(data)) for row in data]",
        batch_size=2,
        group_by=lambda request: request.parts["body"].length,
    )

    class Wish:
        def __init__(self, length):
            self.length = length

        def __call__(self, rows):
            seen.append((self.length, rows))

    class First(Wish):
        def __call__(self, rows):
            begun.set()
            released.wait(60)

    begun, released = threading.Event(), threading.Event()
    pool.submit(First(0))
    assert begun.wait(60)
    answers = [pool.submit(Wish(length)) for length in (5, 90, 6, 91)]
    released.set()
    wait(answers)
    assert seen == [(5, 2), (6, 2), (90, 2), (91, 2)]
    assert "group_by failed" in pool.submit("no wish").exception().message


def test_warming_up_answers_the_samples_in_batches_of_each_size(serve, tmp_path):
    log = tmp_path / "log"
    pool = serve(
        f"""
        def handle(data, context):
            if data is not None:
                with open({str(log)!r}, "a") as file:
                    print([row["body"] for row in data], file=file)
                return [1] * len(data)
        """,
        batch_size=3,
        files={"MAR-INF/samples/a.json": "1", "MAR-INF/samples/b.json": "2"},
    )
    assert log.read_text() == "[1]\n[1, 2]\n[1, 2, 1]\n"
    assert pool.stats().received == 0


def test_without_warming_up_the_samples_are_left_alone(serve, tmp_path):
    handler = f"""
        import pathlib
        def handle(data, context):
            return data and pathlib.Path({str(tmp_path / "ran")!r}).touch()
    """
    serve(handler, warm_up=False, files={"MAR-INF/samples/a.json": "1"})
    assert not Path(tmp_path / "ran").exists()
