"""Workers that are processes: they die, hang and start again, and no request is lost over it."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from processes import WISHES, eventually, is_gone, kill

from ts_sdk import HandlerLoadError, RequestError, WorkerError


@pytest.fixture
def serve_processes(serve):
    def serving(handler=WISHES, **given):
        return serve(handler, **{"isolation": "process", **given})

    return serving


def runners_of(pool):
    (deployment,) = pool._directory.all()
    return [lane.runner for crew in deployment._crews for lane in crew.lanes]


def pids_of(pool):
    return [runner.pid for runner in runners_of(pool)]


class TestAProcessThatDies:
    def test_costs_its_own_requests_and_starts_again(self, serve_processes):
        pool = serve_processes(batch_size=1)
        before = pool.predict("pid")
        error = pool.submit("exit").exception()
        assert isinstance(error, WorkerError)
        assert "exited with code 3 (it wrote last: going down)" in error.message
        assert error.index is None
        assert pool.predict("pid") != before
        stats = pool.stats()
        assert (stats.answered, stats.failed, stats.restarts) == (2, 1, 1)
        assert pool.models[0].metrics["WorkerRestarts"].value == 1

    def test_does_not_disturb_the_others(self, serve_processes, tmp_path):
        pool = serve_processes(workers=2, batch_size=1)
        dying = {"touch": str(tmp_path / "begun"), "then": "hang"}
        hanging = pool.submit(dying)
        assert eventually((tmp_path / "begun").exists)
        answering = pool.predict("pid")
        (stuck,) = set(pids_of(pool)) - {answering}
        kill(stuck)
        assert isinstance(hanging.exception(60), WorkerError)
        assert pool.predict("well") == "well"

    def test_keeps_nobody_waiting_for_its_successor(self, serve_processes, tmp_path):
        pool = serve_processes(GATED, workers=2, batch_size=1, config=gate(tmp_path))
        (tmp_path / "closed").touch()
        assert isinstance(pool.submit("exit").exception(60), WorkerError)
        _, waiting = wait([pool.submit("well") for _ in range(5)], timeout=60)
        started = starts(tmp_path)
        (tmp_path / "closed").unlink()
        assert not waiting
        assert started == 2
        assert eventually(lambda: starts(tmp_path) == 3)

    def test_has_no_successor_once_the_pool_is_closed(self, serve_processes, tmp_path):
        pool = serve_processes(GATED, config=gate(tmp_path))
        (tmp_path / "closed").touch()
        assert isinstance(pool.submit("exit").exception(60), WorkerError)
        (successor,) = pids_of(pool)
        pool.close()
        assert is_gone(successor)
        assert starts(tmp_path) == 1

    def test_while_it_idles_costs_no_request(self, serve_processes):
        pool = serve_processes()
        kill(pool.predict("pid"))
        assert pool.predict("well") == "well"
        assert pool.stats().restarts == 1

    def test_is_not_tried_again_unless_asked_for(self, serve_processes, tmp_path):
        pool = serve_processes(ONCE)
        assert isinstance(pool.submit(str(tmp_path / "first")).exception(), WorkerError)
        assert pool.predict(str(tmp_path / "first")) == "answered"


GATED = """
    import os, pathlib, time

    class Handler:
        def initialize(self, context):
            gate = pathlib.Path(context.model_yaml_config["gate"])
            while (gate / "closed").exists():
                time.sleep(0.01)
            (gate / f"{os.getpid()}.started").touch()

        def handle(self, data, context):
            if any(row["body"] == "exit" for row in data):
                os._exit(3)
            return [row["body"] for row in data]
"""
"""Starts in a process only while the gate is open."""


def gate(folder):
    return f"gate: {folder}"


def starts(folder):
    return len(list(folder.glob("*.started")))


ONCE = """
    import os, pathlib, signal

    def handle(data, context):
        return data and [answer(row["body"]) for row in data]

    def answer(file):
        if file == "always":
            os.kill(os.getpid(), signal.SIGKILL)
        if file.startswith("/") and not pathlib.Path(file).exists():
            pathlib.Path(file).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "answered"
