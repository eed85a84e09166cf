"""Batches for handlers inside of envelopes."""

import pytest

from ts_sdk import BaseHandler, Context

MANIFEST = {"model": {"modelName": "cat", "modelVersion": "1.0"}}


@pytest.fixture
def context_of():
    """The context of a batch: one mapping of headers a request; ids are id-0, id-1, ..."""

    def make(*headers):
        archive = Context("cat", "/m", MANIFEST, len(headers), None, "0.12.0")
        return archive.for_batch(headers, [f"id-{index}" for index in range(len(headers))])

    return make


@pytest.fixture
def statuses():
    """The response statuses of a batch's requests."""

    def read(context):
        return [
            context.get_response_status(index)[0] for index in range(len(context.request_processor))
        ]

    return read


class Doubling(BaseHandler):
    """Answers twice each number; a row that is no number is rejected."""

    def preprocess(self, data):
        for index, row in enumerate(data):
            if not isinstance(row, int | float):
                self.reject(index, f"{row!r} is no number")
        return [row for row in data if isinstance(row, int | float)]

    def inference(self, data):
        return [2 * number for number in data]

    def postprocess(self, data):
        return data


@pytest.fixture
def doubling():
    return Doubling()
