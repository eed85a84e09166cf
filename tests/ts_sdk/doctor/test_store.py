"""A folder of archives."""

import pytest
from archives import MANIFEST, make_mar, make_tar_gz, manifest_of

from ts_sdk.doctor import archives_in, examine_store, is_store

HANDLER = b"def handle(data, context):\n    return data\n"
FILES = {"handler.py": HANDLER, MANIFEST: manifest_of()}


@pytest.fixture
def store(tmp_path):
    """One archive of each form, and what lies in a model store besides."""
    folder = tmp_path / "store"
    folder.mkdir()
    make_mar(folder / "b.mar", FILES)
    make_tar_gz(folder / "c.tar.gz", FILES)
    make_tar_gz(folder / "d.tgz", FILES)
    (folder / "a" / "MAR-INF").mkdir(parents=True)
    (folder / "a" / "handler.py").write_bytes(HANDLER)
    (folder / "a" / MANIFEST).write_bytes(manifest_of())
    (folder / "e").mkdir()
    (folder / "e" / "my_handler.py").write_bytes(HANDLER)
    (folder / "logs").mkdir()
    (folder / ".cache").mkdir()
    (folder / ".cache" / "handler.py").write_bytes(HANDLER)
    (folder / "config.properties").write_text("inference_address=http://127.0.0.1:8080\n")
    return folder


def test_every_form_of_archive_in_a_folder_is_found_and_nothing_else(store):
    assert is_store(store)
    assert [path.name for path in archives_in(store)] == ["a", "b.mar", "c.tar.gz", "d.tgz", "e"]


def test_an_archive_is_no_store(store, tmp_path):
    assert not is_store(store / "b.mar")
    assert not is_store(store / "a")
    assert not is_store(store / "e")
    assert not is_store(store / "logs")
    assert not is_store(tmp_path / "nowhere")


def test_a_folder_of_sources_with_a_package_of_handlers_is_an_archive(tmp_path):
    (tmp_path / "handler.py").write_bytes(HANDLER)
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "handler.py").write_bytes(HANDLER)

    assert not is_store(tmp_path)


def test_a_folder_of_sources_with_what_was_packed_of_them_is_a_store(tmp_path):
    (tmp_path / "handler.py").write_bytes(HANDLER)
    make_mar(tmp_path / "cat.mar", FILES)

    assert [path.name for path in archives_in(tmp_path)] == ["cat.mar"]
    assert is_store(tmp_path)


def test_one_bad_archive_never_stops_the_rest(store):
    (store / "b.mar").write_bytes(b"PK\3\4 cut off")
    reports = examine_store(store)

    assert [report.path.name for report in reports if not report.was_opened] == ["b.mar"]
    assert {report.verdict for report in reports if report.was_opened} == {"runs"}


def test_forty_archives_are_examined_one_by_one(tmp_path):
    for number in range(40):
        content = FILES if number % 4 else {"x": b"1"}
        make_mar(tmp_path / f"{number:02}.mar", content)
    (tmp_path / "39.mar").write_bytes(b"")
    reports = examine_store(tmp_path)

    assert len(reports) == 40
    assert sum(report.verdict == "runs" for report in reports[:39]) >= 29
