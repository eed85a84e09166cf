"""Names that are gone: those in the table are, and are found however they are written."""

import importlib
import re
import warnings

import pytest
from packaging.version import Version

from ts_sdk.doctor import Severity
from ts_sdk.doctor.environment import version_of
from ts_sdk.doctor.moved import GONE_METHODS, GONE_TASKS
from ts_sdk.doctor.moved_table import moved_names

INSTALLED = [
    moved
    for moved in moved_names().values()
    if moved.distribution == "python" or version_of(moved.distribution) is not None
]
DOTTED = re.compile(r"\b(?:torch|torchvision|numpy|PIL|collections)(?:\.\w+)+")


def handler(top: str = "", answer: str = "return data") -> str:
    return f"""\
import numpy as np
import PIL.Image
from PIL import Image, ImageDraw, ImageFont
import transformers
{top}

class Handler:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        {answer}
"""


def value_of(full: str) -> object:
    """What a full name stands for, imported."""
    parts = full.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for name in parts[count:]:
            value = getattr(value, name)
        return value
    raise ImportError(full)


@pytest.mark.parametrize("moved", INSTALLED, ids=lambda moved: moved.name)
def test_a_name_in_the_table_is_really_gone_from_what_is_installed(moved):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = value_of(moved.name)
        except (ImportError, AttributeError):
            return
        # torch keeps some names to say by what they are replaced.
        with pytest.raises(RuntimeError, match="removed"):
            value(importlib.import_module("torch").eye(2), importlib.import_module("torch").eye(2))


@pytest.mark.parametrize("moved", INSTALLED, ids=lambda moved: moved.name)
def test_what_is_to_be_used_instead_is_really_there(moved):
    for full in DOTTED.findall(moved.instead):
        assert value_of(full) is not None


def test_every_version_in_the_table_can_be_compared():
    moved = [*moved_names().values(), *(each for _, each in GONE_METHODS), *GONE_TASKS.values()]

    assert all(Version(each.gone_since) for each in moved)


@pytest.mark.parametrize(
    ("top", "answer", "name"),
    [
        ("", "return np.float(1)", "numpy.float"),
        ("", "return Image.ANTIALIAS", "PIL.Image.ANTIALIAS"),
        ("", "return PIL.Image.ANTIALIAS", "PIL.Image.ANTIALIAS"),
        ("from numpy import product", "return data", "numpy.product"),
        ("from torch._six import string_classes", "return data", "torch._six"),
        ("import torchvision.models.utils", "return data", "torchvision.models.utils"),
        ("from collections import Mapping", "return data", "collections.Mapping"),
        (
            "from torchvision.models.resnet import model_urls as urls",
            "return data",
            "torchvision.models.resnet.model_urls",
        ),
        ("", "return ImageDraw.Draw(data).textsize('x')", "textsize"),
        ("", "return ImageFont.truetype('x').getsize('x')", "getsize"),
    ],
)
def test_a_name_that_is_gone_is_found_however_it_is_written(found, top, answer, name):
    findings = found("moved-name", {"handler.py": handler(top, answer)})

    assert [each.message.partition(" ")[0] for each in findings] == [name]
    assert findings[0].severity is Severity.CHANGE


@pytest.mark.parametrize(
    "answer",
    [
        "return np.float32(1), np.int64(1), np.bool_(1)",
        "return self.float, data.float()",
        "import os; return os.path.getsize('x')",
        "np = data; return data.product",
    ],
)
def test_names_that_only_look_alike_are_no_finding(found, answer):
    assert found("moved-name", {"handler.py": handler("", answer)}) == []


def test_a_name_that_the_code_can_do_without_is_no_finding(found):
    top = (
        "try:\n    from torch._six import inf\nexcept ImportError:\n    from math import inf\n"
        "try:\n    from math import inf\nexcept ImportError:\n    from torch._six import inf\n"
    )

    assert found("moved-name", {"handler.py": handler(top)}) == []


def test_a_name_in_code_that_may_never_run_is_a_note(found):
    (finding,) = found("moved-name", {"handler.py": handler("def plot():\n    return np.int(1)\n")})

    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("4.40.0", []),
        ("4.50.0", ["transformers.AdamW"]),
        ("5.24.0", ["transformers.AdamW", "encode_plus", "the"]),
    ],
)
def test_what_is_gone_depends_on_the_version_that_is_installed(found, install, version, names):
    install("transformers", version)
    answer = (
        "transformers.AdamW; self.tokenizer.encode_plus('x'); "
        "return transformers.pipeline('summarization')"
    )
    findings = found("moved-name", {"handler.py": handler("", answer)})

    assert sorted(each.message.partition(" ")[0] for each in findings) == sorted(names)


@pytest.mark.skipif(version_of("transformers") is not None, reason="transformers is installed")
def test_of_a_package_that_is_not_installed_the_pinned_version_counts(found):
    source = handler("from transformers import AdamW")
    files = {"handler.py": source, "requirements.txt": "transformers==4.6.0\n"}

    assert len(found("moved-name", files)) == 1
    assert found("moved-name", files, requirementsFile="requirements.txt") == []


def test_the_table_is_looked_up_without_importing_what_it_is_about(found, install, tmp_path):
    install("transformers", "5.24.0")
    found("moved-name", {"handler.py": handler("from transformers import AdamW")})

    assert not (tmp_path / "imported").exists()
