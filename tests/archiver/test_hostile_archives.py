"""Archives that were made to harm, or were harmed: each is refused with its own sentence.

Whatever the archive, what comes out is the package's own error, and nothing is written.
"""

import gzip
import io
import os
import struct
import tarfile
import unicodedata
import zlib

import pytest
from archives import (
    HANDLER,
    WEIGHTS,
    RawEntry,
    deflated,
    files_below,
    good_files,
    make_mar,
    make_tar_gz,
    raw_zip,
    with_record,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver import (
    Archive,
    ArchiveError,
    CorruptArchiveError,
    InvalidArchiveError,
    LimitExceededError,
    Limits,
    UnsafeArchiveError,
)

SMALL = Limits(
    max_members=20,
    max_total_bytes=1 << 20,
    max_ratio=100,
    ratio_free_bytes=50_000,
    max_name_length=80,
)

BAD_NAMES = {
    "../evil.py": "leaves the archive's folder",
    "data/../../evil.py": "leaves the archive's folder",
    "./../evil.py": "leaves the archive's folder",
    "..\\evil.py": "leaves the archive's folder",
    "..": "leaves the archive's folder",
    "/etc/cron.d/evil": "is absolute",
    "//server/share": "is absolute",
    "\\\\server\\share": "is absolute",
    "C:\\evil.py": "begins with a drive",
    "c:evil.py": "begins with a drive",
    "data\\evil.py": "contains a backslash",
    "evil\0.py": "contains a NUL character",
    "evil\n.py": "characters that cannot be printed",
    "\x1b[2Jevil.py": "characters that cannot be printed",
    "": "has an empty name",
    "data//evil.py": "has an empty part",
    "data/./evil.py": "has an empty part",
    ".": "has an empty part",
    "é" * 39: None,
    "é" * 41: "82 bytes long, more than max_name_length = 80",
}
CLASHES = {
    ("model.py", "model.py"): "two members named 'model.py'",
    ("model.py", "./model.py"): "two members named 'model.py'",
    ("model.py", "Model.py"): "'model.py' and 'Model.py' differ only in case",
    ("STRASSE", "straße"): "differ only in case",
    (unicodedata.normalize("NFC", "é.py"), unicodedata.normalize("NFD", "é.py")): "differ only in",
    ("data", "data/x"): "'data' is a file and the folder of 'data/x'",
    ("Data", "data/deep/x"): "'Data' is a file and the folder of 'data/deep/x'",
    ("data", "data/"): "'data' is a file and the folder 'data'",
    ("data", "data/deep/"): "'data' is a file and the folder 'data/deep'",
}


def refusal(path, limits=SMALL):
    """The error that opening and extracting ends with, after which there is nothing new."""
    before = set(path.parent.rglob("*"))
    with pytest.raises(InvalidArchiveError) as caught, Archive.open(path, limits=limits) as archive:
        archive.extract(path.parent / "out" / "cat")
    assert set(path.parent.rglob("*")) == before
    assert caught.value.path == path
    assert caught.value.problems
    return caught.value


def refusal_of_zip(tmp_path, *entries, limits=SMALL, **lies):
    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(*entries, **lies))
    return refusal(path, limits)


def tar_entry(name, content=b"", **fields):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry, content


def tar_of(*entries):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def refusal_of_tar(tmp_path, *entries, limits=SMALL):
    return refusal_of_gzip(tmp_path, tar_of(*entries), limits=limits)


def refusal_of_gzip(tmp_path, content, limits=SMALL):
    path = tmp_path / "cat.tar.gz"
    path.write_bytes(gzip.compress(content))
    return refusal(path, limits)


# Names


@pytest.mark.parametrize(
    ("name", "problem"),
    [(name, problem) for name, problem in BAD_NAMES.items() if problem is not None],
)
def test_a_name_that_may_not_be_written_is_refused_in_a_zip(tmp_path, name, problem):
    error = refusal_of_zip(tmp_path, RawEntry(name="handler.py"), RawEntry(name=name))
    assert isinstance(error, LimitExceededError if "max_name" in problem else UnsafeArchiveError)
    assert len(error.problems) == 1
    assert problem in error.problems[0]


