"""Paths that lead elsewhere when the handler answers."""

import pytest

from ts_sdk.doctor import Severity

HANDLER = """
import os
from pathlib import Path
import numpy as np
from PIL import Image

class Handler:
    def initialize(self, context):
        self.folder = context.system_properties["model_dir"]
        {start}

    def handle(self, data, context):
        return self.answer(data)

    def answer(self, data):
        {body}
"""
FILES = {"labels.csv": "cat\n", "fonts/small.ttf": b"1"}


def paths(found, body="pass", start="pass", check="relative-path"):
    return found(check, {"handler.py": HANDLER.format(body=body, start=start), **FILES})


@pytest.mark.parametrize(
    "body",
    [
        "open('labels.csv').read()",
        "open('./labels.csv', 'rb')",
        "open('labels.csv', mode='r')",
        "Path('labels.csv').read_text()",
        "np.loadtxt('labels.csv')",
        "Image.open('fonts/small.ttf')",
        "self.tokenizer.from_pretrained('fonts')",
        "os.listdir('./fonts/')",
    ],
)
def test_a_file_of_the_archive_by_a_relative_path_is_a_change_while_answering(found, body):
    (finding,) = paths(found, body)

    assert finding.severity is Severity.CHANGE
    assert finding.place == "handler.py:16"
    assert "isolation='process'" in finding.fix


def test_while_the_model_is_loaded_it_is_right(found):
    assert paths(found, start="self.labels = open('labels.csv').read()") == []


@pytest.mark.parametrize(
    "body",
    [
        "open(os.path.join(self.folder, 'labels.csv'))",
        "open(Path(self.folder, 'labels.csv'))",
        "data.get('labels.csv')",
        "open('other.csv')",
        "if self.labels is None:\n            self.labels = open('labels.csv')",
        "if not self.initialized:\n            self.labels = open('labels.csv')",
    ],
)
def test_other_paths_and_names_are_no_finding(found, body):
    assert paths(found, body) == []


def test_writing_into_the_programs_folder_is_a_note(found):
    (finding,) = paths(found, "open('out.wav', 'wb')")

    assert finding.severity is Severity.NOTE


def test_an_absolute_path_that_is_not_here_is_a_change(found, tmp_path):
    here = tmp_path / "here"
    here.touch()
    start = f"open('/home/model-server/no/labels.csv'); open('{here}'); open('/new/log', 'a')"
    (finding,) = paths(found, start=start, check="absolute-path")

    assert finding.severity is Severity.CHANGE
    assert "/home/model-server/no/labels.csv" in finding.message


def test_a_module_function_that_loads_when_first_called_is_right(found):
    source = """
    model = None

    def handle(data, context):
        global model
        if model is None:
            model = open("labels.csv").read()
        if data is None:
            return None
        return [open("fonts/small.ttf")]
    """
    (finding,) = found("relative-path", {"handler.py": source, **FILES})

    assert finding.line == 10
