"""Handlers that answer the first request of a batch only."""

import pytest

from ts_sdk.doctor import Severity

HANDLER = """
import logging
logger = logging.getLogger(__name__)

class Handler:
    def initialize(self, context):
        pass

    def preprocess(self, data):
        {body}

    def inference(self, tensors):
        return tensors[0]

    def handle(self, data, context):
        return self.inference(self.preprocess(data))
"""


def first_row(found, body, **model):
    files = {"handler.py": HANDLER.format(body=body)}
    if model:
        files["model-config.yaml"] = "batchSize: 8\n"
    return found("first-row-only", files, **model)


@pytest.mark.parametrize(
    "body",
    [
        "return data[0]['body']",
        "data = data[0]; return [value for value in data]",
        "text = data[0].get('data')\n        if text is None:\n            text = data[0]['body']",
        "logger.info('got %s', data)\n        return data[0] if data is not None else None",
        "if not data:\n            return []\n        print('x', data)\n        return data[0]",
    ],
)
def test_reading_row_0_and_no_other_is_a_note_where_requests_come_one_by_one(found, body):
    (finding,) = first_row(found, body)

    assert finding.severity is Severity.NOTE
    assert "preprocess()" in finding.message


def test_it_is_a_change_where_the_config_asks_for_batches(found):
    (finding,) = first_row(found, "return data[0]", configFile="model-config.yaml")

    assert finding.severity is Severity.CHANGE
    assert "batchSize is 8" in finding.message
    assert finding.place == "handler.py:10"


@pytest.mark.parametrize(
    "body",
    [
        "return [row['body'] for row in data]",
        "return data[0] if len(data) == 1 else [row for row in data]",
        "return self.decode(data), data[0]",
        "return [data[i] for i in range(3)]",
        "return data[0:]",
        "rows = data\n        return rows[1]",
        "return None",
    ],
)
def test_a_look_at_more_than_row_0_is_no_finding(found, body):
    assert first_row(found, body) == []


def test_a_module_function_is_looked_at_too(found):
    source = (
        "def predict(data, context):\n    if data is None:\n        return\n    return data[0]\n"
    )
    (finding,) = found("first-row-only", {"handler.py": source}, handler="handler.py:predict")

    assert finding.line == 4