@pytest.mark.parametrize("name", ["../evil/", "/evil/", "C:evil/", "data//evil/", "data\\evil/"])
def test_a_folder_of_such_a_name_is_refused(tmp_path, name):
    entries = [RawEntry(name="handler.py"), RawEntry(name=name, content=b"")]
    assert isinstance(refusal_of_zip(tmp_path, *entries), UnsafeArchiveError)
    (tmp_path / "cat.mar").unlink()
    folder = tar_entry(name, type=tarfile.DIRTYPE)
    assert isinstance(refusal_of_tar(tmp_path, folder), UnsafeArchiveError)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (name, problem)
        for name, problem in BAD_NAMES.items()
        # tar ends a name at the first NUL.
        if problem is not None and "\0" not in name
    ],
)
def test_a_name_that_may_not_be_written_is_refused_in_a_tar(tmp_path, name, problem):
    error = refusal_of_tar(tmp_path, tar_entry("handler.py", HANDLER), tar_entry(name, b"evil"))
    assert isinstance(error, LimitExceededError if "max_name" in problem else UnsafeArchiveError)
    assert problem in error.problems[0]


@pytest.mark.parametrize("name", [name for name, problem in BAD_NAMES.items() if problem is None])
def test_a_name_of_the_greatest_length_is_accepted(tmp_path, name):
    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(RawEntry(name=name)))
    with Archive.open(path, limits=SMALL) as archive:
        assert archive.members[0].name == name


def test_a_tar_name_that_is_no_unicode_is_refused(tmp_path):
    error = refusal_of_tar(tmp_path, tar_entry("evil\udcff.py", b"evil"))
    assert "characters that cannot be printed" in error.problems[0]


@pytest.mark.parametrize(("names", "problem"), CLASHES.items())
def test_names_that_cannot_lie_side_by_side_are_refused(tmp_path, names, problem):
    entries = [RawEntry(name=name, content=b"") for name in names]
    error = refusal_of_zip(tmp_path, *entries)
    assert isinstance(error, UnsafeArchiveError)
    assert problem in error.problems[0]
    (tmp_path / "cat.mar").unlink()
    types = [tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE for name in names]
    entries = [tar_entry(name, type=kind) for name, kind in zip(names, types, strict=True)]
    assert problem in refusal_of_tar(tmp_path, *entries).problems[0]


def test_all_problems_are_told_at_once_and_the_worst_names_the_error(tmp_path):
    error = refusal_of_zip(
        tmp_path,
        RawEntry(name="../a"),
        RawEntry(name="b", mode=0o120777),
        RawEntry(name="c", local_crc=1),
        RawEntry(name="d", flags=1),
        RawEntry(name="e" * 100),
    )
    assert isinstance(error, UnsafeArchiveError)
    for part in (
        "'../a' leaves",
        "'b' is a symbolic",
        "'c' has another",
        "'d' is enc",
        "100 bytes",
    ):
        assert any(part in problem for problem in error.problems), part
    assert len(error.problems) == 5
    assert "5 problems" in str(error)


def test_of_a_thousand_problems_the_first_are_told_and_the_others_counted(tmp_path):
    entries = [RawEntry(name=f"../{number}", content=b"") for number in range(1000)]
    error = refusal_of_zip(tmp_path, *entries, limits=Limits())
    assert len(error.problems) == 51
    assert error.problems[-1] == "and 950 more problems"


# What is no plain file


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (0o120777, "a symbolic link"),
        (0o020666, "a character device"),
        (0o060666, "a block device"),
        (0o010666, "a named pipe"),
        (0o140666, "a socket"),
    ],
)
@pytest.mark.parametrize("system", [3, 19])
def test_a_zip_entry_that_is_no_plain_file_is_refused(tmp_path, mode, kind, system):
    error = refusal_of_zip(tmp_path, RawEntry(mode=mode, content=b"/etc/passwd", system=system))
    assert isinstance(error, UnsafeArchiveError)
    assert error.problems == (f"the member 'handler.py' is {kind}; pack the file itself",)


