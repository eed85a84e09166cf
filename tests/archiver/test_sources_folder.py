"""Plain folders: what ``no-archive`` wrote, and the sources that somebody works on."""

import os
import socket
from pathlib import Path

import pytest
from archives import HANDLER, MANIFEST, good_files, make_folder, with_record

from archiver import (
    Archive,
    CorruptArchiveError,
    InvalidArchiveError,
    LimitExceededError,
    Limits,
    UnsafeArchiveError,
)


def member_names(folder):
    with Archive.open(folder) as archive:
        return [member.name for member in archive.members]


def test_a_folder_of_sources_is_opened_without_its_litter(tmp_path):
    folder = make_folder(
        tmp_path / "cat",
        {
            "handler.py": HANDLER,
            "data/labels.txt": b"cat",
            ".git/config": b"[core]",
            ".env": b"SECRET=1",
            ".DS_Store": b"",
            "__pycache__/handler.cpython-311.pyc": b"",
            "data/__pycache__/x.cpython-311.pyc": b"",
            "venv/pyvenv.cfg": b"",
            "venv/bin/activate": b"",
            ".venv/pyvenv.cfg": b"",
            "__MACOSX/._handler.py": b"",
        },
    )
    (folder / "venv/bin/python").symlink_to("/usr/bin/env")
    assert member_names(folder) == ["data/labels.txt", "handler.py"]


def test_a_packed_folder_keeps_its_hidden_files(tmp_path):
    """RECORD lists them; what Python leaves behind when the folder is used is passed over."""
    hidden = {".hidden/labels.txt": b"cat", "venv/pyvenv.cfg": b""}
    files = with_record({**good_files(), **hidden})
    folder = make_folder(tmp_path / "cat", {**files, "__pycache__/handler.cpython-311.pyc": b""})
    assert set(member_names(folder)) == set(files)
    with Archive.open(folder) as archive:
        assert archive.verify().sha256_covered == len(files) - 1


def test_a_module_without_its_source_is_a_member(tmp_path):
    """Archives of compiled code hold such, and Python imports them."""
    files = with_record({**good_files(), "secret.pyc": b"compiled", "__pycache__": b"a file"})
    folder = make_folder(tmp_path / "cat", files)
    assert set(member_names(folder)) == set(files)
    with Archive.open(folder) as archive:
        assert archive.verify().sha256_covered == len(files) - 1


def test_names_that_differ_only_in_case_are_kept_apart_by_the_folder_itself(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER, "a.JPG": b"", "a.jpg": b""})
    assert member_names(folder) == ["a.JPG", "a.jpg", "handler.py"]


def test_links_inside_the_folder_are_followed(tmp_path):
    folder = make_folder(tmp_path / "cat", {"v3/net.py": HANDLER})
    (folder / "handler.py").symlink_to("v3/net.py")
    (folder / "latest").symlink_to("v3")
    assert member_names(folder) == ["handler.py", "latest/net.py", "v3/net.py"]
    with Archive.open(folder) as archive:
        assert archive.read("latest/net.py") == HANDLER
        archive.extract(tmp_path / "out")
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_links_that_lead_round_and_round_are_not_followed(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER, "data/x.txt": b""})
    (folder / "self").symlink_to(".")
    (folder / "data" / "up").symlink_to("..")
    assert member_names(folder) == ["data/x.txt", "handler.py"]


def test_sources_may_link_to_weights_elsewhere(tmp_path):
    (tmp_path / "large.pt").write_bytes(b"weights")
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER})
    (folder / "model.pt").symlink_to("../large.pt")
    assert member_names(folder) == ["handler.py", "model.pt"]
    with Archive.open(folder) as archive:
        assert archive.read("model.pt") == b"weights"


def test_a_link_to_a_folder_elsewhere_is_refused(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER})
    (folder / "data").symlink_to(tmp_path)
    with pytest.raises(UnsafeArchiveError, match="outside the folder"):
        Archive.open(folder)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside.txt", "../outside"])
