"""``--sample``: requests that an archive keeps below ``MAR-INF/samples/``."""

import json
from pathlib import Path

import pytest
from packing import contents, pack_cat, plan_cat, problems_of, the_problem

import archiver
from archiver.cli import main
from archiver.samples import GOLDEN_SUFFIX, is_sample_member, sample_names

JPEG = b"\xff\xd8\xff\xe0 a cat"
REQUEST = json.dumps({"version": 1, "parts": [{"name": "body", "file": "body.txt"}]})
FORMATS = {"default": "cat.mar", "zip-store": "cat.mar", "tgz": "cat.tar.gz", "no-archive": "cat"}


@pytest.fixture
def samples(sources):
    """Beside the sources: a folder with a file and a stored request, each with golden answers."""
    folder = sources / "samples"
    (folder / "greeting").mkdir(parents=True)
    (folder / "cat.jpg").write_bytes(JPEG)
    (folder / "cat.jpg.golden.json").write_text("{}")
    (folder / "greeting/request.json").write_text(REQUEST)
    (folder / "greeting/body.txt").write_text("hello")
    (folder / "greeting.golden.json").write_text("{}")
    (folder / ".DS_Store").write_text("litter")
    return folder


def kept(archive):
    """The members of an archive that are samples, without their folder."""
    found = contents(archive).items()
    return {
        name.removeprefix("MAR-INF/samples/"): content
        for name, content in found
        if is_sample_member(name)
    }


ALL = {
    "cat.jpg": JPEG,
    "cat.jpg.golden.json": b"{}",
    "greeting/request.json": REQUEST.encode(),
    "greeting/body.txt": b"hello",
    "greeting.golden.json": b"{}",
}


@pytest.mark.parametrize("archive_format", FORMATS)
def test_samples_are_kept_in_every_format_and_recorded(samples, archive_format):
    packed = pack_cat(archive_format=archive_format, samples=[samples])
    assert packed.path.name == FORMATS[archive_format]
    assert kept(packed.path) == ALL
    with archiver.Archive.open(packed.path) as archive:
        recorded = {entry.name for entry in archive.record}
        assert recorded >= {f"MAR-INF/samples/{name}" for name in ALL}
        assert archive.read("MAR-INF/samples/cat.jpg") == JPEG
        archive.verify()


@pytest.mark.parametrize("archive_format", FORMATS)
def test_an_inspection_tells_samples_from_other_members(samples, archive_format):
    packed = pack_cat(archive_format=archive_format, samples=samples)
    with archiver.Archive.open(packed.path) as archive:
        facts = archiver.inspect(archive)
    found = {each.member.name for each in facts.members if each.kind == "sample"}
    assert found == {f"MAR-INF/samples/{name}" for name in ALL}
    assert facts.record == "agrees"
    assert facts.manifest.model.serialized_file == "weights.pt"


@pytest.mark.parametrize("archive_format", FORMATS)
def test_samples_come_out_when_the_archive_is_unpacked(samples, archive_format):
    packed = pack_cat(archive_format=archive_format, samples=samples)
    with archiver.Archive.open(packed.path) as archive:
        archive.extract("unpacked")
    assert kept(Path("unpacked")) == ALL


@pytest.mark.parametrize("given", ["samples/greeting", "samples/greeting/"])
def test_a_stored_request_keeps_its_folder(samples, given):
    names = kept(pack_cat(samples=given).path).keys()
    assert names == {"greeting/request.json", "greeting/body.txt", "greeting.golden.json"}


def test_a_stored_request_can_be_the_current_folder(samples, monkeypatch):
    monkeypatch.chdir(samples / "greeting")
    packed = archiver.pack(
        model_name="cat",
        version="1",
        handler="../../handler.py",
        samples=".",
        export_path="../../out",
    )
    assert kept(packed.path).keys() == {
        "greeting/request.json",
        "greeting/body.txt",
        "greeting.golden.json",
    }


def test_a_single_file_is_kept_with_its_golden_answers(samples):
    assert kept(pack_cat(samples=samples / "cat.jpg").path) == {
        "cat.jpg": JPEG,
        "cat.jpg.golden.json": b"{}",
    }


