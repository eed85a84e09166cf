"""``mar cache``: what was extracted, and how it is cleared."""

import json
import os
import sys
from contextlib import ExitStack

import pytest

from archiver import Archive
from ts_sdk import ExtractionCache
from ts_sdk.cache.environments import Environments


@pytest.fixture
def digest(doubler):
    """The doubler's digest, once it is in the cache."""
    with Archive.open(doubler) as archive, ExtractionCache().lease(archive):
        return archive.digest()


def test_an_empty_cache_says_so(mar, tmp_path):
    ran = mar("cache")
    assert (ran.code, ran.out) == (0, f"0 archives, 0 B of at most 20.0 GiB, in {tmp_path}/cache\n")
    assert mar("cache", "clear").out == "the cache is empty\n"


def test_the_list_shows_what_is_there(mar, digest):
    ran = mar("cache")
    assert ran.code == 0
    head, row, total = ran.out.splitlines()
    assert head.split("  ")[0] == "digest"
    assert row.split()[:2] == [digest[:12], "doubler.mar"]
    assert row.endswith("no")
    assert total.startswith("1 archive, ")


def test_json_has_everything(mar, digest, monkeypatch):
    monkeypatch.setenv("TS_SDK_CACHE_LIMIT", "1GB")
    facts = json.loads(mar("cache", "--json").out)
    (entry,) = facts["entries"]
    assert facts["limit_bytes"] == 10**9
    assert facts["size_bytes"] == entry["size_bytes"] > 0
    assert (entry["digest"], entry["archive"], entry["in_use"]) == (digest, "doubler.mar", False)


@pytest.fixture
def venv():
    """The name of an environment in the cache."""

    def make(folder):
        folder.mkdir()
        (folder / "package.py").write_text("x = 1\n" * 1000)
        return {}

    with ExitStack() as resources:
        Environments(ExtractionCache().root).lease("0123456789abcdef", "cat", make, resources)
    return "0123456789abcdef"


def test_environments_are_listed_and_cleared_too(mar, digest, venv):
    listed = mar("cache").out.splitlines()
    head, row, total = listed[-3:]
    assert head.split("  ")[0] == "environment"
    assert row.split()[:2] == [venv[:12], "cat"]
    assert total.startswith("1 environment, 5.9 KiB")
    assert mar("cache", "clear", venv[:4]).out == (
        f"removed {venv[:12]} environment of cat (5.9 KiB)\n"
    )
    assert mar("cache").out.splitlines() == listed[:3]
    assert len(ExtractionCache().entries()) == 1


def test_json_tells_of_environments(mar, venv):
    (entry,) = json.loads(mar("cache", "--json").out)["environments"]
    assert (entry["digest"], entry["archive"], entry["kind"]) == (venv, "cat", "environment")
    assert entry["size_bytes"] > 6000
    assert json.loads(mar("cache", "clear", "--json").out)["removed"] == [entry]


def test_clear_removes_all(mar, digest):
    ran = mar("cache", "clear")
    assert ran.code == 0
    assert ran.out.startswith(f"removed {digest[:12]} doubler.mar (")
    assert ExtractionCache().entries() == []


def test_clear_removes_the_one_whose_first_digits_are_given(mar, digest):
    ran = mar("cache", "clear", digest[:6], "--json")
    assert ran.code == 0
    assert [entry["digest"] for entry in json.loads(ran.out)["removed"]] == [digest]


def test_clear_of_what_is_not_there_is_exit_code_2_and_clears_nothing(mar, digest):
    ran = mar("cache", "clear", digest, "xyz", "uvw")
    assert (ran.code, ran.out) == (2, "")
    assert "no entries of the cache begin with 'xyz'" in ran.err
    assert "'uvw'" in ran.err
    assert len(ExtractionCache().entries()) == 1


def test_what_is_in_use_is_kept(mar, digest, doubler):
    with Archive.open(doubler) as archive, ExtractionCache().lease(archive):
        ran = mar("cache", "clear")
        assert (ran.code, ran.out) == (0, f"kept {digest[:12]} doubler.mar: it is in use\n")
        assert mar("cache", "clear", digest).code == 1
    assert len(ExtractionCache().entries()) == 1


def test_a_digest_without_clear_is_exit_code_2(mar):
    ran = mar("cache", "list", "abc")
    assert ran.code == 2
    assert "goes with 'clear'" in ran.err


def test_a_cache_that_cannot_be_used_is_exit_code_3(mar, digest, monkeypatch):
    monkeypatch.setenv("TS_SDK_CACHE_LIMIT", "plenty")
    ran = mar("cache")
    assert ran.code == 3
    assert ran.err.startswith("mar: TS_SDK_CACHE_LIMIT: 'plenty' is no size")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_on_a_terminal_the_table_is_drawn_unless_no_color_is_set(
    mar_process, digest, monkeypatch, no_color
):
    monkeypatch.setenv("NO_COLOR", no_color)
    master, slave = os.openpty()
    process = mar_process("cache", stdout=slave)
    os.close(slave)
    assert process.wait() == 0
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert "doubler.mar" in shown
    assert ("\x1b[" in shown, "─" in shown) == ((False, False) if no_color else (True, True))
