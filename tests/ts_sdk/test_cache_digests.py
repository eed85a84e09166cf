import os
import time
import zipfile
from pathlib import Path

import pytest

from archiver import Archive
from ts_sdk.cache.digests import DigestMemory

LONG_AGO_S = 10**9


@pytest.fixture
def memory(tmp_path):
    folder = tmp_path / "digests"
    folder.mkdir()
    return DigestMemory(folder)


def foreign_archive(path: Path, text: str = "def handle(data, context): ...") -> Path:
    """An archive as other packers write it: a zip without a RECORD."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("handler.py", text)
    return path


def settled(path: Path) -> Path:
    """Wait until the file's change is old enough to be told from a new one."""
    time.sleep(max(0.0, path.stat().st_ctime + 2.1 - time.time()))
    return path


def test_the_digest_of_a_settled_archive_is_not_computed_again(memory, tmp_path, monkeypatch):
    path = settled(foreign_archive(tmp_path / "a.mar"))
    with Archive.open(path) as archive:
        digest = memory.digest_of(archive)
        assert digest == archive.digest()

    def refuse(_: Archive) -> str:
        raise AssertionError("it was hashed again")

    monkeypatch.setattr(Archive, "digest", refuse)
    with Archive.open(path) as archive:
        assert memory.digest_of(archive) == digest


def test_an_archive_that_was_just_written_is_not_remembered(memory, tmp_path):
    with Archive.open(foreign_archive(tmp_path / "a.mar")) as archive:
        memory.digest_of(archive)

    assert list(memory.folder.iterdir()) == []


def test_new_content_under_old_size_and_modification_time_has_its_own_digest(memory, tmp_path):
    path = foreign_archive(tmp_path / "a.mar", "A = 1")
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    with Archive.open(settled(path)) as archive:
        first = memory.digest_of(archive)
    other = foreign_archive(tmp_path / "b.mar", "A = 2")
    with path.open("r+b") as file:
        file.write(other.read_bytes())
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))

    with Archive.open(path) as archive:
        assert memory.digest_of(archive) == archive.digest() != first


def test_a_damaged_note_is_computed_anew(memory, tmp_path):
    with Archive.open(settled(foreign_archive(tmp_path / "a.mar"))) as archive:
        digest = memory.digest_of(archive)
        (note,) = memory.folder.iterdir()
        note.write_text("")
        assert memory.digest_of(archive) == digest
        assert note.read_text() == digest


def test_old_notes_make_room_for_new_ones(memory, tmp_path, monkeypatch):
    monkeypatch.setattr("ts_sdk.cache.digests._MOST_KEPT", 2)
    for number in range(3):
        old = memory.folder / f"old-{number}"
        old.write_text("")
        os.utime(old, (number, number))
    with Archive.open(settled(foreign_archive(tmp_path / "a.mar"))) as archive:
        memory.digest_of(archive)

    assert {note.name for note in memory.folder.iterdir()} > {"old-1", "old-2"}
    assert not (memory.folder / "old-0").exists()
