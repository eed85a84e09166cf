"""Files that get into each other's way."""

from ts_sdk.doctor import Severity, examine

HANDLER = "def handle(data, context):\n    return data\n"


def test_a_file_that_is_called_as_what_it_imports_finds_itself(examined, install):
    install("lightgbm")
    files = {"lightgbm.py": "from lightgbm import Booster\n" + HANDLER}
    report = examined(files, handler="lightgbm.py")

    assert report.verdict == "cannot"
    assert report.decisive[0].check == "shadowed-module"
    assert report.decisive[0].place == "lightgbm.py:1"


def test_a_file_under_the_name_of_pythons_own_module_is_a_note_where_it_is_imported(found):
    files = {"handler.py": "import queue\nimport utils\n" + HANDLER, "queue.py": "", "utils.py": ""}
    (finding,) = found("shadowed-module", files)

    assert finding.severity is Severity.NOTE
    assert found("shadowed-module", {"handler.py": HANDLER, "queue.py": ""}) == []


def test_a_file_that_imports_others_of_its_package_is_no_finding(found):
    files = {
        "handler.py": "import trees.handler\n" + HANDLER,
        "trees/__init__.py": "import trees.handler\n",
        "trees/handler.py": "import handler\nimport trees\n",
    }

    assert found("shadowed-module", files) == []


def test_a_module_of_a_package_may_be_called_as_one_of_python(found):
    files = {
        "handler.py": "import random\nimport trees.random\n" + HANDLER,
        "trees/__init__.py": "import sys\nfor entry in sys.path:\n    print(entry)\n",
        "trees/random.py": "import random\n",
        "trees/setup.py": "import sys\nsys.path.append('.')\n",
    }

    assert found("shadowed-module", files) == []


def test_names_that_differ_only_in_case_are_told(tmp_path):
    for name in ("handler.py", "Labels.csv", "labels.csv"):
        (tmp_path / name).write_text(HANDLER if name.endswith(".py") else "cat\n")
    findings = [each for each in examine(tmp_path).findings if each.check == "clashing-names"]

    assert [each.severity for each in findings] == [Severity.NOTE]
