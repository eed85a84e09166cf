"""Missing modules, missing names, and what the old names lead to."""

import pytest

from ts_sdk.doctor import Severity

CLASS = """
class Handler:
    def initialize(self, context):
        {start}

    def handle(self, data, context):
        {answer}
"""


def handler(top: str = "", *, start: str = "pass", answer: str = "return data") -> str:
    return top + CLASS.format(start=start, answer=answer)


def test_a_package_that_is_not_installed_is_a_change_that_says_what_to_install(found):
    (finding,) = found("missing-import", {"handler.py": handler("import os\nimport lightgbm\n")})

    assert finding.severity is Severity.CHANGE
    assert finding.place == "handler.py:2"
    assert finding.fix == "pip install 'lightgbm'"


@pytest.mark.parametrize(
    ("module", "distribution"),
    [("cv2", "opencv-python-headless"), ("bs4", "beautifulsoup4"), ("sklearn", "scikit-learn")],
)
def test_what_to_install_has_pips_name(found, module, distribution):
    files = {"handler.py": handler(f"import {module}\n")}
    findings = found("missing-import", files)

    assert [each.fix for each in findings] in ([f"pip install '{distribution}'"], [])


def test_the_archives_own_requirement_is_what_is_installed(examined):
    report = examined(
        {
            "handler.py": handler("import lightgbm\n"),
            "requirements.txt": "lightgbm[scikit]>=3,<4  # trees\n",
        },
        requirementsFile="requirements.txt",
    )

    assert [each.fix for each in report.decisive] == ["pip install 'lightgbm[scikit]<4,>=3'"]


def test_a_requirement_may_be_called_more_than_its_module(found):
    (finding,) = found(
        "missing-import",
        {"handler.py": handler("import frobnicator\n"), "r.txt": "frobnicator-python==2\n"},
        requirementsFile="r.txt",
    )

    assert finding.fix == "pip install 'frobnicator-python==2'"


def test_a_name_that_no_package_is_known_by_is_never_offered_to_pip(found):
    (finding,) = found("missing-import", {"handler.py": handler("import my_private_code\n")})

    assert "pip" not in finding.fix
    assert "--extra-files" in finding.fix


def test_a_package_that_is_installed_is_not_imported_to_find_that_out(found, install, tmp_path):
    install("lightgbm")

    assert found("missing-import", {"handler.py": handler("import lightgbm\n")}) == []
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    "top",
    [
        "try:\n    import lightgbm\nexcept ImportError:\n    lightgbm = None\n",
        "try:\n    import lightgbm\nexcept:\n    pass\n",
        "try:\n    import json\nexcept ImportError:\n    import lightgbm as json\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lightgbm\n",
        "if __name__ == '__main__':\n    import lightgbm\n",
        "import json, os.path, collections.abc\nimport torch.nn.functional as F\n",
        "from ts.context import Context\nimport ts.metrics.dimension\n",
        "import lightgbm_tools.trees\n",
    ],
)
def test_what_the_code_gets_along_without_or_brings_along_is_not_missing(found, top):
    files = {"handler.py": handler(top), "lightgbm_tools/trees.py": "", "lightgbm_tools/x.bin": b""}

    assert found("missing-import", files) == []


@pytest.mark.parametrize(
    "top",
    [
        "try:\n    import lightgbm\nexcept ImportError as error:\n    raise OSError from error\n",
        "try:\n    import xgboost\nexcept ImportError:\n    import lightgbm\n",
        "import importlib\ntrees = importlib.import_module('lightgbm')\n",
    ],
)
def test_what_the_code_insists_on_is_missing(found, top):
    findings = found("missing-import", {"handler.py": handler(top)})

    assert [each.severity for each in findings] == [Severity.CHANGE]
    assert "lightgbm" in findings[0].message


def test_an_import_in_a_method_is_told_with_when_it_happens(found):
    source = handler(start="import lightgbm")
    (finding,) = found("missing-import", {"handler.py": source})

    assert finding.severity is Severity.CHANGE
    assert "when initialize() is called" in finding.message


def test_an_import_that_only_happens_at_times_is_a_note(found):
    source = handler(
        "def plot():\n    import matplotlib_that_is_not_here\n",
        start="if context.debug:\n            import lightgbm",
    )
    findings = found("missing-import", {"handler.py": source})

    assert [each.severity for each in findings] == [Severity.NOTE, Severity.NOTE]


def test_what_files_of_a_package_import_only_at_times_is_no_finding(found):
    files = {
        "handler.py": handler("import trees\n"),
        "trees/__init__.py": "def plot():\n    import matplotlib_that_is_not_here\n",
    }

    assert found("missing-import", files) == []


def test_a_module_that_the_handler_unpacks_first_is_a_note(found, zipped):
    source = handler(start="import tacotron2.model")
    files = {"handler.py": source, "code.zip": zipped({"a/tacotron2/model.py": b""})}

    assert [each.severity for each in found("missing-import", files)] == [Severity.NOTE]


