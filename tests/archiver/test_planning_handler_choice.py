"""``--handler``: what the words stand for."""

import pytest

from archiver.planning.handler_choice import (
    BUILT_IN_HANDLERS,
    SPECIAL_HANDLERS,
    choose_handler,
)


@pytest.fixture(autouse=True)
def handlers(tmp_path, monkeypatch):
    """A handler in the current folder and one in a subfolder."""
    (tmp_path / "handler.py").touch()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "my_handler.py").touch()
    (tmp_path / "library.so").touch()
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", BUILT_IN_HANDLERS)
def test_a_built_in_handler_has_no_file_and_needs_no_note(name):
    choice = choose_handler(name, "python")
    assert choice.is_built_in
    assert choice.manifest_name == name
    assert choice.note is None


@pytest.mark.parametrize("name", SPECIAL_HANDLERS)
def test_a_handler_for_special_hardware_is_accepted_with_a_note(name):
    choice = choose_handler(name, "python")
    assert choice.is_built_in
    assert "GPU" in choice.note


@pytest.mark.parametrize(
    ("text", "manifest_name", "path", "entry_point"),
    [
        ("handler.py", "handler.py", "handler.py", None),
        ("handler", "handler", "handler.py", None),
        (" handler.py ", "handler.py", "handler.py", None),
        ("handler.py:entry", "handler.py:entry", "handler.py", "entry"),
        ("handler:entry", "handler:entry", "handler.py", "entry"),
        ("src/my_handler.py", "my_handler.py", "src/my_handler.py", None),
        ("src/my_handler:Cat", "my_handler:Cat", "src/my_handler.py", "Cat"),
    ],
)
def test_a_file_is_found_with_and_without_its_suffix(text, manifest_name, path, entry_point):
    choice = choose_handler(text, "python")
    assert choice.problem is None
    assert choice.manifest_name == manifest_name
    assert choice.path.as_posix() == path
    assert choice.entry_point == entry_point


def test_a_built_in_name_wins_over_a_file_of_that_name(tmp_path):
    (tmp_path / "image_classifier.py").touch()
    assert choose_handler("image_classifier", "python").is_built_in
    assert choose_handler("image_classifier.py", "python").path is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the handler is empty"),
        ("image_clasifier", "did you mean 'image_classifier'?"),
        ("text-classifier", "did you mean 'text_classifier'?"),
        ("zzz", "built in are base_handler, "),
        ("nowhere.py", "the handler nowhere.py does not exist"),
        ("nowhere.py:handle", "the handler nowhere.py does not exist"),
        ("src/nowhere", "the handler src/nowhere does not exist"),
        ("notes.txt", "the handler notes.txt is no .py file"),
    ],
)
def test_what_is_no_handler_is_told_with_what_was_probably_meant(text, problem):
    choice = choose_handler(text, "python")
    assert problem in choice.problem
    assert not choice.is_built_in


def test_a_file_that_cannot_be_imported_by_its_name_is_told(tmp_path):
    (tmp_path / "handler.v2.py").touch()
    assert "'handler.v2'" in choose_handler("handler.v2.py", "python").problem


def test_the_lsp_runtime_has_its_own_handlers(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert choose_handler("TorchScriptHandler", "LSP").is_built_in
    choice = choose_handler("library:Handler", "LSP")
    assert (choice.path.name, choice.manifest_name) == ("library.so", "library:Handler")
    assert choose_handler("image_classifier", "LSP").problem is not None
