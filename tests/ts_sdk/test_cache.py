"""The extraction cache, with real archives, real locks and real processes."""

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from archiver import Archive, ArchiveError
from ts_sdk import CacheError, ExtractionCache

MANIFEST = '{"model": {"modelName": "m", "modelVersion": "1", "handler": "handler.py"}}'
FILES = {"MAR-INF/MANIFEST.json": MANIFEST, "handler.py": "x = 1\n", "data/labels.txt": "cat\n"}
IS_ROOT = os.geteuid() == 0


def make_archive(path, files=FILES, **more):
    """A .mar with the members *files* and *more*."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, **more}.items():
            archive.writestr(name, content)
    return path


def make_sized(path, size_bytes):
    """A .mar of which *size_bytes* and a little more come into the cache, none like another."""
    content = random.Random(path.name).randbytes(size_bytes)  # noqa: S311 - no secret
    return make_archive(path, **{"weights.bin": content})


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def cache(root):
    return ExtractionCache(root)


@pytest.fixture
def mar(tmp_path):
    return make_archive(tmp_path / "cat.mar")


def use(cache, path):
    """Lease and release; whether it was a hit."""
    with Archive.open(path) as archive, cache.lease(archive) as lease:
        return lease.hit


def in_cache(cache):
    """Names of the archives in the cache, the one used last first."""
    return [entry.archive for entry in cache.entries()]


def litter(root):
    """What no entry, lease or lock in use accounts for."""
    return [path for name in ("drafts", "trash") for path in (root / name).iterdir()]


def start(code, *arguments):
    """A process that runs *code*; its lines are read as they come."""
    code = "import os, sys, time\nfrom pathlib import Path\nfrom archiver import Archive\n" + (
        "from ts_sdk import ExtractionCache\n" + textwrap.dedent(code)
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line_of(process):
    return process.stdout.readline().strip()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


LEASE_AND_WAIT = """
    cache, archive = ExtractionCache(Path(sys.argv[1])), Archive.open(sys.argv[2])
    lease = cache.lease(archive)
    print(lease.hit, flush=True)
    sys.stdin.read()
"""
STOP_HALFWAY = """
    class Halting(Archive):
        def extract(self, destination, names=None):
            destination.mkdir()
            (destination / "handler.py").write_text("half")
            print("halfway", flush=True)
            time.sleep(60)

    ExtractionCache(Path(sys.argv[1])).lease(Halting.open(sys.argv[2]))
