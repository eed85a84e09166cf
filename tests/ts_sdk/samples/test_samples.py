"""Samples of archives and of folders."""

from pathlib import Path

import pytest

import archiver
from ts_sdk import Request
from ts_sdk.samples import SampleError, read_samples, samples_of

FORMATS = ("default", "zip-store", "tgz", "no-archive")


@pytest.mark.parametrize("archive_format", FORMATS)
def test_an_archive_gives_its_samples_without_being_unpacked(pack_classifier, archive_format):
    packed = pack_classifier(archive_format=archive_format)
    with archiver.Archive.open(packed) as archive:
        found = samples_of(archive)
    assert found == samples_of(packed) == samples_of(str(packed)) == read_samples("samples")
    assert [sample.name for sample in found] == ["cat.jpg", "red"]
    cat, red = found
    assert cat.request == Request.sent(Path("samples/cat.jpg"))
    assert red.request.content_types == {"data": "image/jpeg"}
    assert cat.goldens == red.goldens == ()


def test_a_sample_is_answered_like_any_request(pack_classifier, load):
    packed = pack_classifier()
    model = load(packed)
    cat, red = samples_of(packed)
    assert model.predict(cat.request) == model.predict(Path("samples/cat.jpg"))
    assert model.predict(red.request) != model.predict(cat.request)


def test_the_running_handler_finds_no_samples_in_its_folder(pack_classifier, load):
    folder = Path(load(pack_classifier()).context.system_properties["model_dir"])
    assert (folder / "net.py").is_file()
    assert not (folder / "MAR-INF/samples").exists()


def test_an_archive_without_samples_has_none(pack_classifier):
    assert samples_of(pack_classifier(samples=())) == ()


def test_a_folder_of_sources_has_samples_where_an_archive_has_them(folder):
    Path("MAR-INF").mkdir()
    Path("samples").rename("MAR-INF/samples")
    assert [sample.name for sample in samples_of(".")] == ["cat.jpg", "red"]


def test_what_is_hidden_and_golden_answers_are_no_samples(folder):
    Path("samples/.cat.jpg.0123.part").write_text("a draft")
    Path("samples/cat.jpg.golden.json").write_text('{"version": 1, "answers": []}')
    assert [sample.name for sample in read_samples("samples")] == ["cat.jpg", "red"]


@pytest.mark.parametrize("name", ["gone", "net.py"])
def test_what_is_no_folder_has_no_samples(folder, name):
    with pytest.raises(SampleError, match=f"{name} is no folder of samples"):
        read_samples(name)


def test_a_folder_without_samples_says_so(folder):
    Path("empty").mkdir()
    with pytest.raises(SampleError, match="the folder empty holds no samples"):
        read_samples("empty")


def test_a_folder_among_samples_that_is_no_request_is_refused(folder):
    Path("samples/red/request.json").unlink()
    with pytest.raises(SampleError, match=r"red.request\.json is not there"):
        read_samples("samples")


def test_a_broken_stored_request_in_an_archive_names_the_member(pack_classifier):
    Path("samples/red/request.json").write_text("{")
    packed = pack_classifier()
    with pytest.raises(
        SampleError, match=r"net\.mar: MAR-INF/samples/red/request\.json is no JSON"
    ):
        samples_of(packed)


def test_a_part_that_an_archive_lacks_is_named(pack_classifier):
    Path("samples/red/data.jpg").unlink()
    packed = pack_classifier()
    with pytest.raises(SampleError, match=r"'data': .*red/data\.jpg is not in the archive"):
        samples_of(packed)


def test_a_sample_that_is_not_what_its_suffix_says_is_refused(folder):
    Path("samples/bad.json").write_text("{")
    with pytest.raises(SampleError, match=r"bad\.json is not valid JSON"):
        read_samples("samples")
