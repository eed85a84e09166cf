"""The folder of recorded requests is bounded, and several may write to it at once."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from ts_sdk import Request
from ts_sdk.recording import RecordingError, read_recorded
from ts_sdk.recording.store import RecordingStore, new_name

START = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def request(text="something"):
    return Request({"body": text})


def fill(store, count, text="something"):
    """Add *count* requests a second apart; returns their names."""
    names = [new_name(START + timedelta(seconds=each), 0) for each in range(count)]
    for name in names:
        store.add(request(text), {}, name)
    return names


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_of_more_than_there_may_be_the_oldest_are_dropped(tmp_path):
    names = fill(RecordingStore(tmp_path, most=3, most_bytes=1 << 20), 5)
    assert names_in(tmp_path) == names[2:]


def test_of_more_bytes_than_there_may_be_the_oldest_are_dropped(tmp_path):
    store = RecordingStore(tmp_path, most=100, most_bytes=4000)
    names = fill(store, 5, "x" * 1000)
    assert names_in(tmp_path) == names[2:]
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert 3000 < total <= 4000


def test_one_that_alone_is_too_large_is_refused_and_nothing_is_left_of_it(tmp_path):
    store = RecordingStore(tmp_path, most=3, most_bytes=500)
    (name,) = fill(store, 1)
    with pytest.raises(RecordingError, match=r"of 1,\d\d\d bytes is not kept: most_bytes is 500"):
        fill(store, 1, "x" * 1000)
    assert names_in(tmp_path) == [name]


def test_a_recording_that_goes_on_counts_what_was_there(tmp_path):
    fill(RecordingStore(tmp_path, most=9, most_bytes=1 << 20), 4)
    store = RecordingStore(tmp_path, most=2, most_bytes=1 << 20)
    late = new_name(START + timedelta(days=1), 0)
    store.add(request(), {}, late)
    assert len(names_in(tmp_path)) == 2
    assert names_in(tmp_path)[-1] == late


def test_a_request_that_was_given_a_name_stays(tmp_path):
    store = RecordingStore(tmp_path, most=1, most_bytes=1 << 20)
    (name,) = fill(store, 1)
    (tmp_path / name).rename(tmp_path / "the-dark-one")
    fill(store, 3)
    assert len(names_in(tmp_path)) == 2
    assert "the-dark-one" in names_in(tmp_path)


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path):
    old, young, other = (tmp_path / name for name in (".new-old", ".new-young", ".git"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "file").touch()
    for folder in (old, other):
        os.utime(folder, (time.time() - 7200,) * 2)
    RecordingStore(tmp_path, 3, 1 << 20)
    assert names_in(tmp_path) == [".git", ".new-young"]


def test_names_sort_by_time_and_by_place_in_the_batch():
    times = [START, START + timedelta(microseconds=1), START + timedelta(days=400)]
    names = [new_name(time, position) for time in times for position in (0, 9, 10)]
    assert names == sorted(names)
    assert len({new_name(START, 0) for _ in range(100)}) == 100


PROGRAM = """
import sys, pathlib
from datetime import UTC, datetime
from ts_sdk import Request
from ts_sdk.recording.store import RecordingStore, new_name

store = RecordingStore(pathlib.Path(sys.argv[1]), 20, 1 << 20)
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    text = f"{sys.argv[2]}-{number}"
    store.add(Request({"body": text}), {"version": 1}, new_name(datetime.now(UTC), 0))
"""


def test_several_processes_fill_one_folder_and_it_stays_bounded(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, "")
    assert len(names_in(tmp_path)) == 20
    for path in tmp_path.iterdir():
        assert {each.name for each in path.iterdir()} == {
            "body.txt",
            "outcome.recorded.json",
            "request.json",
        }


class TestReading:
    def test_a_folder_that_is_none(self, tmp_path):
        with pytest.raises(RecordingError, match="missing is no folder: give the one that"):
            read_recorded(tmp_path / "missing")

    def test_a_folder_without_recorded_requests(self, tmp_path):
        (tmp_path / "something").mkdir()
        with pytest.raises(RecordingError, match="holds no recorded requests: load"):
            read_recorded(tmp_path)

    def test_the_folder_of_one_request(self, load, folder):
        load().predict_batch(["raise", "reject"])
        first, _ = read_recorded(folder)
        assert read_recorded(first.folder) == [first]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "cannot be read: "),
            ("[]", "is of version None; known is 1"),
            ('{"version": 2}', "is of version 2; known is 1"),
            ('{"version": 1}', "does not say what it should: KeyError: 'time'"),
            ('{"version": 1, "time": 3}', "does not say what it should: "),
        ],
    )
    def test_an_outcome_that_cannot_be_believed(self, tmp_path, content, message):
        (tmp_path / "one").mkdir()
        (tmp_path / "one/outcome.recorded.json").write_text(content)
        with pytest.raises(RecordingError, match=message):
            read_recorded(tmp_path)
