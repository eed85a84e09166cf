"""A stored member is mapped where it lies, and the mapping outlives all but its last user."""

import pytest
from archives import WEIGHTS, good_files, make_folder, make_mar, make_tar_gz, with_record
from packing import pack_cat, torch_zip, write_sources

from archiver import Archive, UnknownMemberError


@pytest.fixture
def packed(tmp_path, monkeypatch):
    monkeypatch.chdir(write_sources(tmp_path / "sources"))
    return pack_cat().path


def test_an_aligned_member_is_mapped(packed):
    with Archive.open(packed) as archive:
        assert archive.member("weights.pt").is_aligned
        assert archive.map_member("weights.pt") == torch_zip()


def test_a_stored_member_anywhere_is_mapped(tmp_path):
    with Archive.open(make_mar(tmp_path / "a.mar", with_record(good_files()))) as archive:
        assert archive.map_member("model.pt") == WEIGHTS


def test_what_is_written_there_stays_in_this_process(packed):
    before = packed.read_bytes()
    with Archive.open(packed) as archive:
        content = archive.map_member("weights.pt")
    content[:4] = b"\0\0\0\0"
    assert content[:4] == b"\0\0\0\0"
    assert packed.read_bytes() == before


def test_it_outlives_the_archive_and_the_file(packed):
    with Archive.open(packed) as archive:
        content = archive.map_member("weights.pt")
    replacement = packed.with_name("new.mar")
    replacement.write_bytes(b"another archive")
    replacement.replace(packed)
    assert content == torch_zip()
    packed.unlink()
    assert content == torch_zip()


def test_what_does_not_lie_there_in_one_piece_is_not_mapped(packed, tmp_path):
    with Archive.open(packed) as archive:
        assert archive.member("handler.py").method == "deflated"
        assert archive.map_member("handler.py") is None
    with Archive.open(make_tar_gz(tmp_path / "a.tar.gz", good_files())) as archive:
        assert archive.map_member("model.pt") is None
    with Archive.open(make_folder(tmp_path / "folder", good_files())) as archive:
        assert archive.map_member("model.pt") is None
    empty = {**good_files(), "empty.bin": b""}
    with Archive.open(make_mar(tmp_path / "empty.mar", empty)) as archive:
        assert archive.map_member("empty.bin") is None


def test_a_member_that_is_not_there_is_an_error(packed):
    with Archive.open(packed) as archive, pytest.raises(UnknownMemberError):
        archive.map_member("weights.bin")
