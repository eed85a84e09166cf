"""The bytes of a ``.mar``: what readers that map it, stream it, or know zip64 rely on."""

import struct
import zipfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from packing import pack_cat

from archiver.destinations.source_reader import SourceReader
from archiver.destinations.zip import ZipDestination
from archiver.destinations.zip_format import ZipEntry
from archiver.plan import FileState, PlannedMember

ALIGNMENT = 4096
ALIGNMENT_FIELD = 0xD935
DATA_DESCRIPTOR_FLAG = 1 << 3
UTF8_FLAG = 1 << 11
IN_1980 = 315532800


@dataclass
class LocalHeader:
    """What stands before a member's content."""

    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    name: bytes
    extra: dict[int, bytes]
    data_offset: int


def local_header(archive, info):
    """Read a member's local header from the archive's bytes."""
    fixed = struct.Struct("<4sHHHHHLLLHH")
    data = archive.read_bytes()
    fields = fixed.unpack_from(data, info.header_offset)
    assert fields[0] == b"PK\x03\x04"
    name_at = info.header_offset + fixed.size
    extra_at = name_at + fields[9]
    data_at = extra_at + fields[10]
    return LocalHeader(
        flags=fields[2],
        method=fields[3],
        crc=fields[6],
        compressed_size=fields[7],
        size=fields[8],
        name=data[name_at:extra_at],
        extra=extra_fields(data[extra_at:data_at]),
        data_offset=data_at,
    )


def extra_fields(data):
    fields = {}
    while data:
        identifier, size = struct.unpack_from("<HH", data)
        fields[identifier] = data[4 : 4 + size]
        assert len(fields[identifier]) == size
        data = data[4 + size :]
    return fields


def infos(archive):
    with zipfile.ZipFile(archive) as file:
        return file.infolist()


@pytest.fixture
def archive(sources):
    """An archive with members of every kind, in names of many lengths."""
    (sources / "data").mkdir()
    for length in range(1, 40):
        (sources / "data" / ("n" * length)).write_bytes(bytes([length, 0]) * 2048)
    (sources / "data" / "short.bin").write_bytes(bytes(4095))
    (sources / "data" / "größe.bin").write_bytes(bytes(4096))
    (sources / "data" / "empty").touch()
    (sources / "data" / "long.txt").write_text("text\n" * 5000)
    return pack_cat(extra_files="data").path


def test_the_content_of_every_large_stored_member_begins_at_a_multiple_of_4096(archive):
    large = [info for info in infos(archive) if info.compress_type == 0 and info.file_size >= 4096]
    assert len(large) == 41
    data = archive.read_bytes()
    for info in large:
        offset = local_header(archive, info).data_offset
        assert offset % ALIGNMENT == 0, info.filename
        assert zlib.crc32(data[offset : offset + info.file_size]) == info.CRC


@pytest.mark.parametrize("is_large", [False, True])
def test_content_can_be_aligned_wherever_its_header_begins(is_large):
    for offset in range(ALIGNMENT):
        entry = ZipEntry("name", 0, IN_1980, offset, is_large)
        entry.align(ALIGNMENT)
        header = entry.local_header(ALIGNMENT)
        assert (offset + len(header)) % ALIGNMENT == 0
        assert len(header) < 2 * ALIGNMENT


def test_small_and_deflated_members_are_not_padded(archive):
    for info in infos(archive):
        if info.compress_type == 8 or info.file_size < 4096:
            assert ALIGNMENT_FIELD not in local_header(archive, info).extra, info.filename


def test_the_padding_is_in_the_local_header_only(archive):
    padded = 0
    for info in infos(archive):
        padded += ALIGNMENT_FIELD in local_header(archive, info).extra
        assert info.extra == b"", info.filename
    assert padded > 0


def test_the_padding_says_the_alignment_as_androids_does(archive):
    for info in infos(archive):
        field = local_header(archive, info).extra.get(ALIGNMENT_FIELD)
        if field is not None:
            assert struct.unpack_from("<H", field) == (ALIGNMENT,)
            assert not any(field[2:])


def test_a_reader_that_streams_finds_sizes_and_crc_before_the_content(archive):
    for info in infos(archive):
        header = local_header(archive, info)
        assert not header.flags & DATA_DESCRIPTOR_FLAG
        assert (header.size, header.compressed_size) == (info.file_size, info.compress_size)
        assert (header.crc, header.method) == (info.CRC, info.compress_type)


