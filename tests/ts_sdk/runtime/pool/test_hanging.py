"""Handlers that hang in a thread: their requests are told, and another worker takes the place."""

import logging
import threading

import pytest

from ts_sdk import WorkerError

PHASES = """
    from ts_sdk import BaseHandler

    class Phases(BaseHandler):
        def initialize(self, context):
            self.initialized = True

        def preprocess(self, data):
            return [row["body"] for row in data]

        def inference(self, calls):
            return [call() for call in calls]

        def postprocess(self, answers):
            return answers
"""
NEVER_AGAIN = """
    from pathlib import Path

    def handle(data, context):
        if data is None and Path("gone").exists():
            raise RuntimeError("no longer")
        return data and [row["body"]() for row in data]
"""


@pytest.fixture
def hang():
    """A request that hangs until the test is over."""
    ended = threading.Event()
    yield ended.wait
    ended.set()


def test_a_batch_that_hangs_has_an_error_and_others_are_answered(serve, hang, caplog):
    pool = serve(response_timeout_s=1)
    with caplog.at_level(logging.ERROR), pytest.raises(WorkerError) as caught:
        pool.predict(hang)
    assert caught.value.status == 500
    assert caught.value.message == (
        "sources: the worker did not answer within 1 s and was given up; a slower model needs a "
        "longer response_timeout_s (responseTimeout)"
    )
    assert "with isolation='process' it could be" in caplog.text
    assert pool.predict(lambda: "answered") == "answered"
    stats = pool.stats()
    assert (stats.received, stats.answered, stats.failed) == (2, 1, 1)
    assert (stats.workers, stats.restarts) == (1, 1)


def test_the_limit_is_that_of_the_config(serve, hang):
    pool, may_end = serve(config="responseTimeout: 2\nbatchSize: 2"), threading.Event()
    first = pool.submit(may_end.wait)
    answers = [pool.submit(hang), pool.submit(lambda: "with it")]
    may_end.set()
    assert first.result(60)
    errors = [answer.exception(60) for answer in answers]
    assert all(isinstance(error, WorkerError) for error in errors)
    assert errors[0] is not errors[1]


def test_other_workers_go_on_and_the_devices_stay_as_they_were(serve, hang):
    pool = serve(workers=3, response_timeout_s=2)
    hanging = [pool.submit(hang) for _ in range(2)]
    assert [pool.predict(lambda: 1) for _ in range(20)] == [1] * 20
    assert all(isinstance(answer.exception(60), WorkerError) for answer in hanging)
    assert [pool.predict(lambda: 2) for _ in range(20)] == [2] * 20
    pool.close()
    assert pool.stats().restarts <= 2


def test_an_answer_that_comes_too_late_is_not_counted(serve):
    pool, may_end = serve(response_timeout_s=1), threading.Event()
    answer = pool.submit(lambda: may_end.wait() and "late")
    assert isinstance(answer.exception(60), WorkerError)
    late = [thread for thread in threading.enumerate() if thread.name == "ts_sdk worker"]
    assert pool.predict(lambda: "new") == "new"
    may_end.set()
    late[0].join(60)
    assert not late[0].is_alive()
    assert (pool.stats().answered, pool.stats().failed, pool.stats().running) == (1, 1, 0)


def test_those_that_wait_are_told_when_no_other_worker_can_be_started(serve, hang):
    pool = serve(NEVER_AGAIN, response_timeout_s=2)
    (deployment,) = pool._directory.all()
    (deployment.loader.path / "gone").touch()  # the folder is where the handler runs
    hanging, waiting = pool.submit(hang), pool.submit(lambda: "waits")
    assert isinstance(hanging.exception(60), WorkerError)
    error = waiting.exception(60)
    assert isinstance(error, WorkerError)
    assert error.status == 503
    assert "no worker can be started" in error.message
    assert "no longer" in error.message
    pool.close()
    assert pool.stats().received == pool.stats().failed == 2


def test_closing_does_not_wait_for_what_hangs(serve, hang):
    pool = serve(response_timeout_s=1)
    answer = pool.submit(hang)
    pool.close()
    assert isinstance(answer.exception(), WorkerError)


def test_a_worker_is_replaced_after_the_first_one_has_come_back_and_is_closed(
    serve, hang, monkeypatch
):
    monkeypatch.setattr("ts_sdk.runtime.pool.recruiting.available_cores", lambda: 4)
    pool, may_end = serve(PHASES, response_timeout_s=1), threading.Event()
    (deployment,) = pool._directory.all()
    (first,) = deployment._crews
    assert isinstance(pool.submit(may_end.wait).exception(60), WorkerError)
    assert pool.predict(lambda: 1) == 1
    may_end.set()
    assert all(lane._thread.join(60) is None for lane in first.lanes)
    assert isinstance(pool.submit(hang).exception(60), WorkerError)
    assert pool.predict(lambda: 2) == 2
    (third,) = deployment._crews
    assert len(third.lanes) == len(first.lanes) == 2
    assert third.worker.at_once == 2
    assert pool.stats().restarts == 2
