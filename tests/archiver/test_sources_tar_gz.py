"""Compressed tars as other tools write them."""

import gzip
import shutil
import subprocess
import tarfile

import pytest
from archives import (
    HANDLER,
    WEIGHTS,
    files_below,
    good_files,
    make_folder,
    make_tar_gz,
    with_record,
)

from archiver import Archive, CorruptArchiveError


def test_the_folder_with_the_models_name_is_no_part_of_the_members_names(tmp_path):
    with Archive.open(make_tar_gz(tmp_path / "cat.tar.gz", good_files())) as archive:
        assert [member.name for member in archive.members] == list(good_files())
        assert {member.method for member in archive.members} == {"deflated"}
        assert {member.offset for member in archive.members} == {None}


@pytest.mark.parametrize(
    ("names", "members"),
    [
        (["cat/a.py", "cat/data/b"], ["a.py", "data/b"]),
        (["./cat/a.py", "cat/b"], ["a.py", "b"]),
        (["cat/a.py", "b"], ["cat/a.py", "b"]),
        (["cat/a.py", "dog/b"], ["cat/a.py", "dog/b"]),
        (["./a.py", "./data/b"], ["a.py", "data/b"]),
        (["MAR-INF/notes.txt"], ["MAR-INF/notes.txt"]),
        (["cat/MAR-INF/notes.txt"], ["MAR-INF/notes.txt"]),
        (["cat/cat/a.py"], ["cat/a.py"]),
    ],
    ids=str,
)
def test_only_a_folder_that_holds_everything_is_left_out(tmp_path, names, members):
    path = make_tar_gz(tmp_path / "cat.tar.gz", dict.fromkeys(names, HANDLER), folder="")
    with Archive.open(path) as archive:
        assert [member.name for member in archive.members] == members
        assert {archive.read(name) for name in members} == {HANDLER}


@pytest.mark.parametrize("dialect", ["gnu", "pax", "ustar", "v7"])
@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar")
def test_every_dialect_of_tar_is_read(tmp_path, dialect):
    files = good_files()
    if dialect in {"gnu", "pax"}:
        files["deep/" * 30 + "größe.txt"] = b"odd"
    make_folder(tmp_path / "cat", with_record(files))
    command = ["tar", "-C", tmp_path, "-czf", tmp_path / "cat.tar.gz", f"--format={dialect}", "cat"]
    subprocess.run(command, check=True)
    with Archive.open(tmp_path / "cat.tar.gz") as archive:
        assert {name: archive.read(name) for name in files} == files


def test_an_archive_of_a_folders_dot_is_read(tmp_path):
    """``tar czf cat.tar.gz .`` has an entry for the folder itself."""
    folder = make_folder(tmp_path / "cat", good_files())
    with tarfile.open(tmp_path / "cat.tar.gz", "w:gz") as tar:
        tar.add(folder, ".")
    with Archive.open(tmp_path / "cat.tar.gz") as archive:
        assert {member.name for member in archive.members} == good_files().keys()
        archive.extract(tmp_path / "out")
    assert files_below(tmp_path / "out") == good_files()


def test_members_large_and_small_are_read_in_any_order(tmp_path):
    """Small ones are kept from the first pass, large ones are looked for again."""
    files = {f"{number}.bin": bytes([number]) * (300_000 * (number % 2) + 5) for number in range(6)}
    with Archive.open(make_tar_gz(tmp_path / "cat.tar.gz", files)) as archive:
        for name in ("5.bin", "0.bin", "1.bin", "5.bin", "4.bin"):
            assert archive.read(name) == files[name]
        with archive.open_member("1.bin") as one, archive.open_member("3.bin") as three:
            assert one.read(9) + three.read(9) + one.read(9) == b"\1" * 9 + b"\3" * 9 + b"\1" * 9


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024, 1 << 17, (1 << 17) + 1])
def test_members_of_any_size_are_read_one_after_the_other(tmp_path, size):
    """Whether or not a member ends where tar's blocks do."""
    files = {f"{number}.bin": bytes([number]) * size for number in range(3)}
    with Archive.open(make_tar_gz(tmp_path / "cat.tar.gz", files)) as archive:
        archive.extract(tmp_path / "out")
    assert files_below(tmp_path / "out") == files


def test_a_gzip_of_several_pieces_is_read(tmp_path):
    """As parallel compressors write it."""
    path = make_tar_gz(tmp_path / "cat.tar.gz", good_files())
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:700]) + gzip.compress(content[700:]))
    with Archive.open(path) as archive:
        assert archive.read("model.pt") == WEIGHTS


def test_a_tar_without_an_end_is_read(tmp_path):
    """Old tools leave the empty blocks out; gzip's checksum says that nothing is missing."""
    path = make_tar_gz(tmp_path / "cat.tar.gz", good_files())
    content = gzip.decompress(path.read_bytes()).rstrip(b"\0")
    path.write_bytes(gzip.compress(content + bytes(-len(content) % 512)))
    with Archive.open(path) as archive:
        assert archive.verify().members == 3


def test_an_archive_that_is_overwritten_while_it_is_open_is_told(tmp_path):
    files = {"a.bin": bytes(300_000), "b.bin": bytes(300_000)}
    path = make_tar_gz(tmp_path / "cat.tar.gz", files)
    other = make_tar_gz(tmp_path / "other.tar.gz", {"a.bin": bytes(300_000), "c.bin": b""})
    with Archive.open(path) as archive:
        path.write_bytes(other.read_bytes())
        with pytest.raises(CorruptArchiveError):
            archive.extract(tmp_path / "out")
        with pytest.raises(CorruptArchiveError):
            archive.read("b.bin")
    assert not (tmp_path / "out").exists()