def test_the_imports_of_the_archives_own_files_count_and_those_of_others_do_not(found):
    files = {
        "handler.py": handler("from network.layers import block\n"),
        "network/__init__.py": "",
        "network/layers.py": "import lightgbm\ndef block(): pass\n",
        "network/training.py": "import xgboost\n",
        "train.py": "import catboost\n",
    }
    (finding,) = found("missing-import", files)

    assert finding.place == "network/layers.py:1"


def test_a_folder_of_weights_is_no_package(found):
    files = {"handler.py": handler("import lightgbm\n"), "lightgbm/trees.bin": b"1"}

    assert len(found("missing-import", files)) == 1


def test_files_in_folders_that_the_code_puts_on_the_path_are_found(found):
    files = {
        "handler.py": handler("import sys\nsys.path.append('libs')\nimport trees\n"),
        "libs/trees.py": "",
    }

    assert found("missing-import", files) == []


def test_torchtext_cannot_be_installed_any_more(examined):
    report = examined({"handler.py": handler("from torchtext.vocab import Vocab\n")})

    assert report.verdict == "cannot"
    assert "given up" in report.decisive[0].message


def test_a_file_that_does_not_parse_is_told_with_its_line(examined):
    report = examined({"handler.py": "import os\n\nprint 'ready'\n"})

    assert report.verdict == "cannot"
    assert report.decisive[0].place == "handler.py:3"


def test_files_that_nobody_imports_need_not_parse(found):
    assert found("syntax-error", {"handler.py": handler(), "old.py": "print 1\n"}) == []


def test_a_source_that_is_not_utf_8_is_told_unless_it_says_so(found):
    text = handler("GREETING = 'Grüße'\n").encode("latin-1")

    assert len(found("syntax-error", {"handler.py": text})) == 1
    assert found("syntax-error", {"handler.py": b"# coding: latin-1\n" + text}) == []


def test_an_old_name_that_is_left_out_blocks_with_the_reason(examined):
    report = examined({"handler.py": handler("import ts.torch_handler.dali_handler\n")})

    assert report.verdict == "cannot"
    assert "NVIDIA DALI" in report.decisive[0].message


def test_a_name_that_an_old_module_never_had_is_told(found):
    source = handler("from ts.utils.util import load_lable_mapping\n")
    (finding,) = found("old-name", {"handler.py": source})

    assert "did you mean 'load_label_mapping'" in finding.message


@pytest.mark.parametrize(
    "top",
    [
        "from ts.torch_handler.vision_handler import VisionHandler\n",
        "from ts.utils.util import *\n",
        "from ts import metrics\n",
    ],
)
def test_old_names_that_resolve_are_no_finding(found, top):
    assert found("old-name", {"handler.py": handler(top)}) == []


def test_a_name_that_the_archives_own_file_lacks_shows_an_overwritten_file(examined):
    report = examined({"handler.py": handler("from model import Net\n"), "model.py": "x = 1\n"})

    assert report.verdict == "cannot"
    assert report.decisive[0].place == "handler.py:1"
    assert "overwrite" in report.decisive[0].fix


@pytest.mark.parametrize(
    ("top", "files"),
    [
        ("from model import Net\n", {"model.py": "from elsewhere import *\n"}),
        ("from model import Net\n", {"model.py": "if 1:\n    Net = 2\n"}),
        ("from model import layers\n", {"model/__init__.py": "", "model/layers.py": ""}),
        ("from model.layers import Net\n", {"model/layers/__init__.py": "class Net: pass\n"}),
        ("from logging import getLogger\n", {"logging.py": ""}),
    ],
)
def test_names_that_may_be_there_are_no_finding(found, top, files):
    assert found("missing-own-name", {"handler.py": handler(top), **files}) == []


def test_a_submodule_that_was_not_packed_blocks(examined):
    files = {"handler.py": handler("from network.layers import block\n"), "network/__init__.py": ""}
    report = examined(files)

    assert report.verdict == "cannot"
    assert report.decisive[0].check == "missing-own-module"


def test_a_relative_import_in_a_file_without_a_package_is_a_change(found):
    files = {"handler.py": handler("from .model import Net\n"), "model.py": "class Net: pass\n"}
    (finding,) = found("relative-import", files)

    assert finding.severity is Severity.CHANGE
    assert "from model import" in finding.fix


def test_a_relative_import_in_a_package_is_followed(found):
    files = {
        "server/__init__.py": "",
        "server/handler.py": handler("from .model import Net\n"),
        "server/model.py": "class Other: pass\n",
    }

    assert found("relative-import", files, handler="server/handler.py") == []
    assert len(found("missing-own-name", files, handler="server/handler.py")) == 1