def test_a_link_out_of_a_packed_folder_is_refused(tmp_path, target):
    (tmp_path / "outside.txt").write_text("not yours")
    (tmp_path / "outside").mkdir()
    files = {"handler.py": HANDLER, "data/x": b"", "MAR-INF/RECORD": b""}
    folder = make_folder(tmp_path / "cat", files)
    (folder / "labels.txt").symlink_to(target)
    (folder / "data" / "deep").symlink_to(folder.parent)
    with pytest.raises(UnsafeArchiveError, match="outside the folder") as caught:
        Archive.open(folder)
    assert [problem.split()[0] for problem in sorted(caught.value.problems)] == [
        "'data/deep'",
        "'labels.txt'",
    ]


def test_the_folder_itself_may_be_a_link(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER, "v3/net.py": b""})
    (folder / "net.py").symlink_to("v3/net.py")
    (tmp_path / "current").symlink_to(folder)
    assert member_names(tmp_path / "current") == ["handler.py", "net.py", "v3/net.py"]


def test_a_link_to_nothing_is_refused(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER})
    (folder / "model.pt").symlink_to("gone.pt")
    with pytest.raises(CorruptArchiveError, match=r"'model\.pt' is a symbolic link to nothing"):
        Archive.open(folder)


def test_what_is_no_plain_file_is_refused(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER})
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket"))
        with pytest.raises(UnsafeArchiveError) as caught:
            Archive.open(folder)
    assert len(caught.value.problems) == 2
    with pytest.raises(InvalidArchiveError, match="a device, a named pipe or a socket"):
        Archive.open(folder / "pipe")


def test_a_name_that_is_no_unicode_or_cannot_be_printed_is_refused(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER, "a\nb": b"", "a\\b": b""})
    (folder / os.fsdecode(b"gr\xf6\xdfe")).write_bytes(b"")
    with pytest.raises(UnsafeArchiveError) as caught:
        Archive.open(folder)
    assert len(caught.value.problems) == 3


def test_a_folder_of_too_much_is_told_before_all_of_it_is_listed(tmp_path):
    folder = make_folder(tmp_path / "cat", {f"{number}.txt": b"" for number in range(11)})
    with pytest.raises(
        LimitExceededError, match=r"11 members or more.* outside of it or in a hidden"
    ):
        Archive.open(folder, limits=Limits(max_members=10))
    with pytest.raises(LimitExceededError, match="max_total_bytes"):
        Archive.open(make_folder(tmp_path / "dog", good_files()), limits=Limits(max_total_bytes=9))


def remove_nested(top: Path) -> None:
    """Remove folders that are nested too deep for `shutil.rmtree`, which pytest cleans up with."""
    rest = top.with_name("rest")
    while (top / "nested").exists():
        (top / "nested").rename(rest)
        top.rmdir()
        rest.rename(top)
    top.rmdir()


def test_folders_nested_as_deep_as_can_be_are_told(tmp_path):
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER})
    before = os.open(folder, os.O_RDONLY)
    top = before
    for _ in range(1200):
        os.mkdir("nested", dir_fd=top)
        lower = os.open("nested", os.O_RDONLY, dir_fd=top)
        os.close(top)
        top = lower
    os.close(top)
    try:
        with pytest.raises(InvalidArchiveError, match="cannot be read: File name too long"):
            Archive.open(folder)
    finally:
        remove_nested(folder / "nested")


def test_a_file_that_changes_after_opening_is_told(tmp_path):
    folder = make_folder(tmp_path / "cat", good_files())
    with Archive.open(folder) as archive:
        (folder / "model.pt").write_bytes(b"short")
        for read in (archive.verify, lambda: archive.read("model.pt")):
            with pytest.raises(CorruptArchiveError, match="has 5 bytes instead of 10240"):
                read()
        with pytest.raises(CorruptArchiveError):
            archive.extract(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_gone_after_opening_is_told(tmp_path):
    folder = make_folder(tmp_path / "cat", good_files())
    with Archive.open(folder) as archive:
        (folder / "model.pt").unlink()
        for read in (archive.verify, lambda: archive.read("model.pt")):
            with pytest.raises(CorruptArchiveError, match=r"'model\.pt' cannot be read: No such"):
                read()


def test_an_extracted_folder_is_a_copy(tmp_path):
    folder = make_folder(tmp_path / "cat", good_files())
    with Archive.open(folder) as archive:
        archive.extract(tmp_path / "out")
    (tmp_path / "out" / MANIFEST).write_text("changed")
    assert (folder / MANIFEST).read_bytes() == good_files()[MANIFEST]