def test_what_a_dos_packer_keeps_in_the_place_of_a_mode_means_nothing(tmp_path):
    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(RawEntry(mode=0o120777, system=0)))
    with Archive.open(path) as archive:
        assert archive.read("handler.py") == HANDLER


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (tarfile.SYMTYPE, "is a symbolic link to '/etc/passwd'"),
        (tarfile.LNKTYPE, "is a hard link to '/etc/passwd'"),
        (tarfile.CHRTYPE, "is a character device"),
        (tarfile.BLKTYPE, "is a block device"),
        (tarfile.FIFOTYPE, "is a named pipe"),
        (b"V", "is of an unknown kind, b'V'"),
    ],
)
def test_a_tar_entry_that_is_no_plain_file_is_refused(tmp_path, kind, problem):
    evil = tar_entry("cat/evil", type=kind, linkname="/etc/passwd")
    error = refusal_of_tar(tmp_path, tar_entry("cat/handler.py", HANDLER), evil)
    assert isinstance(error, UnsafeArchiveError)
    assert problem in error.problems[0]


def test_a_member_behind_a_link_is_refused_with_the_link(tmp_path):
    """The old way out: a link to a folder, then a file below it."""
    link = tar_entry("cat/out", type=tarfile.SYMTYPE, linkname="/tmp")  # noqa: S108 - never made
    error = refusal_of_tar(tmp_path, link, tar_entry("cat/out/evil", b"evil"))
    assert len(error.problems) == 2


def test_a_sparse_tar_entry_is_refused(tmp_path):
    """It is 8 GiB of nothing, written in one header."""
    sparse = tar_entry("cat/model.pt", type=tarfile.GNUTYPE_SPARSE)[0].tobuf(tarfile.GNU_FORMAT)
    header = bytearray(sparse)
    header[386:410] = b"00000000000\0" + b"00000000000\0"
    header[483:495] = b"\x80" + (8 << 30).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    error = refusal_of_gzip(tmp_path, bytes(header) + bytes(1024), limits=Limits())
    assert "is a sparse file" in error.problems[0]


# Bombs and limits


def test_a_member_that_unpacks_to_a_multiple_of_itself_is_refused_unread(tmp_path):
    bomb = RawEntry(name="bomb", content=bytes(200_000), method=8)
    error = refusal_of_zip(tmp_path, bomb)
    assert isinstance(error, LimitExceededError)
    assert "unpacks from 211 to 200000 bytes, more than max_ratio = 100" in error.problems[0]


def test_a_small_member_may_unpack_to_any_multiple(tmp_path):
    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(RawEntry(content=bytes(50_000), method=8)))
    with Archive.open(path, limits=SMALL) as archive:
        assert archive.read("handler.py") == bytes(50_000)


def test_a_member_that_hides_how_large_it_is_stops_at_what_it_told(tmp_path):
    """What is told is 100 bytes; the deflated stream goes on for 10 MB."""
    packed = deflated(bytes(10_000_000))
    bomb = RawEntry(name="bomb", content=b"", packed=packed, method=8, size=100)
    error = refusal_of_zip(tmp_path, bomb)
    assert isinstance(error, CorruptArchiveError)
    assert "unpacks to more bytes than the directory says" in error.problems[0]


def test_a_tar_bomb_is_refused_while_it_is_read(tmp_path):
    bomb = tar_entry("cat/bomb", bytes(900_000))
    error = refusal_of_tar(tmp_path, tar_entry("cat/handler.py", HANDLER), bomb)
    assert isinstance(error, LimitExceededError)
    assert "max_ratio = 100" in error.problems[0]


