"""Publishing: what may be replaced, and that it is replaced in one step."""

import errno
import os
from pathlib import Path

import pytest
from packing import contents, pack_cat

from archiver import TargetExistsError
from archiver.publishing import publication, renaming
from archiver.publishing.publication import publish


@pytest.fixture
def draft(tmp_path):
    """A finished draft, a file."""
    path = tmp_path / ".cat.mar.draft"
    path.write_text("new")
    return path


@pytest.fixture
def target(tmp_path):
    """The name for it."""
    return tmp_path / "cat.mar"


@pytest.fixture
def folder(sources):
    """A folder that this program made."""
    return pack_cat(archive_format="no-archive").path


def pack_again(**changes):
    return pack_cat(archive_format="no-archive", force=True, **changes)


def without(monkeypatch, number, *functions):
    """Make functions of the system fail as where they are not to be had."""

    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    for owner, name in functions:
        monkeypatch.setattr(owner, name, fail)


NO_LINKS = (Path, "hardlink_to")
NO_RENAMEAT2 = (renaming, "_renameat2")


@pytest.mark.parametrize("missing", [(), (NO_LINKS,), (NO_LINKS, NO_RENAMEAT2)])
def test_a_file_is_published_where_there_is_none(draft, target, monkeypatch, missing):
    without(monkeypatch, errno.EOPNOTSUPP, *missing)
    publish(draft, target, is_folder=False, force=False)
    assert target.read_text() == "new"


@pytest.mark.parametrize("missing", [(), (NO_LINKS,), (NO_LINKS, NO_RENAMEAT2)])
def test_a_file_that_came_meanwhile_is_not_replaced(draft, target, monkeypatch, missing):
    without(monkeypatch, errno.EOPNOTSUPP, *missing)
    target.write_text("somebody's")
    with pytest.raises(TargetExistsError, match="--force"):
        publish(draft, target, is_folder=False, force=False)
    assert target.read_text() == "somebody's"


def test_a_file_is_replaced_when_that_was_asked_for(draft, target):
    target.write_text("old")
    publish(draft, target, is_folder=False, force=True)
    assert target.read_text() == "new"


def test_a_link_is_replaced_itself_and_what_it_leads_to_stays(draft, target, tmp_path):
    (tmp_path / "other.mar").write_text("somebody's")
    target.symlink_to("other.mar")
    publish(draft, target, is_folder=False, force=True)
    assert not target.is_symlink()
    assert (tmp_path / "other.mar").read_text() == "somebody's"


def test_a_link_that_leads_nowhere_is_in_the_way_as_well(draft, target):
    target.symlink_to("nowhere")
    with pytest.raises(TargetExistsError):
        publish(draft, target, is_folder=False, force=False)
    assert target.is_symlink()


def test_a_folder_is_never_replaced_by_a_file(draft, target):
    target.mkdir()
    with pytest.raises(TargetExistsError, match="it is no file"):
        publish(draft, target, is_folder=False, force=True)
    assert target.is_dir()


def test_a_folder_of_our_own_is_replaced(folder):
    (Path("index_to_name.json")).write_text('{"0": "lion"}')
    pack_again()
    assert contents(folder)["index_to_name.json"] == b'{"0": "lion"}'
    assert [path.name for path in folder.parent.iterdir()] == ["cat"]


def test_a_folder_is_replaced_in_two_steps_where_the_system_has_no_exchange(folder, monkeypatch):
    without(monkeypatch, errno.ENOSYS, NO_RENAMEAT2)
    Path("index_to_name.json").write_text('{"0": "lion"}')
    pack_again()
    assert contents(folder)["index_to_name.json"] == b'{"0": "lion"}'
    assert [path.name for path in folder.parent.iterdir()] == ["cat"]


def test_the_old_folder_comes_back_when_the_second_step_fails(folder, monkeypatch):
    before = contents(folder)
    without(monkeypatch, errno.ENOSYS, NO_RENAMEAT2)
    without(monkeypatch, errno.EIO, (publication, "rename_to_new"))
    with pytest.raises(Exception, match="Input/output error"):
        pack_again()
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["cat"]


def test_a_folder_is_not_replaced_unless_that_was_asked_for(folder):
    before = contents(folder)
    with pytest.raises(TargetExistsError, match="--force"):
        pack_cat(archive_format="no-archive")
    assert contents(folder) == before


