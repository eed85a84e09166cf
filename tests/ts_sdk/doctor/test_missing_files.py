"""Files that are opened while an archive is loaded, and that it does not hold."""

import pytest

from ts_sdk.doctor import Severity

HANDLER = """
import json
import os
from pathlib import Path
import torch
{top}

class Handler:
    def initialize(self, context):
        properties = context.system_properties
        model_dir = properties.get("model_dir")
        folder = Path(properties["model_dir"])
        self.model_dir = model_dir
        {start}

    def handle(self, data, context):
        return self.answer(data)

    def read(self, name="labels.txt"):
        return open("b.txt")

    def answer(self, data):
        return open(os.path.join(self.model_dir, "late.txt"))
"""
FILES = {"a.txt": "x", "names/a.txt": "x"}


def missing(found, start="pass", top="", **files):
    source = HANDLER.format(start=start, top=top)
    return found("missing-file", {"handler.py": source, **FILES, **files})


@pytest.mark.parametrize(
    ("start", "name"),
    [
        ("open('b.txt')", "b.txt"),
        ("open('./b.txt', 'rb')", "b.txt"),
        ("json.load(open('b.json'))", "b.json"),
        ("with open(os.path.join(model_dir, 'b.json')) as file:\n            pass", "b.json"),
        ("open(os.path.join(self.model_dir, 'names', 'b.txt'))", "names/b.txt"),
        ("open(folder / 'b.txt')", "b.txt"),
        ("open(str(Path(model_dir) / 'b.txt'))", "b.txt"),
        ("(folder / 'b.txt').read_text()", "b.txt"),
        ("(folder / 'b.txt').open()", "b.txt"),
        ("path = folder / 'b.txt'; path.read_bytes()", "b.txt"),
        ("open(model_dir + '/b.txt')", "b.txt"),
        ("open(f'{model_dir}/b.txt')", "b.txt"),
        ("torch.load(os.path.join(model_dir, 'w.pt'), map_location='cpu')", "w.pt"),
        ("torch.jit.load(os.path.join(model_dir, 'w.pt'))", "w.pt"),
        ("open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'b.txt'))", "b.txt"),
        ("open(Path(__file__).resolve().parent / 'b.txt')", "b.txt"),
        ("self.read()", "b.txt"),
        ("if self.initialized:\n            return\n        open('b.txt')", "b.txt"),
    ],
)
def test_a_file_that_is_not_packed_is_a_change(found, start, name):
    (finding,) = missing(found, start)

    assert finding.severity is Severity.CHANGE
    assert finding.fix == f"add {name} with --extra-files"
    assert name in finding.message


def test_so_is_one_that_is_opened_when_the_file_or_another_of_the_archive_is_imported(found):
    (finding,) = missing(found, top="WORDS = open('b.txt').read()")
    assert finding.place == "handler.py:6"

    texts = "def words():\n    return open('c.txt').read()\n"
    (finding,) = missing(found, "texts.words()", "import texts", **{"texts.py": texts})
    assert finding.place == "texts.py:2"
    assert "words() opens 'c.txt'" in finding.message


def test_the_initialize_of_a_base_in_the_archive_is_followed(found):
    source = """
    class Base:
        def initialize(self, context):
            open("b.txt")
        def handle(self, data, context):
            return data

    class Handler(Base):
        def initialize(self, context):
            super().initialize(context)
    """
    (finding,) = found("missing-file", {"handler.py": source})

    assert finding.line == 4


@pytest.mark.parametrize(
    "start",
    [
        "open('a.txt')",
        "open(os.path.join(model_dir, 'names', 'a.txt'))",
        "open('MAR-INF/MANIFEST.json')",
        "open('b.txt', 'w')",
        "open('b.txt', mode='a')",
        "open('b.txt', self.mode)",
        "(folder / 'b.txt').open('wb')",
        "open('/etc/no-such-file')",
        "open(os.path.join('/opt/models', 'b.txt'))",
        "open(os.path.join(os.environ['HOME'], 'b.txt'))",
        "open(os.path.expanduser('~/b.txt'))",
        "open('../b.txt')",
        "open(context.path)",
        "open(os.path.join(model_dir, context.name, 'b.txt'))",
        "open(os.path.join(model_dir, context.name))",
        "model_dir = context.cache; open(os.path.join(model_dir, 'b.txt'))",
        "json.load('b.json')",
        "if os.path.isfile('b.txt'):\n            open('b.txt')",
        "if not (folder / 'b.txt').exists():\n            return\n        open('b.txt')",
        "if context.model:\n            open('b.txt')",
        "if context.model:\n            return\n        open('b.txt')",
        "x = open('b.txt') if context.model else None",
        "for each in context.names:\n            open('b.txt')",
        "if context.model:\n            self.read()",
        "try:\n            open('b.txt')\n        except OSError:\n            pass",
        "try:\n            self.read()\n        except OSError:\n            pass",
        "self.reader = lambda: open('b.txt')",
        "def late():\n            return open('b.txt')",
        "self.make('b.txt'); open('b.txt')",
        "torch.save(1, os.path.join(model_dir, 'w.pt')); torch.load(folder / 'w.pt')",
        "import zipfile; zipfile.ZipFile('a.txt').extractall(model_dir); open('b.txt')",
        "import subprocess; subprocess.run(['./get.sh']); open('b.txt')",
        "os.chdir('/opt'); open('b.txt')",
    ],
)
def test_what_may_be_there_or_may_not_be_opened_is_no_finding(found, start):
    assert missing(found, start) == []


def test_what_only_answering_opens_is_no_finding(found):
    assert missing(found) == []


def test_a_script_beside_the_handler_is_not_loaded(found):
    assert missing(found, **{"train.py": "open('b.txt')\n"}) == []
