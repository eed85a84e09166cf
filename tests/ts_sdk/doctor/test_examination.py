"""A report on a whole archive: nothing of it is run, and nothing in it brings the doctor down."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from archives import MANIFEST, RawEntry, make_mar, make_tar_gz, manifest_of, raw_zip
from packing import torch_zip

from archiver import DEFAULT_LIMITS, InvalidArchiveError, Limits
from ts_sdk.doctor import Severity, Verdict, examine

HANDLER = """\
class Handler:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        return data
"""


class Writes:
    """Pickles as a call that writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def trapped(tmp_path):
    """Files, each of which writes the marker when it is run or unpickled; and the marker."""
    marker = tmp_path / "ran"
    trap = f"open({str(marker)!r}, 'w').close()\n"
    evil = pickle.dumps(Writes(marker))
    files = {
        "handler.py": f"import model, pkg.deep, lightgbm\n{trap}{HANDLER}",
        "model.py": f"{trap}from torch import nn\nclass Net(nn.Module): pass\n",
        "pkg/__init__.py": trap,
        "pkg/deep.py": trap,
        "setup.py": trap,
        "conftest.py": trap,
        "sitecustomize.py": trap,
        "lightgbm.py": trap,
        "model.pt": evil,
        "vocab.pkl": evil,
        "requirements.txt": "-e .\n./pkg\nlightgbm\n",
        "model-config.yaml": f"a: !!python/object/apply:os.system ['touch {marker}']\n",
    }
    manifest = manifest_of(
        serializedFile="model.pt",
        modelFile="model.py",
        requirementsFile="requirements.txt",
        configFile="model-config.yaml",
    )
    contents = {
        name: text.encode() if isinstance(text, str) else text for name, text in files.items()
    }
    return {**contents, MANIFEST: manifest}, marker


@pytest.mark.parametrize("form", ["mar", "tgz", "folder"])
def test_nothing_of_an_archive_is_run_or_unpickled(trapped, tmp_path, form):
    files, marker = trapped
    if form == "mar":
        path = make_mar(tmp_path / "cat.mar", files)
    elif form == "tgz":
        path = make_tar_gz(tmp_path / "cat.tar.gz", files)
    else:
        path = tmp_path / "cat"
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    before = {*sys.modules}, list(sys.path), Path.cwd()
    report = examine(path)

    assert report.verdict is Verdict.CANNOT
    assert [each.member for each in report.decisive] == ["model.pt", "vocab.pkl"]
    assert not marker.exists()
    assert {
        name for name in sys.modules if name.startswith(("model", "pkg", "lightgbm"))
    } <= before[0]
    assert (sys.path, Path.cwd()) == before[1:]


def test_neither_torch_nor_the_default_handlers_are_imported(tmp_path):
    path = make_mar(
        tmp_path / "cat.mar",
        {
            "handler.py": b"from ts.torch_handler.image_classifier import ImageClassifier\n",
            "model.pt": torch_zip(),
            MANIFEST: manifest_of(serializedFile="model.pt"),
        },
    )
    program = (
        "import sys; from ts_sdk.doctor import examine; "
        f"examine({str(path)!r}); "
        "print([name for name in ('torch', 'numpy', 'default_handlers') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "[]"
    assert ran.stderr == ""


def test_a_tar_gz_with_weights_is_looked_into_like_a_mar(tmp_path, saved):
    import torch

    files = {
        "handler.py": b"from ts.torch_handler.base_handler import BaseHandler\n"
        b"class H(BaseHandler): pass\n",
        "model.pt": saved(torch.nn.Linear(2, 2)),
        MANIFEST: manifest_of(serializedFile="model.pt"),
    }
    reports = [
        examine(make_mar(tmp_path / "cat.mar", files)),
        examine(make_tar_gz(tmp_path / "cat.tar.gz", files)),
    ]

    assert reports[0].findings == reports[1].findings
    assert [each.check for each in reports[0].findings] == ["full-pickle"]


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InvalidArchiveError, match="does not exist"):
        examine(tmp_path / "cat.mar")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\3\4 cut off",
        b"\x1f\x8b cut off",
        b"no archive",
        raw_zip(RawEntry(name="../handler.py")),
        raw_zip(RawEntry(), RawEntry()),
        raw_zip(RawEntry(name=MANIFEST, content=b"{")),
        raw_zip(RawEntry(name=MANIFEST, content=manifest_of(modelFile="gone.py"))),
        raw_zip(RawEntry(crc=1), RawEntry(name=MANIFEST, content=manifest_of())),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_an_archive_that_cannot_be_opened_has_a_report_that_says_why(tmp_path, content):
    path = tmp_path / "cat.mar"
    path.write_bytes(content)
    report = examine(path)

    assert report.verdict is Verdict.CANNOT
    assert not report.was_opened
    assert all(each.check == "not-opened" and each.message for each in report.findings)


def test_an_archive_beyond_the_limits_is_not_opened(tmp_path):
    files = {"handler.py": HANDLER.encode(), "a": b"", "b": b"", MANIFEST: manifest_of()}
    path = make_mar(tmp_path / "cat.mar", files)

    assert examine(path, limits=DEFAULT_LIMITS).was_opened
    assert not examine(path, limits=Limits(max_members=3)).was_opened


@pytest.mark.parametrize(
    "source",
    [
        b"x = " + b"(" * 5000,
        b"x = " + b"-" * 100_000 + b"1",
        b"x = " + b"+".join([b"1"] * 5000),
        b"x" + b".y" * 900,
        b"if " + b"+".join([b"a"] * 700) + b":\n    self.model.cuda()",
        b"def f():\n    open('labels.csv')\n" * 2000,
        b"\0",
        b"",
        b"\xef\xbb\xbf" + HANDLER.encode(),
        b"lambda: (yield)",
        b"return 1",
        b"class A(A): pass",
        b"class A(B): pass\nclass B(A): pass",
        b"from handler import handler",
        b"import handler.handler.handler",
        b"from . import *",
        b"from .......... import x",
        b"def handle(*, data): pass",
        b"def handle(): pass",
        b"async def handle(data, context): return [data[0]]",
    ],
    ids=lambda source: repr(source[:20]),
)
def test_no_source_brings_the_doctor_down(examined, source):
    report = examined({"handler.py": source})

    assert report.was_opened
    assert json.dumps(report.to_dict())


def test_a_notebook_in_place_of_a_handler_does_not_parse(examined):
    notebook = json.dumps({"cells": [{"source": ["x = 1"]}], "flag": True, "nbformat": 4}, indent=1)
    report = examined({"handler.py": notebook.replace("true", "tru-")})

    assert report.verdict is not Verdict.RUNS


def test_the_gravest_findings_come_first_and_none_twice(examined):
    source = "import lightgbm, lightgbm\nfrom torchtext import data\n" + HANDLER
    report = examined({"handler.py": source, "c.yaml": "torchrun: {}\n"}, configFile="c.yaml")

    assert [each.severity for each in report.findings] == [
        Severity.BLOCKS,
        Severity.CHANGE,
        Severity.NOTE,
    ]


def test_a_report_in_json_has_every_fact(examined):
    report = examined({"handler.py": "import lightgbm\n" + HANDLER})
    facts = json.loads(json.dumps(report.to_dict()))

    assert facts["verdict"] == "needs change"
    assert facts["model"] == "cat"
    assert facts["findings"] == [
        {
            "check": "missing-import",
            "severity": "change",
            "member": "handler.py",
            "line": 1,
            "message": "lightgbm is imported and is not installed",
            "fix": "pip install 'lightgbm'",
        }
    ]
