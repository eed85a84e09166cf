"""What the requirements file asks for, against what is installed."""

import pytest

from ts_sdk.doctor import Severity

HANDLER = "def handle(data, context):\n    return data\n"


@pytest.fixture
def required(examined):
    def find(text: str | bytes):
        files = {"handler.py": HANDLER, "requirements.txt": text}
        return examined(files, requirementsFile="requirements.txt")

    return find


def test_requirements_that_are_met_are_no_finding(required):
    report = required("# what it needs\nnumpy>=1\npackaging ; python_version > '3'\n--no-deps\n")

    assert report.findings == ()


def test_a_requirement_that_is_not_installed_is_a_change(required):
    report = required("numpy\n\nlightgbm==3.2  # trees\n")

    assert report.verdict == "needs change"
    assert report.decisive[0].place == "requirements.txt:3"
    assert report.decisive[0].fix == "pip install 'lightgbm==3.2'"


def test_another_version_is_a_note_that_names_it(required, install):
    install("lightgbm", "4.1")
    report = required("lightgbm==3.2\nnumpy==1.19.0\n")

    assert report.verdict == "runs"
    assert [each.severity for each in report.findings] == [Severity.NOTE, Severity.NOTE]
    assert "4.1 is installed" in report.findings[0].message
    assert "isolation='venv'" in report.findings[0].fix
    assert report.findings[1].fix is None


def test_a_requirement_for_other_systems_does_not_count(required):
    assert required("lightgbm; sys_platform == 'nowhere'\n").findings == ()


def test_torchserve_itself_is_not_asked_for(required):
    assert required("torchserve==0.12.0\ntorch-model-archiver\n").findings == ()


def test_a_line_that_cannot_be_looked_up_is_a_note(required):
    report = required("git+https://example.org/x.git\nlightgbm = 3\n")

    assert report.verdict == "runs"
    assert [each.line for each in report.findings] == [1, 2]


def test_a_line_that_goes_on_is_one_line(required):
    report = required("lightgbm==3.2 \\\n  --hash=sha256:0000\nnumpy\n")

    assert [each.line for each in report.findings] == [1]


def test_what_is_imported_and_required_is_told_once(examined):
    files = {
        "handler.py": "import lightgbm\n" + HANDLER,
        "requirements.txt": "lightgbm\nxgboost\n",
    }
    report = examined(files, requirementsFile="requirements.txt")

    assert [each.place for each in report.findings] == ["handler.py:1", "requirements.txt:2"]
