"""A process that dies, hangs or cannot start costs its own requests, and nothing else."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest
from processes import WISHES, eventually, is_gone, kill

from ts_sdk import HandlerLoadError, ModelClosedError, WorkerError
from ts_sdk.runtime.failures import RemoteTraceback


def outcome_of(model, wish):
    (outcome,) = model.predict_batch([wish])
    return outcome


class TestAProcessThatDies:
    def test_exits(self, start):
        model = start()
        before = model.predict("pid")
        error = outcome_of(model, "exit")
        assert isinstance(error, WorkerError)
        assert (error.status, error.client_message, error.index) == (500, "Worker died.", 0)
        assert "exited with code 3 (it wrote last: going down) over 1 request" in error.message
        assert error.worker_traceback == "going down"
        assert model.predict("pid") != before

    def test_is_killed_by_a_signal_and_says_where_it_was(self, start):
        model = start()
        error = outcome_of(model, "segfault")
        assert "was killed by SIGSEGV (at handler.py:" in error.message
        assert "in fulfil)" in error.message
        assert "Fatal Python error: Segmentation fault" in error.worker_traceback
        assert isinstance(error.__cause__, RemoteTraceback)
        assert model.predict("well") == "well"

    def test_keeps_its_stacks_for_the_error(self, start, capfd):
        error = outcome_of(start(), "segfault")
        assert "Segmentation fault" not in capfd.readouterr().err
        assert "watch.py" not in error.worker_traceback

    def test_is_killed_as_when_memory_runs_out(self, start):
        """The old server answered it with its status for that, too."""
        model = start()
        error = outcome_of(model, "kill")
        assert error.status == 507
        assert "was killed by SIGKILL, as the system does when memory runs out" in error.message
        assert model.predict("well") == "well"

    def test_takes_its_whole_batch_with_it(self, start):
        model = start()
        outcomes = model.predict_batch(["a", "exit", "b"])
        assert [error.index for error in outcomes] == [0, 1, 2]
        assert all("over 3 requests" in error.message for error in outcomes)

    def test_while_it_idles_costs_no_request(self, start):
        model = start()
        kill(model.predict("pid"))
        assert model.predict("well") == "well"

    def test_before_it_has_read_a_request_costs_it_nothing_either(self, start):
        """The program cannot know yet that the process is dead: it is stopped, and then killed."""
        model = start()
        pid, answers = model.predict("pid"), []
        os.kill(pid, signal.SIGSTOP)
        thread = threading.Thread(target=lambda: answers.append(outcome_of(model, "well")))
        thread.start()
        thread.join(0.2)
        kill(pid)
        thread.join(20)
        assert answers == ["well"]

    def test_takes_what_it_has_started_with_it(self, start):
        model = start()
        started = model.predict("start a process")
        outcome_of(model, "exit")
        assert is_gone(started)

    @pytest.mark.slow
    def test_twenty_times_over_is_followed_twenty_times(self, start):
        model = start()
        pids = set()
        for _ in range(20):
            pids.add(model.predict("pid"))
            assert isinstance(outcome_of(model, "exit"), WorkerError)
        assert len(pids) == 20
        assert model.predict("well") == "well"

    def test_disturbs_no_other_model(self, start):
        dying, other = start(name="dying"), start(name="other")
        stop, answers = threading.Event(), []

        def serve():
            while not stop.is_set():
                answers.append(other.predict("well"))

        thread = threading.Thread(target=serve)
        thread.start()
        for wish in ("segfault", "exit", "kill"):
            assert isinstance(outcome_of(dying, wish), WorkerError)
        stop.set()
        thread.join()
        assert answers
        assert set(answers) == {"well"}

    def test_fails_all_batches_that_a_concurrent_handler_has(self, start, tmp_path):
        model = start(CONCURRENT)
        outcomes = []
        wish = {"touch": str(tmp_path / "begun"), "then": "hang"}
        hanging = threading.Thread(target=lambda: outcomes.append(outcome_of(model, wish)))
        hanging.start()
        assert eventually((tmp_path / "begun").exists)
        pid = model.predict("pid")
        kill(pid)
        hanging.join(20)
        assert "was killed by SIGKILL" in outcomes[0].message
        assert model.predict("pid") != pid


CONCURRENT = WISHES.replace("def initialize", "concurrent = True\n\n        def initialize")


class TestAProcessThatHangs:
    @pytest.mark.parametrize("wish", ["hang", "hang in C"])
    def test_is_killed_says_where_it_was_and_is_followed(self, start, wish):
        model = start(response_timeout_s=1)
        before = model.predict("pid")
        error = outcome_of(model, wish)
        assert isinstance(error, WorkerError)
        assert (error.status, error.client_message) == (500, "Worker died.")
        assert "took longer than 1 s, and was killed (at handler.py:" in error.message
        assert is_gone(before)
        assert model.predict("well") == "well"

    def test_takes_what_it_has_started_with_it(self, start):
        model = start(response_timeout_s=1)
        started = model.predict("start a process")
        outcome_of(model, "hang")
        assert is_gone(started)

    def test_has_the_time_that_the_config_says(self, start):
        model = start(config="responseTimeout: 1")
        assert "took longer than 1 s" in outcome_of(model, "hang").message

    def test_has_all_the_time_where_the_limit_is_0(self, start):
        model = start(
            "import time\ndef handle(data, context):\n    return data and [time.sleep(1.5)]",
            config="responseTimeout: 1",
            response_timeout_s=0,
        )
        assert model.predict("x") is None

    def test_does_not_hang_while_pieces_of_its_answer_come(self, start):
        model = start(
            """
            import time
            def handle(data, context):
                return None if data is None else pieces()
            def pieces():
                for index in range(8):
                    time.sleep(0.25)
                    yield [index]
            """,
            response_timeout_s=1,
        )
        assert list(model.stream("x")) == list(range(8))


class TestAStart:
    def test_in_which_the_process_dies(self, start):
        with pytest.raises(
            HandlerLoadError, match=r"was killed by SIGSEGV \(at handler.py:1"
        ) as caught:
            start("import ctypes; ctypes.string_at(0)")
        assert caught.value.phase == "start process"
        assert caught.value.archive.name == "sources"

    def test_that_takes_too_long(self, start):
        with pytest.raises(
            HandlerLoadError, match=r"took longer than 2 s, and was killed \(at handler.py:1"
        ):
            start("import time; time.sleep(1000)", startup_timeout_s=2)

    def test_that_the_system_refuses(self, start, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
        with pytest.raises(HandlerLoadError, match=r"cannot be started: .*no-python"):
            start()

    def test_that_the_system_refuses_later(self, start, tmp_path):
        model = start()
        shutil.rmtree(tmp_path / "sources")
        assert "exited with code 3" in outcome_of(model, "exit").message
        error = outcome_of(model, "well")
        assert error.status == 503
        assert "could not be started again: [Errno 2]" in error.message

    def test_that_fails_later_is_told_and_tried_again(self, start, tmp_path):
        model = start(
            f"""
            import os, pathlib
            if pathlib.Path({str(tmp_path / "broken")!r}).exists():
                raise OSError("the disk is full")
            def handle(data, context):
                return data and [row["body"] == "exit" and os._exit(1) for row in data]
            """
        )
        (tmp_path / "broken").touch()
        assert "exited with code 1" in outcome_of(model, "exit").message
        error = outcome_of(model, "x")
        assert isinstance(error, WorkerError)
        assert error.status == 503
        assert "could not be started again" in error.message
        assert "the disk is full" in error.message
        assert isinstance(error.__cause__, HandlerLoadError)
        assert outcome_of(model, "x").status == 503  # at once: it is not tried for every request
        (tmp_path / "broken").unlink()
        assert eventually(lambda: outcome_of(model, "x") is False)


class TestAnEnd:
    def test_closing_lets_the_handlers_own_exit_functions_run(self, start, tmp_path):
        model = start(
            f"""
            import atexit, pathlib
            atexit.register(pathlib.Path({str(tmp_path / "farewell")!r}).touch)
            def handle(data, context):
                return data
            """
        )
        model.close()
        assert (tmp_path / "farewell").exists()

    def test_closing_kills_what_will_not_end(self, start):
        model = start(
            f"""{WISHES}
    import threading
    threading.Thread(target=time.sleep, args=(1000,)).start()