"""


# What a lease gives


def test_the_first_lease_extracts_and_the_second_finds_it_there(cache, mar):
    with Archive.open(mar) as archive:
        with cache.lease(archive) as first:
            assert not first.hit
            assert (first.folder / "handler.py").read_text() == "x = 1\n"
            assert (first.folder / "data/labels.txt").read_text() == "cat\n"
        with cache.lease(archive) as second:
            assert second.hit
            assert second.folder == first.folder


def test_the_manifest_is_extracted_and_what_no_handler_reads_is_not(cache, tmp_path):
    mar = make_archive(tmp_path / "m.mar", **{"MAR-INF/samples/0/cat.jpg": "picture"})
    with Archive.open(mar) as archive, cache.lease(archive) as lease:
        assert (lease.folder / "MAR-INF/MANIFEST.json").read_text() == MANIFEST
        assert not (lease.folder / "MAR-INF/samples").exists()


def test_a_plain_folder_is_used_in_place(cache, root, tmp_path):
    for name, content in FILES.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text(content)
    with Archive.open(tmp_path / "model") as archive, cache.lease(archive) as lease:
        assert lease.folder == tmp_path / "model"
    assert not root.exists()


def test_two_names_of_one_content_share_an_entry(cache, mar, tmp_path):
    other = tmp_path / "other.mar"
    other.write_bytes(mar.read_bytes())
    assert not use(cache, mar)
    assert use(cache, other)
    assert in_cache(cache) == ["cat.mar"]


def test_a_changed_archive_is_another_entry(cache, mar):
    use(cache, mar)
    make_archive(mar, **{"handler.py": "x = 2\n"})
    with Archive.open(mar) as archive, cache.lease(archive) as lease:
        assert not lease.hit
        assert (lease.folder / "handler.py").read_text() == "x = 2\n"


def test_releasing_twice_or_in_another_thread_is_fine(cache, mar):
    with Archive.open(mar) as archive:
        lease = cache.lease(archive)
    other = threading.Thread(target=lease.release)
    other.start()
    other.join()
    lease.release()
    assert len(cache.clear().removed) == 1


def test_entries_tell_what_is_there(cache, mar):
    before = datetime.now(UTC) - timedelta(seconds=2)
    with Archive.open(mar) as archive, cache.lease(archive) as lease:
        (lease.folder / "written-by-handler").write_bytes(bytes(1000))
        (entry,) = cache.entries()
        assert entry.digest == archive.digest()
        assert entry.archive == "cat.mar"
        assert entry.size_bytes == sum(map(len, FILES.values())) + 1000
        assert before < entry.last_used < datetime.now(UTC) + timedelta(seconds=2)
        assert entry.in_use
    assert not cache.entries()[0].in_use
    assert cache.size_bytes() == entry.size_bytes


def test_a_cache_that_was_never_used_is_empty(cache, root):
    assert cache.entries() == []
    assert cache.size_bytes() == 0
    assert cache.clear().removed == ()
    assert not root.exists()


# Many at once


def test_eight_processes_at_once_extract_exactly_once(root, tmp_path):
    mar = make_sized(tmp_path / "m.mar", 8_000_000)
    code = """
        cache, archive = ExtractionCache(Path(sys.argv[1])), Archive.open(sys.argv[2])
        print("ready", flush=True)
        sys.stdin.readline()
        with cache.lease(archive) as lease:
            print(lease.hit, (lease.folder / "weights.bin").stat().st_size, flush=True)
    """
    processes = [start(code, root, mar) for _ in range(8)]
    for process in processes:
        assert line_of(process) == "ready"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = sorted(process.communicate()[0].strip() for process in processes)
    assert told == ["False 8000000"] + ["True 8000000"] * 7
    assert litter(root) == []


def test_threads_of_one_process_extract_exactly_once(root, tmp_path):
    mar = make_sized(tmp_path / "m.mar", 1_000_000)
    with ThreadPoolExecutor(8) as pool:
        hits = list(pool.map(lambda _: use(ExtractionCache(root), mar), range(8)))
    assert sorted(hits) == [False] + [True] * 7


def test_one_archive_can_be_leased_while_another_one_is_extracted(cache, root, mar, tmp_path):
    slow = start(STOP_HALFWAY, root, make_sized(tmp_path / "slow.mar", 1000))
    assert line_of(slow) == "halfway"
    try:
        assert not use(cache, mar)
        assert use(cache, mar)
        assert len(litter(root)) == 2, "the draft of a live process and its lock are no litter"
    finally:
        kill(slow)


# Killed processes


def test_after_a_kill_halfway_the_next_process_starts_anew(cache, root, mar):
    process = start(STOP_HALFWAY, root, mar)
    assert line_of(process) == "halfway"
    assert in_cache(cache) == []
    kill(process)
    with Archive.open(mar) as archive, cache.lease(archive) as lease:
        assert not lease.hit
        assert (lease.folder / "handler.py").read_text() == "x = 1\n"
    assert litter(root) == []


def test_whoever_waits_for_an_extraction_takes_over_when_it_is_killed(root, mar):
    first = start(STOP_HALFWAY, root, mar)
    assert line_of(first) == "halfway"
    second = start(LEASE_AND_WAIT, root, mar)
    time.sleep(0.3)  # most likely it waits by now; the outcome is the same if it does not
    kill(first)
    assert line_of(second) == "False"
    second.communicate()


def test_the_litter_of_a_killed_process_is_cleared_by_a_hit_of_another_archive(cache, root, mar):
    use(cache, mar)
    process = start(STOP_HALFWAY, root, make_sized(mar.with_name("other.mar"), 1000))
    assert line_of(process) == "halfway"
    kill(process)
    (root / "trash" / "left.0123").mkdir()
    assert len(litter(root)) == 3
    assert use(cache, mar)
    assert litter(root) == []


def test_leases_of_killed_processes_do_not_pile_up(cache, root, mar):
    use(cache, mar)
    for _ in range(3):
        process = start(LEASE_AND_WAIT, root, mar)
        assert line_of(process) == "True"
        kill(process)
    assert len(list((root / "leases").iterdir())) == 1


@pytest.mark.slow
def test_kills_at_any_moment_leave_a_cache_that_works(cache, root, tmp_path):
    """Several archives are extracted, used and cleared all the time; kills come at random."""
    mars = [make_sized(tmp_path / f"{name}.mar", 3_000_000) for name in "abc"]
    code = """
        import random
        cache = ExtractionCache(Path(sys.argv[1]), 7_000_000)
        print("ready", flush=True)
        while True:
            with Archive.open(random.choice(sys.argv[2:])) as archive:
                with cache.lease(archive) as lease:
                    assert (lease.folder / "weights.bin").stat().st_size == 3_000_000
            if random.random() < 0.3:
                cache.clear()
    """
    for _ in range(15):
        processes = [start(code, root, *mars) for _ in range(3)]
        for process in processes:
            assert line_of(process) == "ready"
            time.sleep(random.random() / 4)  # noqa: S311 - no secret
            assert process.poll() is None
        for process in processes:
            kill(process)
        for mar in mars:
            with Archive.open(mar) as archive, cache.lease(archive) as lease:
                for member in archive.members:
                    assert (lease.folder / member.name).read_bytes() == archive.read(member.name)
        assert litter(root) == []


# Damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "files/handler.py").unlink(),
        lambda entry: (entry / "files/handler.py").write_text(""),
        lambda entry: (entry / "entry.json").unlink(),
    ],
    ids=["a member is gone", "a member is cut short", "its note is gone"],
)
def test_a_damaged_entry_is_made_anew(cache, root, mar, damage):
    use(cache, mar)
    damage(next((root / "entries").iterdir()))
    with Archive.open(mar) as archive, cache.lease(archive) as lease:
        assert not lease.hit
        assert (lease.folder / "handler.py").read_text() == "x = 1\n"
    assert in_cache(cache) == ["cat.mar"]
    assert litter(root) == []


def test_files_that_a_handler_wrote_beside_the_members_are_no_damage(cache, mar):
    with Archive.open(mar) as archive, cache.lease(archive) as lease:
        (lease.folder / "compiled.bin").write_bytes(b"...")
    assert use(cache, mar)


def test_an_unreadable_note_spoils_neither_use_nor_listing(cache, root, mar):
    use(cache, mar)
    next((root / "entries").glob("*/entry.json")).write_text("")
    assert use(cache, mar)
    assert in_cache(cache) == ["?"]
    assert len(cache.clear().removed) == 1


def test_of_a_damaged_archive_nothing_is_kept(cache, root, tmp_path):
    mar = make_archive(tmp_path / "m.mar", **{"weights.bin": b"trained for weeks"})
    mar.write_bytes(mar.read_bytes().replace(b"trained", b"TRAINED"))
    with Archive.open(mar) as archive, pytest.raises(ArchiveError, match="weights"):
        cache.lease(archive)
    assert in_cache(cache) == []
    assert litter(root) == []
    assert cache.clear().kept == ()


# Clearing


def test_clearing_removes_what_is_not_in_use(cache, root, mar, tmp_path):
    other = make_sized(tmp_path / "other.mar", 1000)
    use(cache, other)
    process = start(LEASE_AND_WAIT, root, mar)
    assert line_of(process) == "False"
    clearing = cache.clear()
    assert [entry.archive for entry in clearing.removed] == ["other.mar"]
    assert [entry.archive for entry in clearing.kept] == ["cat.mar"]
    assert in_cache(cache) == ["cat.mar"]
    kill(process)
    assert [entry.archive for entry in cache.clear().removed] == ["cat.mar"]
    assert in_cache(cache) == []
    assert list((root / "leases").iterdir()) == []


def test_an_entry_stays_until_its_last_lease_is_released(cache, mar):
    with Archive.open(mar) as archive:
        first, second = cache.lease(archive), cache.lease(archive)
    first.release()
    assert len(cache.clear().kept) == 1
    second.release()
    assert len(cache.clear().removed) == 1


def test_one_entry_can_be_cleared_by_its_digest(cache, mar, tmp_path):
    use(cache, mar)
    use(cache, make_sized(tmp_path / "other.mar", 1000))
    with Archive.open(mar) as archive:
        cache.clear(archive.digest())
    assert in_cache(cache) == ["other.mar"]
    with pytest.raises(CacheError, match="has no entry"):
        cache.clear("../..")


def test_beyond_the_limit_the_archive_used_least_recently_goes(root, tmp_path):
    cache = ExtractionCache(root, 2_500_000)
    a, b, c = (make_sized(tmp_path / f"{name}.mar", 1_000_000) for name in "abc")
    use(cache, a)
    use(cache, b)
    assert use(cache, a)
    use(cache, c)
    assert in_cache(cache) == ["c.mar", "a.mar"]
    assert litter(root) == []


def test_an_archive_in_use_outlives_younger_ones(root, tmp_path):
    cache = ExtractionCache(root, 2_500_000)
    a, b, c = (make_sized(tmp_path / f"{name}.mar", 1_000_000) for name in "abc")
    with Archive.open(a) as archive, cache.lease(archive) as lease:
        use(cache, b)
        use(cache, c)
        assert in_cache(cache) == ["c.mar", "a.mar"]
        assert (lease.folder / "weights.bin").exists()


def test_an_archive_larger_than_the_limit_works(root, tmp_path):
    cache = ExtractionCache(root, 1000)
    large, small = make_sized(tmp_path / "large.mar", 5000), make_sized(tmp_path / "small.mar", 10)
    with Archive.open(large) as archive, cache.lease(archive) as lease:
        assert (lease.folder / "weights.bin").stat().st_size == 5000
        use(cache, small)
        assert (lease.folder / "weights.bin").exists()
    use(cache, make_sized(tmp_path / "another.mar", 10))
    assert "large.mar" not in in_cache(cache)


# Whose cache it is


def test_the_cache_is_for_its_user_alone(cache, root, mar):
    use(cache, mar)
    folders = [root, *(path for path in root.iterdir() if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused(cache, root, mar, mode):
    root.mkdir()
    root.chmod(mode)
    with Archive.open(mar) as archive, pytest.raises(CacheError, match="chmod go-w"):
        cache.lease(archive)
    assert list(root.iterdir()) == []


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_refused(cache, root, mar):
    root.mkdir(mode=0o700)
    os.chown(root, 12345, -1)
    with Archive.open(mar) as archive, pytest.raises(CacheError, match="uid 12345"):
        cache.lease(archive)


def test_a_place_where_nothing_can_be_created_is_refused_with_what_to_do(mar, tmp_path):
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "cache"):
        with Archive.open(mar) as archive, pytest.raises(CacheError, match="TS_SDK_CACHE_DIR"):
            ExtractionCache(root).lease(archive)


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_read_only_cache_is_refused_with_what_to_do(cache, root, mar):
    root.mkdir(mode=0o500)
    with Archive.open(mar) as archive, pytest.raises(CacheError, match="make it writable"):
        cache.lease(archive)


def test_a_full_disk_leaves_nothing_behind_and_says_how_to_make_room(cache, root, mar):
    class OnFullDisk(Archive):
        def extract(self, destination, names=None):
            destination.mkdir()
            (destination / "handler.py").write_text("x")
            raise OSError(errno.ENOSPC, "No space left on device")

    with OnFullDisk.open(mar) as archive, pytest.raises(CacheError, match="mar cache clear") as got:
        cache.lease(archive)
    assert "cat.mar" in str(got.value)
    assert isinstance(got.value.__cause__, OSError)
    assert in_cache(cache) == []
    assert litter(root) == []


# The environment


def test_the_environment_tells_where_the_cache_is_and_how_large(monkeypatch, tmp_path, mar):
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("TS_SDK_CACHE_LIMIT", "1.5GB")
    cache = ExtractionCache()
    assert cache.root == tmp_path / "mine"
    assert cache.limit_bytes == 1_500_000_000
    use(cache, mar)
    assert (tmp_path / "mine/entries").is_dir()


def test_without_a_word_it_is_the_platform_s_folder_and_20_gib(monkeypatch, tmp_path):
    monkeypatch.delenv("TS_SDK_CACHE_DIR", raising=False)
    monkeypatch.delenv("TS_SDK_CACHE_LIMIT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    cache = ExtractionCache()
    assert cache.root.is_relative_to(tmp_path)
    assert cache.root.name == "ts_sdk"
    assert cache.limit_bytes == 20 * 2**30


def test_a_limit_that_is_no_size_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setenv("TS_SDK_CACHE_LIMIT", "plenty")
    with pytest.raises(CacheError, match="TS_SDK_CACHE_LIMIT: 'plenty' is no size"):
        ExtractionCache()
