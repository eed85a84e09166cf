"""What models and members may be called."""

import pytest

from archiver.names import (
    clash_problems,
    is_reserved,
    member_name_problem,
    model_name_problem,
    unsafe_name_problem,
)


@pytest.mark.parametrize("name", ["cat", "resnet-18", "Cat_v1.2", "0", "a" * 100])
def test_ordinary_model_names_are_allowed(name):
    assert model_name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["-cat", ".cat", "_cat", "c@t", "a b", "a/b", "../cat", "katzé", "cat\n"]
)
def test_a_model_name_that_is_no_file_or_url_part_is_refused_and_quoted(name):
    assert repr(name) in model_name_problem(name)


def test_an_empty_model_name_is_refused_in_its_own_words():
    assert "the model name is empty" in model_name_problem("")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("\\windows", "absolute"),
        ("C:/x", "drive"),
        ("c:x", "drive"),
        ("..", "leaves"),
        ("../x", "leaves"),
        ("a/../../x", "leaves"),
        ("a\\..\\x", "leaves"),
        ("a/..", "leaves"),
        ("a\0b", "NUL"),
    ],
)
def test_a_name_that_leaves_the_archive_is_unsafe(name, reason):
    assert reason in unsafe_name_problem(name)
    assert reason in member_name_problem(name)


@pytest.mark.parametrize(
    "name", ["a", "a/b.txt", "..a", "a..b", "a/..b/c", "ü/猫.json", "a b", ".env"]
)
def test_ordinary_member_names_are_fine(name):
    assert unsafe_name_problem(name) is None
    assert member_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\\b", "backslash"),
        ("a\nb", "printed"),
        ("a\x7f", "printed"),
        ("broken\udcff", "printed"),
        ("./a", "'.'"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("ü" * 128, "255 bytes"),
    ],
)
def test_an_odd_name_is_read_but_not_written(name, reason):
    assert unsafe_name_problem(name) is None
    assert reason in member_name_problem(name)


@pytest.mark.parametrize("name", ["MAR-INF", "MAR-INF/x", "mar-inf/MANIFEST.json", "MAR-INF\\x"])
def test_everything_in_mar_inf_is_reserved_however_it_is_spelled(name):
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["MAR-INFO", "a/MAR-INF", "model.py"])
def test_nothing_else_is_reserved(name):
    assert not is_reserved(name)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["a", "b", "a"], "two members named 'a'"),
        (["Model.py", "model.py"], "'Model.py' and 'model.py' differ only in case"),
        (["stra\u00dfe", "STRASSE"], "differ only in case"),
        (["caf\u00e9", "cafe\u0301"], "differ only in case"),
        (["a/b", "a"], "'a' is a file and the folder of 'a/b'"),
        (["A", "a/b/c"], "'A' is a file and the folder of 'a/b/c'"),
    ],
)
def test_names_that_cannot_lie_side_by_side_are_told(names, problem):
    (found,) = clash_problems(names)
    assert problem in found


def test_names_in_different_folders_do_not_clash():
    assert list(clash_problems(["a/x", "b/x", "x", "a/y/x"])) == []
