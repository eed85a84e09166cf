"""Envelopes around the handlers of loaded archives."""

import json

import pytest

from ts_sdk import RequestError

HANDLER = """
    from ts_sdk import BaseHandler

    class Halving(BaseHandler):
        def initialize(self, context): pass
        def preprocess(self, data):
            return [row["data"] if isinstance(row, dict) else row for row in data]
        def inference(self, data): return [100 / number for number in data]
        def postprocess(self, data): return data
"""


def of(*instances):
    return {"instances": list(instances)}


@pytest.fixture
def load(load_folder):
    return lambda envelope, source=HANDLER: load_folder({"handler.py": source}, envelope=envelope)


def test_a_response_has_the_bytes_that_torchserve_sent(load):
    """JSON text as it is, and a dict indented by two."""
    assert load("json").respond(of(4, 5)).body == b'{"predictions": [25.0, 20.0]}'


def test_a_dict_is_indented(load):
    body = load("kfserving").respond(of(4)).body
    assert body == b'{\n  "predictions": [\n    25.0\n  ]\n}'


def test_a_request_whose_instance_the_handler_fails_on_stands_alone(load):
    outcomes = load("kserve").predict_batch([of(4), of(5, 0), of(10, 20), b"no"])
    assert outcomes[0] == {"predictions": [25.0]}
    assert outcomes[2] == {"predictions": [10.0, 5.0]}
    assert isinstance(outcomes[1], RequestError)
    assert outcomes[1].status == 503
    assert "ZeroDivisionError" in str(outcomes[1])
    assert outcomes[3].status == 400
    assert "the body is not JSON" in outcomes[3].message


def test_binary_tensors_over_the_wire(load):
    tensor = {"name": "a", "shape": [], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    response = load("kservev2").respond(
        head + b"\0\0\x80\x40",  # 4.0
        content_type="application/octet-stream",
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    length = int(response.headers["Inference-Header-Content-Length"])
    assert response.content_type == "application/octet-stream"
    assert json.loads(response.body[:length])["model_name"] == "sources"
    assert response.body[length:] == b"\0\0\0\0\0\0\x39\x40"  # 25.0 as FP64