"""
        )
        pid, started = model.predict("pid"), model.predict("start a process")
        model.close()
        assert is_gone(pid)
        assert is_gone(started)

    def test_closing_fails_the_batches_that_a_concurrent_handler_still_has(self, start, tmp_path):
        model = start(CONCURRENT)
        errors = []

        def hang():
            with pytest.raises(ModelClosedError) as caught:
                model.predict({"touch": str(tmp_path / "begun"), "then": "hang"})
            errors.append(caught.value)

        thread = threading.Thread(target=hang)
        thread.start()
        assert eventually((tmp_path / "begun").exists)
        model.close()
        thread.join(20)
        assert len(errors) == 1

    def test_a_model_that_nobody_holds_leaves_no_process(self, write_folder):
        import ts_sdk

        model = ts_sdk.load(write_folder({"handler.py": WISHES}), device="cpu", isolation="process")
        pid = model.predict("pid")
        del model
        assert is_gone(pid)

    @pytest.mark.parametrize("ending", ["pass", "raise SystemExit(0)"])
    def test_a_program_that_forgets_to_close_leaves_no_process_and_no_noise(
        self, run_program, write_folder, ending
    ):
        program = run_program(f"{LOADING}\n{ending}", write_folder({"handler.py": WISHES}))
        out, err = program.communicate(timeout=60)
        assert err == ""
        assert is_gone(int(out))

    @pytest.mark.parametrize(
        "wish", ["x", "hang", pytest.param("hang in C", marks=pytest.mark.slow)]
    )
    def test_a_program_that_is_killed_takes_its_processes_with_it(
        self, run_program, write_folder, tmp_path, wish
    ):
        """Also where no Python code can run in them: then within half a minute."""
        program = run_program(
            f"""{LOADING}
