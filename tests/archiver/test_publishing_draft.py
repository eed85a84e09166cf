"""Drafts: locked while they are written, and cleared when whoever wrote them is gone."""

import contextlib
import fcntl
import sys
from pathlib import Path

import pytest

from archiver.publishing import draft as draft_module
from archiver.publishing.draft import clear_litter, draft_beside, is_draft_of, path_aside


@pytest.fixture
def target(tmp_path):
    """A target that is not there yet."""
    return tmp_path / "cat.mar"


def abandoned_draft(target, *, is_folder=False):
    """A draft as a killed process leaves it: there, and not locked."""
    with draft_beside(target, is_folder=is_folder) as draft:
        name = draft.name
    path = target.with_name(name)
    if is_folder:
        (path / "sub").mkdir(parents=True)
        (path / "sub" / "file").write_text("half")
    else:
        path.write_text("half")
    return path


def test_a_draft_lies_hidden_beside_its_target(target):
    with draft_beside(target, is_folder=False) as draft:
        assert draft.parent == target.parent
        assert draft.name.startswith(".cat.mar.")
        assert draft.read_bytes() == b""
    assert list(target.parent.iterdir()) == []


def test_a_draft_can_be_a_folder(target):
    with draft_beside(target, is_folder=True) as draft:
        (draft / "file").touch()
    assert list(target.parent.iterdir()) == []


def test_a_draft_is_removed_after_an_error(target):
    def fail():
        with draft_beside(target, is_folder=True) as draft:
            (draft / "file").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("is_folder", [False, True])
def test_an_abandoned_draft_is_cleared(target, is_folder):
    draft = abandoned_draft(target, is_folder=is_folder)
    clear_litter(target)
    assert not draft.exists()


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_draft_that_is_being_written_is_not_cleared(target, is_folder):
    with draft_beside(target, is_folder=is_folder) as draft:
        clear_litter(target)
        assert draft.exists()


def test_drafts_of_other_targets_and_files_that_only_look_like_drafts_stay(target):
    draft = abandoned_draft(target)
    others = [
        abandoned_draft(target.with_name("dog.mar")),
        abandoned_draft(target.with_name("cat.mar.cat.mar")),
        target.with_name(".cat.mar.0123456789abcdef.mar-draft"),
        target.with_name(".cat.mar.mar-draft"),
        target.with_name(draft.name + ".bak"),
        target.with_name(draft.name[1:]),
        target,
    ]
    for path in others:
        path.touch()
    clear_litter(target)
    assert not draft.exists()
    assert all(path.exists() for path in others)


def test_a_link_with_a_drafts_name_is_not_followed(target, tmp_path):
    draft = abandoned_draft(target)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    draft.unlink()
    draft.symlink_to(precious)
    clear_litter(target)
    assert (precious / "file").exists()


def test_a_folder_that_is_not_there_has_no_litter(tmp_path):
    clear_litter(tmp_path / "nowhere" / "cat.mar")
    assert list(tmp_path.iterdir()) == []


def test_an_old_folder_is_put_back_when_the_new_one_did_not_come(target):
    aside = path_aside(target)
    aside.mkdir()
    (aside / "file").write_text("old")
    clear_litter(target)
    assert (target / "file").read_text() == "old"
    assert not aside.exists()


def test_an_old_folder_is_removed_when_the_new_one_has_come(target):
    aside = path_aside(target)
    aside.mkdir()
    target.mkdir()
    clear_litter(target)
    assert target.exists()
    assert not aside.exists()


def test_a_draft_is_recognised_by_a_relative_path_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draft = abandoned_draft(Path("cat.mar"))
    assert is_draft_of(Path("cat.mar"), draft)
    clear_litter(Path("cat.mar"))
    assert not draft.exists()


def test_a_draft_that_another_process_clears_before_it_is_locked_is_made_anew(target, monkeypatch):
    cleared = []
    take_lock = draft_module._take_lock

    def clear_first(path, **options):
        if not cleared:
            cleared.append(path)
            path.unlink()
        return take_lock(path, **options)

    monkeypatch.setattr(draft_module, "_take_lock", clear_first)
    with draft_beside(target, is_folder=False) as draft:
        assert draft.exists()
        assert draft not in cleared


def test_where_there_are_no_locks_drafts_are_made_and_none_is_cleared(target, monkeypatch):
    litter = abandoned_draft(target)

    def no_locks(descriptor, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with draft_beside(target, is_folder=False) as draft:
        assert draft.exists()
    assert not draft.exists()
    clear_litter(target)
    assert litter.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the files that are open")
def test_no_lock_outlives_its_draft(target):
    open_files = Path("/proc/self/fd")
    before = len(list(open_files.iterdir()))
    for _ in range(3):
        with contextlib.suppress(KeyError), draft_beside(target, is_folder=False):
            raise KeyError
    assert len(list(open_files.iterdir())) == before
