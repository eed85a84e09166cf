"""Packing: what is in the archive, in every format, and that it is always the same."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packing import contents, pack_cat, plan_cat, torch_zip, write_sources

from archiver import Manifest, PackError, SourceChangedError, pack
from archiver.destinations.flushed_file import FlushedFile
from archiver.destinations.source_reader import SourceReader
from archiver.destinations.zip import ZipDestination
from archiver.plan import ARCHIVE_FORMATS
from archiver.record import parse_record
from archiver.writer import write

TARGETS = {
    "default": "cat.mar",
    "zip-store": "cat.mar",
    "tgz": "cat.tar.gz",
    "no-archive": "cat",
}
METADATA = ("MAR-INF/MANIFEST.json", "MAR-INF/RECORD")


@pytest.fixture(params=ARCHIVE_FORMATS)
def archive_format(request):
    """Each of the four formats."""
    return request.param


def test_every_format_holds_the_sources_as_they_are(sources, archive_format):
    (sources / "assets" / "deep").mkdir(parents=True)
    (sources / "assets" / "deep" / "noise.bin").write_bytes(bytes(range(256)) * 100)
    (sources / "assets" / "für.txt").write_text("ü")
    (sources / "empty.txt").touch()
    result = pack_cat(archive_format=archive_format, extra_files="assets,empty.txt")

    assert result.path == Path("out", TARGETS[archive_format])
    packed = contents(result.path)
    assert sorted(set(packed) - set(METADATA)) == [
        "deep/noise.bin",
        "empty.txt",
        "für.txt",
        "handler.py",
        "model.py",
        "weights.pt",
    ]
    for member in result.members:
        assert hashlib.sha256(packed[member.name]).hexdigest() == member.sha256
        assert len(packed[member.name]) == member.size
        if member.source is not None:
            assert member.source.read_bytes() == packed[member.name]


def test_the_record_covers_every_member_but_itself(sources, archive_format):
    result = pack_cat(archive_format=archive_format)
    packed = contents(result.path)
    entries = parse_record(packed["MAR-INF/RECORD"])
    assert {(entry.name, entry.size, entry.sha256) for entry in entries} == {
        (name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in packed.items()
        if name != "MAR-INF/RECORD"
    }


def test_the_manifest_is_the_one_that_is_returned(sources, archive_format):
    result = pack_cat(archive_format=archive_format)
    packed = contents(result.path)
    assert Manifest.from_json(packed["MAR-INF/MANIFEST.json"]) == result.manifest


def test_the_size_is_that_of_the_archive(sources, archive_format):
    result = pack_cat(archive_format=archive_format)
    files = [result.path] if result.path.is_file() else result.path.rglob("*")
    assert result.size_bytes == sum(path.stat().st_size for path in files if path.is_file())


def test_the_digest_is_that_of_the_record(sources):
    result = pack_cat()
    record = contents(result.path)["MAR-INF/RECORD"]
    assert result.digest == hashlib.sha256(record).hexdigest()


def test_a_missing_export_path_is_created(sources):
    assert pack_cat(export_path="a/b/c").path.is_file()


def test_the_archive_and_its_name_are_all_that_is_left(sources, archive_format):
    pack_cat(archive_format=archive_format)
    assert [path.name for path in Path("out").iterdir()] == [TARGETS[archive_format]]


def test_an_archive_in_the_folder_that_is_packed_does_not_hold_itself(sources, archive_format):
    for _ in range(2):
        result = pack_cat(
            archive_format=archive_format, extra_files=".", export_path=".", force=True
        )
    assert not any("cat" in name for name in contents(result.path))


def test_it_does_so_by_whatever_path_the_folder_is_given(sources):
    Path("out").mkdir()
    pack_cat(export_path=".")
    result = pack_cat(export_path="out/..", extra_files=sources, force=True)
    assert "cat.mar" not in contents(result.path)


def test_a_new_archive_can_be_read_by_whom_the_umask_lets(sources):
    before = os.umask(0o027)
    try:
        result = pack_cat()
    finally:
        os.umask(before)
    assert result.path.stat().st_mode & 0o777 == 0o640


def frozen_copy(folder, mtime):
    write_sources(folder)
    for path in folder.iterdir():
        os.utime(path, (mtime, mtime))
        path.chmod(0o600 if mtime else 0o755)
    return folder


@pytest.mark.parametrize("archive_format", ["default", "zip-store", "tgz"])
def test_same_inputs_give_same_bytes_wherever_and_whenever(tmp_path, monkeypatch, archive_format):
    packed = []
    for name, mtime in (("one", 0), ("two", 1_700_000_000)):
        monkeypatch.chdir(frozen_copy(tmp_path / name, mtime))
        packed.append(pack_cat(archive_format=archive_format).path.read_bytes())
    assert packed[0] == packed[1]


def test_the_order_of_the_arguments_does_not_matter(sources):
    (sources / "a.txt").touch()
    one = pack_cat(extra_files="a.txt,index_to_name.json").path.read_bytes()
    other = pack_cat(extra_files="index_to_name.json,a.txt", force=True).path.read_bytes()
    assert one == other


def test_members_have_the_first_day_that_a_zip_knows(sources):
    with zipfile.ZipFile(pack_cat().path) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_no_creation_date_is_invented(sources):
    assert pack_cat().manifest.created_on is None


def test_source_date_epoch_dates_the_members_and_the_manifest(sources, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    result = pack_cat()
    with zipfile.ZipFile(result.path) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
    assert result.manifest.created_on == "14/11/2023 22:13:20"


@pytest.mark.parametrize(("epoch", "year"), [("0", 1980), ("99999999999999", 2107)])
def test_a_date_that_no_zip_knows_becomes_the_nearest(sources, monkeypatch, epoch, year):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with zipfile.ZipFile(pack_cat().path) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {year}


def test_a_source_from_before_1980_is_packed(sources, archive_format):
    os.utime("weights.pt", (0, 0))
    assert contents(pack_cat(archive_format=archive_format).path)["weights.pt"] == torch_zip()


@pytest.mark.parametrize(
    "change", ["grows", "shrinks", "is rewritten", "is replaced", "is removed"]
)
def test_a_source_that_changed_since_the_plan_is_an_error(sources, change, archive_format):
    plan = plan_cat(archive_format=archive_format)
    weights = sources / "weights.pt"
    content = weights.read_bytes()
    match change:
        case "grows":
            weights.write_bytes(content + b"x")
        case "shrinks":
            weights.write_bytes(content[:-1])
        case "is rewritten":
            weights.write_bytes(content[::-1])
            os.utime(weights, ns=(0, plan.members[-1].state.modified_ns + 1))
        case "is removed":
            weights.unlink()
        case "is replaced":
            (sources / "new.pt").write_bytes(content)
            (sources / "new.pt").replace(weights)
    with pytest.raises(SourceChangedError, match=r"weights\.pt changed"):
        write(plan)
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize("size", [100, 5 << 20], ids=["small", "large"])
def test_a_source_that_changes_while_it_is_read_is_an_error(sources, monkeypatch, size):
    (sources / "weights.pt").write_bytes(torch_zip(size))
    plan = plan_cat()
    write_header = ZipDestination._begin

    def append_meanwhile(self, name, *rest, **options):
        if name == "weights.pt":
            with Path(name).open("ab") as file:
                file.write(b"more")
        return write_header(self, name, *rest, **options)

    monkeypatch.setattr(ZipDestination, "_begin", append_meanwhile)
    with pytest.raises(SourceChangedError):
        write(plan)
    assert list(Path("out").iterdir()) == []


def test_a_source_that_is_rewritten_in_place_while_it_is_read_is_an_error(sources):
    """Its size is the same; when it was written to is not."""
    weights = next(each for each in plan_cat().members if each.name == "weights.pt")
    content = weights.source.read_bytes()

    def rewrite(chunk):
        weights.source.write_bytes(content[::-1])
        os.utime(weights.source, ns=(0, weights.state.modified_ns + 1))

    with SourceReader() as reader, pytest.raises(SourceChangedError):
        reader.read(weights, rewrite)


def test_a_disk_that_is_full_leaves_the_old_archive_and_no_litter(sources, monkeypatch):
    old = pack_cat().path.read_bytes()

    def no_space(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FlushedFile, "_write_all", no_space)
    with pytest.raises(PackError, match=r"cat\.mar could not be written: No space left on device$"):
        pack_cat(force=True)
    assert [path.name for path in Path("out").iterdir()] == ["cat.mar"]
    assert Path("out/cat.mar").read_bytes() == old


names = st.from_regex(r"[a-z0-9_=,+ü -]{1,12}", fullmatch=True).filter(
    lambda name: name == name.strip()
)
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join),
    st.binary(max_size=9000) | st.text(max_size=300).map(str.encode),
    min_size=1,
    max_size=6,
)


def is_tree(files):
    """Tell whether no file is another's folder, in whatever case."""
    return not any(one != other and other.startswith(f"{one}/") for one in files for other in files)


@given(trees.filter(is_tree), st.sampled_from(ARCHIVE_FORMATS))
@settings(max_examples=30, deadline=None)
def test_any_folder_of_files_comes_out_as_it_went_in(files, archive_format):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, "data", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        Path(folder, "h4ndler.py").write_text("def handle(data, context): ...")
        result = pack(
            model_name="cat",
            version="1",
            handler=Path(folder, "h4ndler.py"),
            extra_files=Path(folder, "data"),
            export_path=Path(folder, "out"),
            archive_format=archive_format,
        )
        packed = contents(result.path)
    assert {name: packed[name] for name in files} == files


MEASURE = """
import re, sys
from pathlib import Path
import archiver
archiver.pack(model_name="big", version="1", handler="handler.py", serialized_file="big.pt",
              archive_format=sys.argv[1])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the most memory that was used")
def test_memory_stays_below_64_mib_whatever_the_size_of_the_weights(sources, archive_format):
    with Path("big.pt").open("wb") as file:
        file.truncate(256 << 20)
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, archive_format], check=True, capture_output=True, text=True
    )
    assert int(measured.stdout) < 64 * 1024