def test_zeros_behind_a_tar_are_a_bomb_too(tmp_path):
    content = tar_of(tar_entry("handler.py", HANDLER)) + bytes(5_000_000)
    assert isinstance(refusal_of_gzip(tmp_path, content), LimitExceededError)


@pytest.mark.parametrize("make", [make_mar, make_tar_gz])
def test_too_many_members_are_refused(tmp_path, make):
    path = make(tmp_path / "cat", {f"{number}.txt": b"" for number in range(21)})
    error = refusal(path)
    assert isinstance(error, LimitExceededError)
    assert "21 members or more, and max_members = 20" in error.problems[0]
    with Archive.open(path) as archive:
        assert len(archive.members) == 21


@pytest.mark.parametrize("make", [make_mar, make_tar_gz])
def test_too_many_bytes_are_refused(tmp_path, make):
    path = make(tmp_path / "cat", good_files())
    error = refusal(path, Limits(max_total_bytes=10_000))
    assert isinstance(error, LimitExceededError)
    assert "more than max_total_bytes = 10000" in error.problems[0]


def test_a_tar_beyond_the_limit_is_not_unpacked_to_its_end(tmp_path):
    """Its end is missing, which nobody gets to see."""
    path = make_tar_gz(tmp_path / "cat", {"a.bin": os.urandom(50_000), "b.bin": os.urandom(50_000)})
    path.write_bytes(path.read_bytes()[:70_000])
    assert isinstance(refusal(path, Limits(max_total_bytes=10_000)), LimitExceededError)


def test_a_zip_that_announces_a_billion_members_is_refused_unread(tmp_path):
    error = refusal_of_zip(tmp_path, RawEntry(), count=60_000)
    assert isinstance(error, LimitExceededError)


def test_a_directory_of_gigabytes_is_refused_unread(tmp_path, monkeypatch):
    """Stood in for by one of a hundred bytes, and a limit that is as small."""
    monkeypatch.setattr("archiver.sources.zip_directory._MOST_DIRECTORY_BYTES", 100)
    error = refusal_of_zip(tmp_path, RawEntry(extra=bytes(50)))
    assert isinstance(error, LimitExceededError)
    assert error.problems == ("its directory takes more than 100 bytes",)


