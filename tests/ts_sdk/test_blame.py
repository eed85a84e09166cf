"""Errors name the line of the user's own code that they came through."""

import pytest

from ts_sdk.blame import culprit_of, describe, explain, phase_of
from ts_sdk.errors import RequestError


@pytest.fixture
def raised(write_folder):
    """The error that a file's text raises, and the file's folder."""

    def raising(text):
        folder = write_folder({"handler.py": text})
        path = folder / "handler.py"
        try:
            exec(compile(path.read_text(), str(path), "exec"), {})  # noqa: S102 - the test's own text
        except Exception as error:  # noqa: BLE001 - whatever it is
            return error, folder
        raise AssertionError("it raised nothing")

    return raising


def test_the_innermost_line_of_the_folder_is_the_culprit(raised):
    error, folder = raised(
        """
        import json
        def preprocess(data):
            return json.loads(data)
        preprocess("{")
        """
    )
    culprit = culprit_of(error, folder)
    assert str(culprit) == "handler.py:4 in preprocess: return json.loads(data)"
    assert phase_of(error) == "preprocess"


def test_an_error_from_elsewhere_has_no_culprit(raised, tmp_path):
    error, folder = raised("import json\njson.loads('{')")
    assert culprit_of(error, tmp_path / "another") is None
    assert phase_of(error) is None
    assert culprit_of(ValueError("never raised"), folder) is None


def test_a_syntax_error_in_the_folder_is_where_it_is_written(raised):
    error, folder = raised("import ast\nast.parse('x = (')")  # in a text, not in the folder
    assert str(culprit_of(error, folder)) == "handler.py:2 in <module>: ast.parse('x = (')"
    (folder / "broken.py").write_text("x = 1\ny = (")
    with pytest.raises(SyntaxError) as broken:
        compile("x = 1\ny = (", str(folder / "broken.py"), "exec")
    assert str(culprit_of(broken.value, folder)) == "broken.py:2 in <module>: y = ("


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (KeyError("body"), "KeyError: 'body'"),
        (ValueError(), "ValueError"),
        (RequestError("bad", status=422), "request failed with status 422: bad"),
    ],
)
def test_an_error_is_described_by_its_type_and_message(error, told):
    assert describe(error) == told


def test_a_module_of_the_archive_is_not_to_be_installed(write_folder):
    folder = write_folder({"models/__init__.py": "", "flat.py": ""})
    for name in ("models.none", "flat.none"):
        error = ModuleNotFoundError(f"No module named {name!r}", name=name)
        assert explain(error, folder) == f"ModuleNotFoundError: No module named {name!r}"
    error = ModuleNotFoundError("No module named 'cv2'", name="cv2")
    assert "install the package that provides 'cv2'" in explain(error, folder)


def test_a_file_that_was_not_packed_is_told_with_how_to_pack_it(raised):
    """However it is opened: by its name, or as most handlers do, in the archive's folder."""
    error, folder = raised("open('labels/names.json')")
    absolute = FileNotFoundError(2, "No such file", str(folder / "labels/names.json"))
    assert explain(absolute, folder).endswith("labels/names.json: add it with --extra-files")
    assert explain(error, folder).endswith(
        "; the archive does not hold labels/names.json: add it with --extra-files"
    )


def test_a_packed_file_that_is_opened_from_elsewhere_is_told_with_where_it_is(raised):
    error, folder = raised("open('names.json')")
    (folder / "names.json").write_text("{}")
    assert "open it in the archive's folder, context.system_properties" in explain(error, folder)


def test_a_missing_file_outside_of_the_archive_gets_no_advice(raised):
    error, folder = raised("open('/no/such/file')")
    assert explain(error, folder).endswith("open('/no/such/file'))")