def test_an_empty_folder_is_not_replaced_though_the_system_would(sources):
    Path("out/cat").mkdir(parents=True)
    with pytest.raises(TargetExistsError):
        pack_cat(archive_format="no-archive")
    with pytest.raises(TargetExistsError, match="mar-pack did not make"):
        pack_again()


def test_a_folder_that_came_meanwhile_is_not_replaced(sources, monkeypatch):
    def come_meanwhile(*arguments, **options):
        Path("out/cat").mkdir()
        publish(*arguments, **options)

    monkeypatch.setattr("archiver.writer.publish", come_meanwhile)
    with pytest.raises(TargetExistsError):
        pack_cat(archive_format="no-archive")
    assert [path.name for path in Path("out").iterdir()] == ["cat"]
    assert list(Path("out/cat").iterdir()) == []


def add_a_file(folder):
    (folder / "notes.txt").write_text("mine")


def add_a_file_below(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "notes.txt").write_text("mine")


def edit_a_file(folder):
    content = (folder / "handler.py").read_bytes()
    (folder / "handler.py").write_bytes(content.replace(b"Cat", b"Dog"))
    os.utime(folder / "handler.py", (2**31, 2**31))


def lengthen_a_file(folder):
    with (folder / "handler.py").open("a") as file:
        file.write("# mine\n")


def put_a_link_in(folder):
    (folder / "handler.py").unlink()
    (folder / "handler.py").symlink_to("model.py")


def remove_the_record(folder):
    (folder / "MAR-INF" / "RECORD").unlink()


def remove_the_manifest(folder):
    (folder / "MAR-INF" / "MANIFEST.json").unlink()


def garble_the_record(folder):
    (folder / "MAR-INF" / "RECORD").write_text("mine")


@pytest.mark.parametrize(
    "change",
    [
        add_a_file,
        add_a_file_below,
        edit_a_file,
        lengthen_a_file,
        put_a_link_in,
        remove_the_record,
        remove_the_manifest,
        garble_the_record,
    ],
)
def test_a_folder_with_anything_of_somebody_elses_in_it_is_not_replaced(folder, change):
    change(folder)
    before = contents(folder)
    with pytest.raises(TargetExistsError, match="mar-pack"):
        pack_again()
    assert contents(folder) == before


def test_what_is_in_the_way_is_named(folder):
    add_a_file(folder)
    with pytest.raises(TargetExistsError, match=r"'notes\.txt' in it was added or changed"):
        pack_again()


def test_a_folder_that_was_run_or_copied_is_still_our_own(folder):
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "handler.cpython-311.pyc").touch()
    os.utime(folder / "handler.py", (2**31, 2**31))
    pack_again()
    assert not (folder / "__pycache__").exists()


def test_a_folder_that_is_exchanged_for_another_at_the_last_moment_comes_back(folder, monkeypatch):
    exchange = publication.exchange
    once = []

    def exchange_late(draft, target):
        if not once:
            once.append(1)
            add_a_file(target)
        return exchange(draft, target)

    monkeypatch.setattr(publication, "exchange", exchange_late)
    with pytest.raises(TargetExistsError, match=r"notes\.txt"):
        pack_again()
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in folder.parent.iterdir()] == ["cat"]


def test_a_file_is_never_replaced_by_a_folder(sources):
    Path("out").mkdir()
    Path("out/cat").write_text("somebody's")
    with pytest.raises(TargetExistsError, match="it is no folder"):
        pack_again()
    assert Path("out/cat").read_text() == "somebody's"


def test_a_link_to_a_folder_is_never_replaced_by_a_folder(folder):
    folder.rename(folder.with_name("real"))
    folder.symlink_to("real")
    with pytest.raises(TargetExistsError, match="it is no folder"):
        pack_again()
    assert folder.is_symlink()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs renameat2, which only Linux has")
def test_the_system_here_exchanges_and_refuses_in_one_step(tmp_path):
    """The other tests would pass without it; this one tells whether it was ever used."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    other.write_text("2")
    assert renaming.exchange(one, other)
    assert (one.read_text(), other.read_text()) == ("2", "1")
    with pytest.raises(FileExistsError):
        renaming._renameat2(one, other, 1)