def test_a_tar_header_of_gigabytes_is_refused_unread(tmp_path):
    """A long name announces its own size, and tarfile would read it all into memory."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    content = header.tobuf(tarfile.GNU_FORMAT) + bytes(10_000)
    path = tmp_path / "cat.tar.gz"
    path.write_bytes(gzip.compress(tar_of(tar_entry("handler.py", HANDLER))[:1024] + content))
    error = refusal(path, Limits())
    assert isinstance(error, LimitExceededError)
    assert "a header of its tar takes more than 1048576 bytes" in error.problems[0]


def test_tar_headers_that_follow_each_other_for_ever_are_refused(tmp_path):
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 0
    path = tmp_path / "cat.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.PAX_FORMAT) * 5000))
    with pytest.raises(InvalidArchiveError):
        Archive.open(path)


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """The zip bomb without nesting: every member is the same compressed kernel."""
    inner = raw_zip(RawEntry(name="inner", content=b"x" * 1000))[: 30 + len("inner") + 1000]
    outer = RawEntry(name="outer", content=inner)
    shared = RawEntry(name="inner", content=b"x" * 1000, offset=30 + len("outer"))
    error = refusal_of_zip(tmp_path, outer, shared)
    assert isinstance(error, UnsafeArchiveError)
    assert error.problems == ("the members 'outer' and 'inner' share the same bytes",)


def test_a_member_that_is_listed_twice_under_one_header_is_refused(tmp_path):
    error = refusal_of_zip(tmp_path, RawEntry(), RawEntry(offset=0))
    assert any("share the same bytes" in problem for problem in error.problems)


# Zips that tell two stories


@pytest.mark.parametrize(
    ("entry", "error", "problem"),
    [
        (RawEntry(flags=1), InvalidArchiveError, "is encrypted"),
        (RawEntry(flags=0x40), InvalidArchiveError, "is encrypted"),
        (RawEntry(flags=0x2000), InvalidArchiveError, "is encrypted"),
        (RawEntry(local_flags=1), CorruptArchiveError, "encrypted in another way"),
        (RawEntry(method=12), InvalidArchiveError, "compressed with method 12"),
        (RawEntry(method=14), InvalidArchiveError, "compressed with method 14"),
        (RawEntry(method=93), InvalidArchiveError, "compressed with method 93"),
        (RawEntry(method=99), InvalidArchiveError, "compressed with method 99"),
        (RawEntry(local_method=8), CorruptArchiveError, "compressed or encrypted in another way"),
        (RawEntry(local_name="other.py"), CorruptArchiveError, "is called 'other.py' by its own"),
        (RawEntry(local_crc=1), CorruptArchiveError, "another size or CRC in its own header"),
        (RawEntry(local_size=1), CorruptArchiveError, "another size or CRC in its own header"),
        (RawEntry(local_compressed_size=1), CorruptArchiveError, "another size or CRC in its own"),
        (RawEntry(local_signature=b"PK\0\0"), CorruptArchiveError, "does not lie where"),
        (RawEntry(size=1), CorruptArchiveError, "is stored, but its sizes differ"),
        (RawEntry(size=10**6, compressed_size=10**6), CorruptArchiveError, "does not lie where"),
        (RawEntry(offset=10**6), CorruptArchiveError, "does not lie where"),
        (RawEntry(offset=3), CorruptArchiveError, "does not lie where"),
        (RawEntry(disk=1), CorruptArchiveError, "does not lie where"),
        (RawEntry(name="folder/"), CorruptArchiveError, "'folder/' has content of its own"),
        (RawEntry(crc=1), CorruptArchiveError, "another CRC-32 than the archive says"),
        (RawEntry(method=8, packed=b"\xff\xff"), CorruptArchiveError, "cannot be unpacked"),
        (RawEntry(method=8, packed=b""), CorruptArchiveError, "unpacks to fewer bytes"),
        (
            RawEntry(method=8, packed=deflated(HANDLER)[:-3]),
            CorruptArchiveError,
            "unpacks to fewer bytes",
        ),
        (
            RawEntry(method=8, packed=deflated(HANDLER[:-1])),
            CorruptArchiveError,
            "unpacks to fewer bytes",
        ),
        (
            RawEntry(method=8, packed=deflated(HANDLER + b"!")),
            CorruptArchiveError,
            "unpacks to more bytes",
        ),
        (
            RawEntry(method=8, packed=deflated(HANDLER) + b"hidden"),
            CorruptArchiveError,
            "has bytes behind its compressed content",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_member_that_cannot_be_trusted_is_refused(tmp_path, entry, error, problem):
    first = RawEntry(name="first.txt", content=b"a good member in front of the bad one" * 9)
    caught = refusal_of_zip(tmp_path, first, entry)
    assert type(caught) is error
    assert len(caught.problems) == 1
    assert problem in caught.problems[0]
    assert repr(entry.name) in caught.problems[0]


@pytest.mark.parametrize(
    ("lies", "problem"),
    [
        ({"behind": b"more"}, "truncated, or something was appended"),
        ({"in_front": b"PK\3\4 more"}, "bytes are missing from the archive or were added"),
        ({"comment": b"PK\5\6" + bytes(18), "behind": b"x"}, "truncated, or something was"),
        ({"count": 1}, "does not end after the 1 entries"),
        ({"count": 3}, "entry 3 of 3 in its directory is damaged"),
        ({"directory_size": 10}, "bytes are missing"),
        ({"directory_offset": 0}, "bytes are missing"),
        ({"disk": 1}, "split into several"),
    ],
    ids=str,
)
def test_a_directory_that_does_not_add_up_is_refused(tmp_path, lies, problem):
    error = refusal_of_zip(tmp_path, RawEntry(name="a"), RawEntry(name="b"), **lies)
    assert isinstance(error, CorruptArchiveError)
    assert problem in error.problems[0]


def test_two_zips_behind_each_other_are_refused(tmp_path):
    """Who reads from the front sees the first, who reads from the end sees the second."""
    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(RawEntry(content=b"good")) + raw_zip(RawEntry(content=b"evil")))
    assert "were added to it" in refusal(path).problems[0]


def test_end_records_that_contradict_each_other_are_refused(tmp_path):
    plain = raw_zip(RawEntry(name="a"), RawEntry(name="b"))
    directory_end = len(plain) - 22
    _, _, _, count, _, size, start, _ = struct.unpack("<4s4H2LH", plain[-22:])
    for told in ((count - 1, size, start), (count, size - 1, start), (count, size, start + 1)):
        fields = (44, 45, 45, 0, 0, told[0], told[0], told[1], told[2])
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", *fields)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, directory_end, 1)
        path = tmp_path / "cat.mar"
        path.write_bytes(plain[:-22] + record + locator + plain[-22:])
        assert refusal(path).problems == ("its two end records contradict each other",)


# Damage


def sound(form, tmp_path):
    files = with_record(good_files())
    if form == "tgz":
        return make_tar_gz(tmp_path / "cat.tar.gz", files).read_bytes(), files
    method = 8 if form == "deflated" else 0
    return make_mar(tmp_path / "cat.mar", files, method).read_bytes(), files


@pytest.fixture(scope="module", params=["mar", "deflated", "tgz"])
def packed(request, tmp_path_factory):
    """The bytes of a sound archive, and the files that are in it."""
    return sound(request.param, tmp_path_factory.mktemp("sound"))


def outcome(content, folder):
    """What is extracted from an archive of these bytes; None when it is refused."""
    path = folder / "cat.mar"
    path.write_bytes(content)
    try:
        with Archive.open(path) as archive:
            archive.verify()
            archive.extract(folder / "out")
    except ArchiveError:
        assert list(folder.iterdir()) == [path]
        return None
    return files_below(folder / "out")


@settings(deadline=None)
@given(data=st.data())
def test_an_archive_that_was_cut_off_anywhere_is_refused(packed, tmp_path_factory, data):
    content, _ = packed
    cut = data.draw(st.integers(0, len(content) - 1), label="cut")
    assert outcome(content[:cut], tmp_path_factory.mktemp("cut")) is None


@settings(deadline=None)
@given(data=st.data())
def test_flipped_bits_are_refused_or_change_nothing(packed, tmp_path_factory, data):
    """Dates and the like may change; what comes out is what was packed, or nothing at all."""
    content, files = packed
    damaged = bytearray(content)
    flips = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 7))
    for position, bit in data.draw(st.lists(flips, min_size=1, max_size=3), label="flips"):
        damaged[position] ^= 1 << bit
    assert outcome(bytes(damaged), tmp_path_factory.mktemp("flip")) in (None, files)


@settings(deadline=None)
@given(data=st.data())
def test_flipped_bits_in_the_directory_are_refused_or_change_nothing(tmp_path_factory, data):
    content, files = sound("mar", tmp_path_factory.mktemp("sound"))
    damaged = bytearray(content)
    directory = content.index(b"PK\1\2")
    position = data.draw(st.integers(directory, len(content) - 1), label="position")
    damaged[position] = data.draw(st.integers(0, 255), label="byte")
    assert outcome(bytes(damaged), tmp_path_factory.mktemp("flip")) in (None, files)


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_tar_inside_a_sound_gzip_is_refused_or_changes_nothing(tmp_path_factory, data):
    content, files = sound("tgz", tmp_path_factory.mktemp("sound"))
    damaged = bytearray(gzip.decompress(content))
    headers = [offset for offset in range(0, len(damaged), 512) if damaged[offset : offset + 4]]
    position = data.draw(st.sampled_from(headers)) + data.draw(st.integers(0, 511))
    damaged[position] = data.draw(st.integers(0, 255), label="byte")
    path = tmp_path_factory.mktemp("flip")
    assert outcome(gzip.compress(bytes(damaged)), path) in (None, files)


@settings(deadline=None)
@given(content=st.binary(max_size=300), start=st.sampled_from([b"PK\3\4", b"\x1f\x8b\x08", b""]))
def test_any_bytes_at_all_are_refused(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("any") / "cat.mar"
    path.write_bytes(start + content)
    with pytest.raises(InvalidArchiveError):
        Archive.open(path)


@settings(deadline=None)
@given(content=st.binary(max_size=2000))
def test_any_bytes_in_a_gzip_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "cat.tar.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(InvalidArchiveError):
        Archive.open(path)


def test_bytes_behind_a_tar_are_refused(tmp_path):
    """A second archive, which another reader might find."""
    good = tar_of(tar_entry("handler.py", HANDLER))
    evil = tar_of(tar_entry("handler.py", b"evil"))
    assert "bytes behind its end" in refusal_of_gzip(tmp_path, good + evil).problems[0]


def test_a_header_that_is_damaged_does_not_end_a_tar_early(tmp_path):
    """tarfile takes it for the end, so that the members behind it would silently be missing."""
    content = bytearray(tar_of(tar_entry("a.py", HANDLER), tar_entry("b.py", HANDLER)))
    content[1024 + 148] ^= 1
    assert "a header of its tar is damaged" in refusal_of_gzip(tmp_path, bytes(content)).problems[0]


def test_a_gzip_with_a_wrong_checksum_is_refused(tmp_path):
    path = tmp_path / "cat.tar.gz"
    content = bytearray(gzip.compress(tar_of(tar_entry("handler.py", HANDLER))))
    content[-8] ^= 1
    path.write_bytes(content)
    assert "CRC check failed" in refusal(path).problems[0]


def test_a_member_that_is_damaged_on_disk_leaves_nothing_of_the_others(tmp_path):
    path = tmp_path / "cat.mar"
    good = [RawEntry(name=f"deep/{number}.py") for number in range(3)]
    content = bytearray(raw_zip(*good, RawEntry(name="model.pt", content=WEIGHTS)))
    content[content.index(WEIGHTS) + 5000] ^= 1
    path.write_bytes(content)
    assert "'model.pt' has another CRC-32" in refusal(path).problems[0]


def test_verify_names_every_damaged_member(tmp_path):
    path = tmp_path / "cat.mar"
    bad = [
        RawEntry(name="crc.txt", crc=zlib.crc32(b"other")),
        RawEntry(name="stream.txt", method=8, packed=b"\xff\xff"),
        RawEntry(name="good.txt"),
        RawEntry(name="short.txt", method=8, packed=deflated(b"short")),
    ]
    path.write_bytes(raw_zip(*bad))
    with Archive.open(path) as archive, pytest.raises(CorruptArchiveError) as caught:
        archive.verify()
    assert [problem.split("'")[1] for problem in caught.value.problems] == [
        "crc.txt",
        "stream.txt",
        "short.txt",
    ]


def test_verify_names_damaged_members_and_a_damaged_container(tmp_path):
    """A changed member, and behind it a stream that was damaged since it was opened."""
    files = {"a.bin": bytes(300_000), "b.bin": bytes(300_000)}
    changed = {**with_record(files), "a.bin": b"\1" * 300_000}
    path = make_tar_gz(tmp_path / "cat.tar.gz", changed)
    with Archive.open(path) as archive:
        content = path.read_bytes()
        path.write_bytes(content[:-8] + bytes(8))
        with pytest.raises(CorruptArchiveError) as caught:
            archive.verify()
    assert "'a.bin' has another SHA-256" in caught.value.problems[0]
    assert "cannot be unpacked" in caught.value.problems[1]
