"""Extraction gives all of an archive, checked, or nothing."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archives import (
    HANDLER,
    WEIGHTS,
    RawEntry,
    files_below,
    good_files,
    make_mar,
    make_tar_gz,
    raw_zip,
    with_record,
)

from archiver import Archive, CorruptArchiveError, TargetExistsError, UnknownMemberError

EXTRACT = """
import sys
from archiver import Archive, TargetExistsError
try:
    with Archive.open(sys.argv[1]) as archive:
        archive.extract(sys.argv[2])
except TargetExistsError:
    print("late")
except OSError as error:
    print(error.strerror)
"""


def extracting(*arguments, **options):
    command = [sys.executable, "-c", EXTRACT, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def extract(path, destination, names=None):
    with Archive.open(path) as archive:
        archive.extract(destination, names)


@pytest.fixture
def mar(tmp_path):
    return make_mar(tmp_path / "cat.mar", with_record(good_files()))


@pytest.fixture
def damaged_mar(tmp_path):
    path = tmp_path / "damaged.mar"
    path.write_bytes(raw_zip(RawEntry(name="a/b.py"), RawEntry(name="z.py", crc=1)))
    return path


def test_all_members_come_out_as_they_were_packed(mar, tmp_path):
    extract(mar, tmp_path / "out")
    assert files_below(tmp_path / "out") == with_record(good_files())


def test_some_members_come_out_when_some_are_named(mar, tmp_path):
    extract(mar, tmp_path / "out", ["handler.py", "model.pt", "handler.py"])
    assert files_below(tmp_path / "out") == {"handler.py": HANDLER, "model.pt": WEIGHTS}


def test_a_member_that_is_not_there_leaves_nothing(mar, tmp_path):
    with pytest.raises(UnknownMemberError):
        extract(mar, tmp_path / "out", ["handler.py", "gone.py"])
    assert list(tmp_path.iterdir()) == [mar]


def test_an_empty_folder_is_filled(mar, tmp_path):
    (tmp_path / "out").mkdir()
    extract(mar, tmp_path / "out")
    assert len(files_below(tmp_path / "out")) == 4


@pytest.mark.parametrize("kind", ["folder", "file", "link", "link to nothing"])
def test_what_is_there_is_not_touched(mar, tmp_path, kind):
    out = tmp_path / "out"
    if kind == "folder":
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    elif kind == "file":
        out.write_text("mine")
    else:
        out.symlink_to("elsewhere")
        if kind == "link":
            (tmp_path / "elsewhere").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TargetExistsError, match="already exists") as caught:
        extract(mar, out)
    assert caught.value.path == out
    assert sorted(tmp_path.rglob("*")) == before


def test_folders_above_the_destination_are_made_and_taken_away_again(mar, damaged_mar, tmp_path):
    with pytest.raises(CorruptArchiveError):
        extract(damaged_mar, tmp_path / "a" / "b" / "out")
    assert not (tmp_path / "a").exists()
    (tmp_path / "a").mkdir()
    with pytest.raises(CorruptArchiveError):
        extract(damaged_mar, tmp_path / "a" / "b" / "out")
    assert list((tmp_path / "a").iterdir()) == []
    extract(mar, tmp_path / "a" / "b" / "out")
    assert len(files_below(tmp_path / "a" / "b")) == 4


def test_a_destination_may_be_relative(mar, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extract(mar, "out")
    extract(mar, "deep/out")
    assert files_below(tmp_path / "out") == files_below(tmp_path / "deep" / "out")


def test_the_folder_that_one_is_in_is_not_replaced(mar, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(TargetExistsError, match="the folder that you are in"):
        extract(mar, ".")


@pytest.mark.parametrize(
    ("umask", "folder", "file"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)]
)
def test_modes_come_from_the_user_and_not_from_the_archive(tmp_path, umask, folder, file):
    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(RawEntry(name="data/run.sh", mode=0o106777)))
    process = extracting(path, tmp_path / "out", umask=umask)
    process.communicate()
    modes = [stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) for name in ("", "data")]
    assert modes == [folder, folder]
    assert stat.S_IMODE((tmp_path / "out/data/run.sh").stat().st_mode) == file


def test_a_full_disk_leaves_nothing(tmp_path):
    """Stood in for by a limit on the size of the process's files."""
    import resource

    path = make_mar(tmp_path / "cat.mar", {"a.py": HANDLER, "model.pt": bytes(3 << 20)})

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    process = extracting(path, tmp_path / "out", preexec_fn=small_files)
    assert process.communicate()[0] == "File too large\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_nothing_that_the_next_extraction_does_not_clear_away(tmp_path):
    """Whenever it comes."""
    files = with_record({"model.pt": os.urandom(8 << 20), **{f"{n}.txt": b"x" for n in range(50)}})
    path = make_tar_gz(tmp_path / "cat.tar.gz", files)
    out = tmp_path / "out"
    for wait_s in (0.15, 0.25, 0.35):
        process = extracting(path, out)
        time.sleep(wait_s)
        process.kill()
        process.communicate()
        if out.exists():
            break
    assert not out.exists() or files_below(out) == files
    if not out.exists():
        extract(path, out)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["cat.tar.gz", "out"]


def test_many_processes_extract_into_different_folders(tmp_path):
    files = with_record({"model.pt": os.urandom(4 << 20), "handler.py": HANDLER})
    path = make_mar(tmp_path / "cat.mar", files)
    processes = [extracting(path, tmp_path / f"out{number}") for number in range(4)]
    for number, process in enumerate(processes):
        assert process.communicate()[0] == ""
        assert files_below(tmp_path / f"out{number}") == files
    assert len(list(tmp_path.iterdir())) == 5


def test_of_many_processes_that_extract_into_one_folder_one_does(tmp_path):
    files = with_record({"model.pt": os.urandom(4 << 20), "handler.py": HANDLER})
    path = make_mar(tmp_path / "cat.mar", files)
    processes = [extracting(path, tmp_path / "out") for _ in range(4)]
    said = sorted(process.communicate()[0] for process in processes)
    assert said == ["", "late\n", "late\n", "late\n"]
    assert files_below(tmp_path / "out") == files
    assert sorted(child.name for child in tmp_path.iterdir()) == ["cat.mar", "out"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_stays_small_whatever_the_members_size(tmp_path):
    path = make_mar(tmp_path / "cat.mar", {"model.pt": bytes(100 << 20)})
    code = EXTRACT + "print(*open('/proc/self/status'))"
    command = [sys.executable, "-c", code, path, tmp_path / "out"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    [peak_kib] = re.findall(r"VmHWM:\s+(\d+) kB", ran.stdout)
    assert int(peak_kib) < 64 << 10
