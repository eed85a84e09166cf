"""``--extra-files``: which files an entry stands for, and what their members are called."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.planning.extra_files import ExtraFiles

TREE = ("a.txt", "b.json", "data/labels.json", "data/deep/x.bin", "data/deep/y.bin")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with a few files in subfolders, which is the current folder."""
    for name in TREE:
        write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)


def collected(*entries, keep_paths=False):
    extra = ExtraFiles(keep_paths=keep_paths, is_output=lambda _: False)
    for entry in entries:
        extra.add(entry)
    return extra


def members(*entries, keep_paths=False):
    extra = collected(*entries, keep_paths=keep_paths)
    assert extra.problems == []
    return {file.name: file.path.as_posix() for file in extra.files}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("a.txt", {"a.txt": "a.txt"}),
        ("data/labels.json", {"labels.json": "data/labels.json"}),
        ("a.txt,b.json", {"a.txt": "a.txt", "b.json": "b.json"}),
        (" a.txt , b.json ,", {"a.txt": "a.txt", "b.json": "b.json"}),
        (
            "data",
            {
                "labels.json": "data/labels.json",
                "deep/x.bin": "data/deep/x.bin",
                "deep/y.bin": "data/deep/y.bin",
            },
        ),
        ("data/deep/", {"x.bin": "data/deep/x.bin", "y.bin": "data/deep/y.bin"}),
        ("*.json", {"b.json": "b.json"}),
        ("data/deep/?.bin", {"x.bin": "data/deep/x.bin", "y.bin": "data/deep/y.bin"}),
        ("data/**/[x].bin", {"x.bin": "data/deep/x.bin"}),
        ("a.txt=notes.txt", {"notes.txt": "a.txt"}),
        ("a.txt = text/notes.txt", {"text/notes.txt": "a.txt"}),
        ("a.txt=text/", {"text/a.txt": "a.txt"}),
        ("a.txt=./", {"a.txt": "a.txt"}),
        ("a.txt=x.txt, b.json", {"x.txt": "a.txt", "b.json": "b.json"}),
        ("a.txt=x.txt,b.json=y.json", {"x.txt": "a.txt", "y.json": "b.json"}),
        (
            "b.json,a.txt=text/,data/deep/x.bin",
            {"b.json": "b.json", "text/a.txt": "a.txt", "x.bin": "data/deep/x.bin"},
        ),
        ("data/deep=bin", {"bin/x.bin": "data/deep/x.bin", "bin/y.bin": "data/deep/y.bin"}),
        ("data/deep=bin/", {"bin/x.bin": "data/deep/x.bin", "bin/y.bin": "data/deep/y.bin"}),
        ("data/deep/*=bin/", {"bin/x.bin": "data/deep/x.bin", "bin/y.bin": "data/deep/y.bin"}),
        ("data/*.json=names.json", {"names.json": "data/labels.json"}),
    ],
)
def test_an_entry_stands_for_these_members(tree, entry, expected):
    assert members(entry) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("a.txt", ["a.txt"]),
        ("./data/labels.json", ["data/labels.json"]),
        ("data/deep", ["data/deep/x.bin", "data/deep/y.bin"]),
        ("data/*.json", ["data/labels.json"]),
        ("data/deep/x.bin=x.bin", ["x.bin"]),
    ],
)
def test_with_keep_paths_a_member_keeps_the_folders_that_were_given(tree, entry, expected):
    assert sorted(members(entry, keep_paths=True)) == expected


def test_a_path_that_leaves_the_current_folder_is_kept_for_the_check_of_names(tree, monkeypatch):
    monkeypatch.chdir(tree / "data")
    assert list(members("../a.txt", keep_paths=True)) == ["../a.txt"]
    assert list(members(f"{tree}/a.txt", keep_paths=True)) == [f"{tree}/a.txt"]


def test_several_entries_add_up(tree):
    assert sorted(members("a.txt", "b.json,data/labels.json")) == ["a.txt", "b.json", "labels.json"]


@pytest.mark.parametrize(
    "name",
    ["a,b.txt", "a=b.txt", "x=y,z=.txt", "[1].txt", "what?.txt", "with space.txt", "a.txt,b.json"],
)
def test_an_existing_file_is_meant_literally_whatever_its_name(tree, name):
    write(tree / name)
    assert members(name) == {name: name}
    assert members(f"b.json, {name}")[name] == name


def test_a_file_with_an_equals_sign_can_be_given_a_destination(tree):
    write(tree / "x=y.txt")
    assert members("x=y.txt=z.txt") == {"z.txt": "x=y.txt"}


@given(
    st.text(
        st.sampled_from("ab=,[]*?. é"),
        min_size=1,
        max_size=12,
    ).filter(lambda name: name == name.strip() and name.strip(".") and name != ",")
)
def test_any_file_can_be_given_by_its_name(name):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, name))
        entry = os.path.join(folder, name)  # noqa: PTH118 -- an entry is text
        assert members(entry) == {name: entry}


def test_a_path_object_is_taken_literally(tree):
    assert members(Path("a.txt")) == {"a.txt": "a.txt"}
    missing = collected(Path("*.json"))
    assert [file.path for file in missing.files] == [Path("*.json")]


def test_links_to_files_and_folders_are_followed(tree):
    (tree / "link.txt").symlink_to("a.txt")
    (tree / "folder").symlink_to("data/deep")
    (tree / "data" / "more").symlink_to("deep")
    assert members("link.txt") == {"link.txt": "link.txt"}
    assert sorted(members("folder")) == ["x.bin", "y.bin"]
    assert "more/x.bin" in members("data")


def test_a_link_to_a_folder_that_holds_it_is_told_and_does_not_go_round(tree):
    (tree / "data" / "deep" / "up").symlink_to("..")
    extra = collected("data")
    assert extra.problems == ["the folder data/deep/up is a link to a folder that holds it"]


def test_hidden_folders_and_litter_stay_out_and_hidden_files_come_along(tree):
    for name in ("__pycache__/x.pyc", "__MACOSX/x", ".git/config", "deep/.cache/x", ".env"):
        write(tree / "data" / name)
    assert sorted(members("data")) == [".env", "deep/x.bin", "deep/y.bin", "labels.json"]


def test_a_pattern_that_matches_nothing_is_told(tree):
    assert collected("*.yaml").problems == ["the pattern '*.yaml' in --extra-files matches no file"]


def test_several_files_cannot_be_given_one_name(tree):
    (problem,) = collected("data/deep/*=x").problems
    assert "matches 2 files" in problem
    assert "end it with '/'" in problem


def test_a_missing_file_is_kept_for_the_check_of_sources(tree):
    extra = collected("a.txt, nowhere/b.txt=c.txt")
    assert [(file.name, str(file.path)) for file in extra.files] == [
        ("a.txt", "a.txt"),
        ("c.txt", "nowhere/b.txt"),
    ]


@pytest.mark.parametrize("entry", [".", "*"])
def test_output_of_this_program_is_passed_over_unless_it_is_named(tree, entry):
    extra = ExtraFiles(keep_paths=False, is_output=lambda path: path.name == "b.json")
    extra.add(entry)
    assert "a.txt" in {file.name for file in extra.files}
    assert "b.json" not in {file.name for file in extra.files}
    extra.add("b.json")
    assert "b.json" in {file.name for file in extra.files}