print(model.predict("start a process"), flush=True)
model.predict({{"touch": sys.argv[2], "then": {wish!r}}})
sys.stdin.read()
""",
            write_folder({"handler.py": WISHES}),
            tmp_path / "begun",
        )
        pid, started = (int(program.stdout.readline()) for _ in range(2))
        assert eventually((tmp_path / "begun").exists)
        program.kill()
        assert is_gone(pid, longest_s=60)
        assert is_gone(started) or wish == "hang in C"


LOADING = """
import sys, ts_sdk
model = ts_sdk.load(sys.argv[1], device="cpu", isolation="process", response_timeout_s=3)
print(model.predict("pid"))
"""


class TestTheProgram:
    def test_may_give_up_on_an_answer(self, start):
        """As by Ctrl-C, which reaches the program alone."""
        model = start()
        before = model.predict("pid")
        previous = signal.signal(signal.SIGALRM, _give_up)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                model.predict("hang")
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert is_gone(before)
        assert model.predict("well") == "well"

    def test_may_fork(self, run_program, write_folder):
        """Each of the two has a process of its own afterwards."""
        program = run_program(
            f"""{LOADING}
import os
sys.stdout.flush()
forked = os.fork()
if forked:
    os.waitpid(forked, 0)
print("forked" if not forked else "first", model.predict("pid"))
""",
            write_folder({"handler.py": WISHES}),
        )
        out, err = program.communicate(timeout=60)
        first, of_forked, still_first = out.splitlines()
        assert still_first == f"first {first}"
        assert of_forked.startswith("forked ")
        assert of_forked != f"forked {first}"
        assert err == ""
        assert is_gone(int(first))
        assert is_gone(int(of_forked.split()[1]))

    @pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
    def test_is_left_with_nothing_after_closing(self, start, times):
        start().close()
        process, shared = psutil.Process(), shared_files()
        before = (process.num_fds(), process.num_threads(), process.children(recursive=True))
        for turn in range(times):
            model = start(name=f"model{turn}")
            model.predict(bytes(1_000_000))
            if turn % 2:
                outcome_of(model, "exit")
            model.close()
        after = (process.num_fds(), process.num_threads(), process.children(recursive=True))
        assert after == before
        assert shared_files() <= shared


def shared_files():
    folder = Path("/dev/shm")  # noqa: S108 - where shared memory with a name would be seen
    return set(folder.iterdir()) if folder.is_dir() else set()


def _give_up(*_):
    raise KeyboardInterrupt