def test_text_is_deflated_and_all_else_stored(archive):
    methods = {info.filename: info.compress_type for info in infos(archive)}
    assert methods["long.txt"] == methods["handler.py"] == zipfile.ZIP_DEFLATED
    assert methods["MAR-INF/MANIFEST.json"] == methods["MAR-INF/RECORD"] == zipfile.ZIP_DEFLATED
    assert methods["weights.pt"] == methods["short.bin"] == methods["empty"] == zipfile.ZIP_STORED


def test_with_zip_store_everything_is_stored_and_aligned(sources):
    (sources / "long.txt").write_text("text\n" * 5000)
    archive = pack_cat(extra_files="long.txt", archive_format="zip-store").path
    assert {info.compress_type for info in infos(archive)} == {zipfile.ZIP_STORED}
    (long,) = (info for info in infos(archive) if info.filename == "long.txt")
    assert local_header(archive, long).data_offset % ALIGNMENT == 0


def test_only_names_that_need_it_are_marked_as_utf8(archive):
    for info in infos(archive):
        assert bool(info.flag_bits & UTF8_FLAG) == (not info.filename.isascii())
        assert info.filename.encode() == local_header(archive, info).name


def test_members_are_regular_files_that_all_may_read(archive):
    assert {info.external_attr >> 16 for info in infos(archive)} == {0o100644}


def test_the_manifest_is_first_and_the_record_last(archive):
    names = [info.filename for info in infos(archive)]
    assert (names[0], names[-1]) == ("MAR-INF/MANIFEST.json", "MAR-INF/RECORD")
    assert names[1:-1] == sorted(names[1:-1])


def planned(path, *, deflate):
    return PlannedMember(path.name, path, FileState.of(path.stat()), deflate)


def zip_with_limit(tmp_path, limit):
    """A zip whose records change to their longer form at *limit*."""
    text, noise = tmp_path / "text.txt", tmp_path / "noise.bin"
    text.write_text("text\n" * 2000)
    noise.write_bytes(bytes(range(256)) * 20)
    target = tmp_path / "small.mar"
    with (
        SourceReader() as reader,
        closing(
            ZipDestination(target, reader, IN_1980, deflate_texts=True, zip64_limit=limit)
        ) as made,
    ):
        made.add(planned(text, deflate=True))
        made.add(planned(noise, deflate=False))
        made.add_text("short", "s")
        made.finish()
    return target


@pytest.mark.parametrize("limit", [1, 100, 5120, 6000, 8000])
def test_zip64_records_are_read_back_wherever_they_begin(tmp_path, limit):
    target = zip_with_limit(tmp_path, limit)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.read("text.txt") == (tmp_path / "text.txt").read_bytes()
        assert archive.read("noise.bin") == (tmp_path / "noise.bin").read_bytes()
        assert archive.read("short") == b"s"


def test_a_large_members_local_header_has_both_sizes_in_their_longer_form(tmp_path):
    target = zip_with_limit(tmp_path, 1)
    for info in infos(target):
        header = local_header(target, info)
        assert header.size == header.compressed_size == 0xFFFFFFFF
        sizes = struct.unpack("<QQ", header.extra[1])
        assert sizes == (info.file_size, info.compress_size)


def test_zip64_content_is_aligned_too(tmp_path):
    target = zip_with_limit(tmp_path, 1)
    (noise,) = (info for info in infos(target) if info.filename == "noise.bin")
    assert local_header(target, noise).data_offset % ALIGNMENT == 0


def test_nothing_is_written_in_zip64s_form_without_need(archive):
    data = archive.read_bytes()
    assert b"PK\x06\x06" not in data
    assert all(1 not in local_header(archive, info).extra for info in infos(archive))


@pytest.mark.slow
def test_more_members_than_the_plain_end_record_counts_are_packed(tmp_path):
    target = tmp_path / "many.mar"
    with (
        SourceReader() as reader,
        closing(ZipDestination(target, reader, IN_1980, deflate_texts=False)) as made,
    ):
        for number in range(0x10000):
            made.add_text(f"{number}", "")
        made.finish()
    assert len(infos(target)) == 0x10000


@pytest.mark.slow
def test_weights_of_more_than_4_gib_are_packed_and_what_follows_them_too(sources):
    size = (4 << 30) + (100 << 20)
    with Path("big.pt").open("wb") as file:
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    Path("z.bin").write_bytes(bytes(range(256)))
    archive = pack_cat(serialized_file="big.pt", extra_files="z.bin").path
    with zipfile.ZipFile(archive) as packed:
        assert packed.getinfo("big.pt").file_size == size
        assert packed.getinfo("z.bin").header_offset > 0xFFFFFFFF
        assert packed.read("z.bin") == bytes(range(256))
        assert packed.testzip() is None