"""
"""Dies over the first request that names a file."""


class TestTryingAgain:
    def test_answers_all_but_the_request_that_is_at_fault(
        self, serve_processes, tmp_path, write_folder
    ):
        pool = serve_processes(ONCE, batch_size=8, max_batch_delay_ms=1000, retry_crashed=True)
        answers = [pool.submit("warm") for _ in range(2)]  # the second waits for the first
        answers += [pool.submit(each) for each in ("a", str(tmp_path / "once"), "always", "b")]
        outcomes = [answer.exception(60) or answer.result() for answer in answers]
        assert [outcomes[index] for index in (0, 1, 2, 3, 5)] == ["answered"] * 5
        assert isinstance(outcomes[4], WorkerError)

    def test_is_not_done_where_a_process_hung(self, serve_processes, tmp_path):
        pool = serve_processes(
            """
            import pathlib, time
            def handle(data, context):
                if data:
                    with open(data[0]["body"], "a") as file:
                        file.write("x")
                    time.sleep(1000)
            """,
            retry_crashed=True,
            response_timeout_s=0.5,
            warm_up=False,
        )
        error = pool.submit(str(tmp_path / "log")).exception(60)
        assert "took longer than 0.5 s" in error.message
        assert (tmp_path / "log").read_text() == "x"


class TestAProcessThatHangs:
    def test_is_cut_off_and_the_next_request_is_answered(self, serve_processes):
        pool = serve_processes(response_timeout_s=1)
        error = pool.submit("hang").exception(60)
        assert isinstance(error, WorkerError)
        assert "took longer than 1 s, and was killed" in error.message
        assert pool.predict("well") == "well"

    def test_is_ended_when_the_pool_is_closed_and_the_time_is_over(self, serve_processes, tmp_path):
        pool = serve_processes()
        pid = pool.predict("pid")
        hanging = pool.submit({"touch": str(tmp_path / "begun"), "then": "hang"})
        assert eventually((tmp_path / "begun").exists)
        waiting = pool.submit("well")
        pool.close(timeout_s=0.1)
        assert is_gone(pid)
        assert isinstance(hanging.exception(60), RequestError)
        assert waiting.exception(0).status == 503


def test_a_timeout_of_starting_needs_processes(serve):
    with pytest.raises(ValueError, match="a timeout needs isolation='process' or 'venv'"):
        serve(startup_timeout_s=1)


class TestAProcessThatCannotBeStarted:
    def serve_fragile(self, serve_processes, tmp_path, **given):
        return serve_processes(
            f"""
            import os, pathlib
            if pathlib.Path({str(tmp_path / "broken")!r}).exists():
                raise OSError("the disk is full")
            def handle(data, context):
                return data and [os.getpid() for _ in data]
            """,
            **given,
        )

    def test_leaves_its_requests_to_the_others(self, serve_processes, tmp_path):
        pool = self.serve_fragile(serve_processes, tmp_path, workers=2, batch_size=1)
        (tmp_path / "broken").touch()
        dead, alive = pids_of(pool)
        kill(dead)
        with ThreadPoolExecutor(4) as clients:
            answers = list(clients.map(pool.predict, ["x"] * 40))
        assert set(answers) == {alive}
        assert pool.stats().failed == 0

    def test_is_told_of_where_there_is_no_other(self, serve_processes, tmp_path):
        pool = self.serve_fragile(serve_processes, tmp_path, workers=2)
        (tmp_path / "broken").touch()
        for pid in pids_of(pool):
            kill(pid)
        error = pool.submit("x").exception(60)
        assert error.status == 503
        assert "could not be started again" in error.message
        assert "the disk is full" in error.message
        (tmp_path / "broken").unlink()
        assert eventually(lambda: pool.submit("x").exception(60) is None)


def test_workers_come_and_go_with_their_processes(serve_processes):
    pool = serve_processes()
    pool.scale(3)
    pids = pids_of(pool)
    assert len(set(pids)) == 3
    pool.scale(1)
    assert [is_gone(pid) for pid in pids[1:]] == [True, True]
    pool.close()
    assert is_gone(pids[0])


def test_a_program_that_forgets_to_close_leaves_no_process_and_no_noise(run_program, archive):
    program = run_program(
        """
        import sys, ts_sdk
        pool = ts_sdk.serve_locally(sys.argv[1], device="cpu", workers=2, isolation="process")
        print(*{pool.predict("pid") for _ in range(10)})
        """,
        archive(WISHES),
    )
    out, err = program.communicate(timeout=60)
    assert (err, program.returncode) == ("", 0)
    assert all(is_gone(int(pid)) for pid in out.split())


def test_a_start_that_fails_leaves_no_process(serve_processes, tmp_path):
    handler = f"""
        import os, pathlib
        place = pathlib.Path({str(tmp_path)!r})
        (place / f"pid{{os.getpid()}}").touch()
        if len(list(place.glob("pid*"))) > 2:
            raise OSError("two are enough")
        def handle(data, context):
            return data
    """
    with pytest.raises(HandlerLoadError, match="two are enough"):
        serve_processes(handler, workers=4)
    pids = [int(path.name[3:]) for path in tmp_path.glob("pid*")]
    assert len(pids) == 4
    assert all(is_gone(pid) for pid in pids)


def test_torch_computes_with_the_threads_of_the_worker(serve_processes):
    pool = serve_processes(
        "import os\ndef handle(data, context):\n"
        "    return data and [os.environ['OMP_NUM_THREADS'] for _ in data]",
        threads_per_worker=3,
    )
    assert pool.predict("x") == "3"


@pytest.mark.parametrize(
    "requests", [300, pytest.param(20_000, marks=pytest.mark.slow)], ids=["short", "long"]
)
@pytest.mark.parametrize("retry_crashed", [False, True])
def test_under_kills_at_random_as_many_requests_are_answered_as_were_sent(
    serve_processes, requests, retry_crashed
):
    pool = serve_processes(workers=2, batch_size=4, retry_crashed=retry_crashed)
    chance = random.Random(5)  # noqa: S311 - nothing is to be kept secret
    over, kills = threading.Event(), []

    def kill_some():
        while not over.wait(chance.uniform(0.02, 0.3)):
            pid = chance.choice(pids_of(pool))
            if pid is not None and pid not in kills:
                kills.append(pid)
                kill(pid)

    killer = threading.Thread(target=kill_some)
    killer.start()
    answered = Counter()
    with ThreadPoolExecutor(8) as clients:

        def ask(number):
            answer = pool.submit(number)
            answer.add_done_callback(lambda _: answered.update([number]))
            return number, answer.exception(120), answer

        asked = list(clients.map(ask, range(requests)))
        while not kills:  # the requests may have been over too soon
            asked.append(ask(len(asked)))
    over.set()
    killer.join()
    assert set(answered.values()) == {1}
    assert len(answered) == len(asked)
    for number, error, answer in asked:
        assert isinstance(error, WorkerError) or answer.result() == number
    stats = pool.stats()
    failed = sum(error is not None for _, error, _ in asked)
    assert (stats.received, stats.failed) == (len(asked), failed)
    assert stats.answered == len(asked) - failed
    assert (stats.queued, stats.running) == (0, 0)
