"""Zips as other tools write them."""

import io
import os
import shutil
import struct
import subprocess
import zipfile

import pytest
from archives import (
    HANDLER,
    WEIGHTS,
    RawEntry,
    files_below,
    good_files,
    make_folder,
    make_mar,
    make_tar_gz,
    raw_zip,
    with_record,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver import Archive, CorruptArchiveError
from archiver.names import clash_problems, member_name_problem

GIB = 1 << 30


class Pipe(io.RawIOBase):
    """A file that cannot seek, so that sizes and CRC are written behind each member."""

    def __init__(self, path):
        super().__init__()
        self._file = path.open("wb")

    def writable(self):
        return True

    def write(self, data):
        return self._file.write(data)

    def close(self):
        self._file.close()
        super().close()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_that_was_written_to_a_pipe_is_read(tmp_path, method):
    path = tmp_path / "cat.mar"
    with Pipe(path) as pipe, zipfile.ZipFile(pipe, "w", method) as packed:
        for name, content in good_files().items():
            packed.writestr(name, content)
    with Archive.open(path) as archive:
        assert archive.verify().crc_covered == 3
        assert archive.read("model.pt") == WEIGHTS


@pytest.mark.parametrize(
    "comment", [b"packed by hand", b"PK\5\6 is how a zip ends", bytes(0xFFFF)], ids=len
)
def test_a_zip_with_a_comment_is_read(tmp_path, comment):
    path = make_mar(tmp_path / "cat.mar", good_files())
    with zipfile.ZipFile(path, "a") as packed:
        packed.comment = comment
    with Archive.open(path) as archive:
        assert archive.read("handler.py") == HANDLER


def test_a_zip_that_was_added_to_is_read(tmp_path):
    path = make_mar(tmp_path / "cat.mar", good_files())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("labels.txt", b"cat" * 100)
    with Archive.open(path) as archive:
        assert archive.read("labels.txt") == b"cat" * 100
        assert archive.member("labels.txt").method == "deflated"


@pytest.mark.skipif(shutil.which("zip") is None, reason="needs Info-ZIP")
def test_a_zip_by_info_zip_is_read(tmp_path):
    folder = tmp_path / "cat"
    folder.mkdir()
    (folder / "größe.txt").write_text("odd")
    (folder / "empty").mkdir()
    subprocess.run(["zip", "-q", "-r", "../cat.mar", "."], cwd=folder, check=True)  # noqa: S607
    with Archive.open(tmp_path / "cat.mar") as archive:
        assert archive.read("größe.txt") == b"odd"


def test_a_member_with_64_bit_sizes_is_read(tmp_path):
    path = tmp_path / "cat.mar"
    with zipfile.ZipFile(path, "w") as packed, packed.open("model.pt", "w", force_zip64=True) as to:
        to.write(WEIGHTS)
    with Archive.open(path) as archive:
        assert archive.read("model.pt") == WEIGHTS
        assert archive.member("model.pt").size == len(WEIGHTS)


def test_a_member_past_four_gibibytes_is_read_where_it_lies(tmp_path):
    """Made with a hole, so that it takes no room on the disk."""
    path = tmp_path / "cat.mar"
    size, name = 5 * GIB, b"model.pt"
    extra = struct.pack("<2H2Q", 1, 16, size, size)
    wide = 0xFFFFFFFF
    entry = RawEntry(name=name, content=b"", crc=0, size=wide, compressed_size=wide)
    header = raw_zip(RawEntry(name=name, crc=0, size=wide, compressed_size=wide, local_extra=extra))
    offset = 30 + len(name) + len(extra)
    last = raw_zip(RawEntry(name="last.txt", content=b"the end"))[: 30 + 8 + 7]
    central = raw_zip(
        RawEntry(**{**vars_of(entry), "extra": extra, "offset": 0}),
        RawEntry(
            name="last.txt",
            content=b"the end",
            offset=wide,
            extra=struct.pack("<2HQ", 1, 8, offset + size),
        ),
    )
    directory = central[: central.rindex(b"PK\5\6")]
    start = offset + size + len(last)
    fields = (44, 45, 45, 0, 0, 2, 2, len(directory), start)
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", *fields)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(directory), wide, 0)
    with path.open("wb") as file:
        file.write(header[:offset])
        file.seek(offset + size - 1)
        file.write(b"!" + last + directory + end_64 + locator + end)
    with Archive.open(path) as archive:
        assert archive.read("last.txt") == b"the end"
        assert archive.member("model.pt").size == size
        with archive.open_member("model.pt") as stream:
            stream.seek(-2, os.SEEK_END)
            assert stream.read() == b"\0!"


def vars_of(entry):
    return {field: getattr(entry, field) for field in entry.__dataclass_fields__}


@pytest.mark.slow
def test_more_members_than_16_bits_count_are_read(tmp_path):
    names = [str(number) for number in range(66_000)]
    path = make_mar(tmp_path / "cat.mar", dict.fromkeys(names, b""))
    with Archive.open(path) as archive:
        assert [member.name for member in archive.members] == names


def test_room_between_members_is_accepted(tmp_path):
    """Other packers align members so."""
    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(RawEntry(name="a"), RawEntry(name="b"), between=bytes(100)))
    with Archive.open(path) as archive:
        assert archive.verify().members == 2


