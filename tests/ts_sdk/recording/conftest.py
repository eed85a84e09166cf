"""A handler whose requests say what becomes of them, and the folder where they are recorded."""

import json

import pytest

from ts_sdk import Recording
from ts_sdk.recording import read_recorded

HANDLER = """
    class Handler:
        def initialize(self, context):
            pass

        def handle(self, data, context):
            answers = []
            for index, row in enumerate(data):
                body = row["body"]
                if isinstance(body, dict):
                    body = body.pop("say")
                if body == "raise":
                    raise KeyError("colour")
                if body == "reject":
                    context.set_response_status(422, "too dark", index)
                answers.append({"said": body})
            return answers
"""


@pytest.fixture
def folder(tmp_path):
    """Where requests are recorded; it is not there yet."""
    return tmp_path / "recorded"


@pytest.fixture
def load(load_folder, folder):
    """Load the handler, or the one that is given, and record what fails, or as *settings* say."""

    def loading(handler=HANDLER, *, settings=None, **options):
        record = folder if settings is None else Recording(folder, **settings)
        return load_folder({"handler.py": handler}, **{"record": record, **options})

    return loading


@pytest.fixture
def kept(folder):
    """What was recorded, by the value of its body."""

    def reading():
        if not any(folder.glob("*")):
            return {}
        return {
            json.dumps(body, default=repr): each
            for each in read_recorded(folder)
            for body in [each.request().parts["body"]]
        }

    return reading