def test_a_sample_that_is_given_twice_is_kept_once(samples):
    assert kept(pack_cat(samples=["samples", "samples/cat.jpg", samples / "greeting"]).path) == ALL


def test_same_samples_give_same_bytes(samples):
    first = pack_cat(samples=samples, export_path="first").path
    (samples / "cat.jpg").touch()
    second = pack_cat(samples=["samples/greeting", "samples/cat.jpg"], export_path="second").path
    assert first.read_bytes() == second.read_bytes()


def test_an_archive_without_samples_is_as_it_was(samples):
    assert kept(pack_cat(samples=[]).path) == {}
    assert pack_cat(export_path="other").path.read_bytes() == Path("out/cat.mar").read_bytes()


def test_texts_are_deflated_and_pictures_stored(samples):
    methods = {member.name: member.deflate for member in plan_cat(samples=samples).members}
    assert methods["MAR-INF/samples/greeting/body.txt"]
    assert not methods["MAR-INF/samples/cat.jpg"]


def test_an_archive_can_be_packed_into_the_folder_of_its_samples(samples):
    for _ in range(2):
        packed = pack_cat(samples="samples", export_path="samples", force=True)
        assert kept(packed.path) == ALL


def test_two_samples_of_one_name_are_refused(samples):
    (samples / "greeting/cat.jpg").write_bytes(b"another")
    problem = the_problem(samples=["samples/cat.jpg", "samples/greeting/cat.jpg"])
    assert problem == (
        "the sample samples/cat.jpg and the sample samples/greeting/cat.jpg would both become "
        "'MAR-INF/samples/cat.jpg'; rename one of them"
    )


def test_names_that_differ_only_in_case_are_refused(samples):
    (samples / "CAT.jpg").write_bytes(JPEG)
    assert "differ only in case" in the_problem(samples=["samples/cat.jpg", "samples/CAT.jpg"])


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("samples/gone.jpg", "the sample samples/gone.jpg does not exist"),
        ("samples/greeting/request.json", "is a part of one: give its folder"),
        ("samples/cat.jpg.golden.json", "holds golden answers: give the sample"),
        ("samples/.DS_Store", "begins with a dot"),
        ("empty", "the folder empty holds no samples"),
        ("nested", "the folder nested/deep is no sample: it has no request.json"),
    ],
)
def test_what_is_no_sample_is_refused(samples, given, complaint):
    Path("empty").mkdir()
    Path("nested/deep").mkdir(parents=True)
    assert complaint in the_problem(samples=given)


def test_a_stored_request_holds_files_only(samples):
    (samples / "greeting/deep").mkdir()
    assert "samples/greeting/deep" in the_problem(samples="samples/greeting")


def test_all_problems_are_named_together(samples):
    found = problems_of(samples=["gone", "samples/greeting/request.json"], version="")
    assert len(found) == 3


@pytest.mark.parametrize("place", ["MAR-INF/samples/", "mar-inf/samples/cat.jpg"])
def test_extra_files_do_not_become_samples(samples, place):
    problem = the_problem(extra_files=f"samples/cat.jpg={place}")
    assert "MAR-INF is reserved" in problem


def test_an_extra_file_in_the_place_of_a_sample_is_refused(samples):
    found = problems_of(
        extra_files="index_to_name.json=MAR-INF/samples/cat.jpg", samples="samples/cat.jpg"
    )
    assert any("MAR-INF is reserved" in problem for problem in found)
    assert any("would both become" in problem for problem in found)


def test_the_command_takes_samples_repeatedly(samples, capsys):
    words = "--model-name cat --version 1 --handler handler.py"
    status = main(f"{words} --sample samples/cat.jpg --sample samples/greeting".split())
    assert (status, capsys.readouterr().err) == (0, "")
    assert kept(Path("cat.mar")) == ALL


def test_the_names_of_samples_are_those_of_files_and_of_folders():
    names = [*ALL, ".cat.jpg.1234.part", "greeting/more.json", f"gone{GOLDEN_SUFFIX}"]
    assert sample_names(names) == ("cat.jpg", "greeting")