def test_members_are_listed_and_streamed_as_they_lie_in_the_file(tmp_path):
    path = make_mar(tmp_path / "cat.mar", {"z": b"1", "a": b"2", "m": b"3"})
    with Archive.open(path) as archive:
        assert [member.name for member in archive.members] == ["z", "a", "m"]
        assert [member.name for member, _ in archive.stream({"m", "z"})] == ["z", "m"]


def test_an_archive_that_is_replaced_stays_the_one_that_was_opened(tmp_path):
    path = make_mar(tmp_path / "cat.mar", good_files())
    with Archive.open(path) as archive:
        make_mar(tmp_path / "new.mar", {"other.py": b""}).replace(path)
        assert archive.read("model.pt") == WEIGHTS
        archive.extract(tmp_path / "out")
    assert (tmp_path / "out" / "model.pt").read_bytes() == WEIGHTS


def test_an_archive_that_is_cut_off_while_it_is_open_is_told(tmp_path):
    path = make_mar(tmp_path / "cat.mar", {"model.pt": bytes(1 << 20)})
    with Archive.open(path) as archive:
        os.truncate(path, 1000)
        with pytest.raises(CorruptArchiveError, match=r"'model\.pt' was cut off"):
            archive.read("model.pt")
        with pytest.raises(CorruptArchiveError):
            archive.extract(tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


@settings(deadline=None)
@given(
    content=st.binary(max_size=5000) | st.integers(1, 300_000).map(bytes),
    chunks=st.lists(st.integers(0, 5000), min_size=1),
)
def test_a_deflated_member_reads_the_same_in_pieces_of_any_size(tmp_path_factory, content, chunks):
    path = tmp_path_factory.mktemp("pieces") / "cat.mar"
    make_mar(path, {"x": content}, zipfile.ZIP_DEFLATED)
    with Archive.open(path) as archive, archive.open_member("x") as stream:
        pieces = [stream.read(size) for size in chunks]
        assert b"".join(pieces) + stream.read() == content


# Most characters of Unicode cannot be printed, and so be no part of a name: drawing them, too,
# would leave too few names.
PRINTABLE = st.characters(exclude_categories=("C", "Z"), exclude_characters="\\/") | st.just(" ")
ANY_NAME = st.lists(st.text(PRINTABLE, min_size=1, max_size=12), min_size=1, max_size=3).map(
    "/".join
)
CACHES = {"__pycache__", "__MACOSX"}  # folders that running and unpacking leave in a folder


def may_be_packed(name):
    return member_name_problem(name) is None and not CACHES.intersection(name.split("/")[:-1])


def without_clashes(names):
    """The first of *names*, and those after it that can be members beside it."""
    kept = []
    for name in names:
        if not list(clash_problems([*kept, name])):
            kept.append(name)
    return kept


GOOD_NAMES = st.lists(ANY_NAME.filter(may_be_packed), min_size=1, max_size=6).map(without_clashes)


@settings(deadline=None, max_examples=40)
@given(names=GOOD_NAMES, data=st.data())
def test_every_name_that_may_be_packed_is_read_from_every_form(tmp_path_factory, names, data):
    folder = tmp_path_factory.mktemp("names")
    files = with_record({name: data.draw(st.binary(max_size=50)) for name in names})
    packed = [
        make_mar(folder / "stored", files),
        make_mar(folder / "deflated", files, zipfile.ZIP_DEFLATED),
        make_tar_gz(folder / "tar", files),
        make_folder(folder / "plain", files),
    ]
    for path in packed:
        with Archive.open(path) as archive:
            assert {name: archive.read(name) for name in files} == files
            archive.extract(folder / f"{path.name} extracted")
        assert files_below(folder / f"{path.name} extracted") == files
