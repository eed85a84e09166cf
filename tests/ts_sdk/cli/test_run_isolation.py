"""``mar run --isolation``: the handler in a process of its own."""

import os

import pytest
from processes import WISHES, is_gone


@pytest.fixture
def archive(tmp_path):
    """A folder with a handler that does what its requests say."""
    folder = tmp_path / "wishes"
    folder.mkdir()
    lines = (line.removeprefix("    ") for line in WISHES.splitlines())
    (folder / "handler.py").write_text("\n".join(lines))
    return folder


@pytest.fixture
def run(mar, archive):
    """Run the handler in a process of its own with these bodies, and more arguments."""

    def running(*bodies, more=()):
        given = [word for body in bodies for word in ("--body", f'"{body}"')]
        return mar("run", archive, *given, "--device", "cpu", "--isolation", "process", *more)

    return running


def test_answers_come_from_another_process_which_ends(run):
    ran = run("pid", "well", more=["--json"])
    pid, well = (line["answer"] for line in ran.lines)
    assert ran.code == 0
    assert (pid != os.getpid(), well) == (True, "well")
    assert is_gone(pid)


def test_a_crash_fails_its_request_and_no_other(run):
    ran = run("exit", "well")
    assert ran.code == 1
    assert ran.out == "<body 2>\n  well\n"
    assert "mar: <body 1>: the handler's process exited with code 3" in ran.err
    assert "mar: 1 of 2 requests failed" in ran.err


@pytest.mark.parametrize(("wish", "signal"), [("segfault", "SIGSEGV"), ("exit", "code 3")])
def test_a_crash_is_told_in_one_line(run, wish, signal):
    ran = run(wish)
    (line,) = [each for each in ran.err.splitlines() if each != "going down"]
    assert line.startswith("mar: <body>: the handler's process ")
    assert signal in line


def test_where_a_crash_was_is_shown_once_when_asked_for(run):
    ran = run("segfault", more=["--traceback"])
    assert ran.err.count("Fatal Python error: Segmentation fault") == 1
    assert ran.err.count("Current thread ") == 1
    assert " in fulfil\n" in ran.err
    assert "watch.py" not in ran.err


def test_what_the_handler_prints_is_shown_once(run):
    ran = run("exit", more=["--traceback"])
    assert [each for each in ran.err.splitlines() if each.startswith("going down")] == [
        "going down"
    ]


def test_a_batch_that_takes_too_long_is_cut_off(run):
    ran = run("hang", more=["--response-timeout", "1"])
    assert ran.code == 1
    assert "took longer than 1 s, and was killed (at handler.py:" in ran.err


def test_the_lines_of_a_handler_that_raises_are_shown_when_asked_for(run):
    assert "KeyError" not in run("well", more=["--traceback"]).err
    assert 'raise KeyError("no such wish")' in run("raise", more=["--traceback"]).err


@pytest.mark.parametrize("seconds", ["-1", "soon", "inf", "nan"])
def test_a_timeout_that_is_none_is_refused(run, seconds):
    assert run("well", more=[f"--response-timeout={seconds}"]).code == 2


def test_a_timeout_is_refused_where_nothing_would_be_cut_off(run):
    ran = run("well", more=["--isolation", "archive", "--response-timeout", "3"])
    assert ran.code == 2
    assert "needs --isolation process" in ran.err
