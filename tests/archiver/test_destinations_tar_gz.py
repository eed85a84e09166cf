"""The bytes of a ``.tar.gz``."""

import gzip
import tarfile

import pytest
from packing import pack_cat


@pytest.fixture
def archive(sources):
    """A ``.tar.gz`` with names that need each of tar's forms."""
    (sources / "deep").mkdir()
    (sources / "deep" / ("n" * 150)).write_bytes(b"long name")
    (sources / "deep" / "größe").write_bytes(b"a" * 513)
    return pack_cat(archive_format="tgz", extra_files="deep,deep=sub/").path


def test_all_members_are_under_a_folder_named_after_the_model(archive):
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert all(name.startswith("cat/") for name in names)
    assert names[0] == "cat/MAR-INF/MANIFEST.json"
    assert names[-1] == "cat/MAR-INF/RECORD"
    assert "cat/" + "n" * 150 in names
    assert "cat/sub/größe" in names


def test_members_belong_to_nobody_in_particular(archive):
    with tarfile.open(archive) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert (member.mode, member.mtime) == (0o644, 315532800)
            assert member.isreg()


def test_the_gzip_header_has_neither_time_nor_name(archive):
    header = archive.read_bytes()[:10]
    assert header[:3] == b"\x1f\x8b\x08"
    assert header[3] == 0
    assert header[4:8] == bytes(4)


def test_the_tar_ends_as_tars_do(archive):
    data = gzip.decompress(archive.read_bytes())
    assert len(data) % 10240 == 0
    assert data.endswith(bytes(1024))
