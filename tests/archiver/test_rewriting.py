"""Putting files into an archive that is there."""

import zipfile
from pathlib import Path

import pytest
from packing import contents, pack_cat

import archiver
from archiver.rewriting import put_into_archive

NEW = {"MAR-INF/samples/cat.txt": b"miaow"}
FORMATS = ("default", "zip-store", "tgz", "no-archive")


@pytest.mark.parametrize("archive_format", FORMATS)
def test_a_new_member_leaves_all_others_as_they_are(sources, archive_format):
    path = pack_cat(archive_format=archive_format).path
    before = contents(path)
    packed = put_into_archive(path, NEW)
    after = contents(path)
    assert (packed.path, packed.archive_format) == (path.resolve(), archive_format)
    assert after.pop("MAR-INF/RECORD") != before.pop("MAR-INF/RECORD")
    assert after == before | NEW
    with archiver.Archive.open(path) as archive:
        assert archive.verify().sha256_covered == len(after)


@pytest.mark.parametrize("archive_format", FORMATS)
def test_a_member_of_that_name_is_replaced(sources, archive_format):
    path = pack_cat(archive_format=archive_format).path
    put_into_archive(path, NEW)
    put_into_archive(path, {"MAR-INF/samples/cat.txt": b"purr"})
    assert contents(path)["MAR-INF/samples/cat.txt"] == b"purr"


@pytest.mark.parametrize("archive_format", ["default", "zip-store", "tgz"])
def test_the_same_members_put_again_give_the_same_bytes(sources, archive_format):
    path = pack_cat(archive_format=archive_format).path
    put_into_archive(path, NEW)
    first = path.read_bytes()
    put_into_archive(path, NEW)
    assert path.read_bytes() == first


@pytest.mark.parametrize("archive_format", ["default", "zip-store"])
def test_members_stay_compressed_or_stored_as_they_were(sources, archive_format):
    path = pack_cat(archive_format=archive_format).path
    with zipfile.ZipFile(path) as file:
        before = {info.filename: info.compress_type for info in file.infolist()}
    put_into_archive(path, NEW)
    with zipfile.ZipFile(path) as file:
        after = {info.filename: info.compress_type for info in file.infolist()}
    deflated = zipfile.ZIP_DEFLATED if archive_format == "default" else zipfile.ZIP_STORED
    assert after == before | {"MAR-INF/samples/cat.txt": deflated}


def test_an_archive_that_is_open_elsewhere_can_still_be_read_there(sources):
    path = pack_cat().path
    with archiver.Archive.open(path) as opened:
        put_into_archive(path, NEW)
        assert opened.read("handler.py") == Path("handler.py").read_bytes()
        opened.verify()


def test_a_folder_that_was_changed_since_it_was_packed_is_not_replaced(sources):
    path = pack_cat(archive_format="no-archive").path
    (path / "notes.txt").write_text("mine")
    with pytest.raises(archiver.ArchiveError, match=r"notes\.txt"):
        put_into_archive(path, NEW)
    assert (path / "notes.txt").read_text() == "mine"
    assert "MAR-INF/samples/cat.txt" not in contents(path)


def test_what_is_no_archive_stays_as_it_was(sources):
    Path("cat.mar").write_bytes(b"no archive")
    with pytest.raises(archiver.InvalidArchiveError):
        put_into_archive(Path("cat.mar"), NEW)
    assert Path("cat.mar").read_bytes() == b"no archive"
    assert {path.name for path in Path().iterdir() if path.name.startswith(".")} == set()
