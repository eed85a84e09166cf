"""Every request envelope: what the handler sees, and what goes out."""

import base64
import json

from torchserve_corpus.case import Case, Differs, Reply, Sent, binary, text, value

SHOWS_DATA = """
def shown(value):
    if isinstance(value, (bytes, bytearray)):
        return [type(value).__name__, value.hex()]
    if isinstance(value, dict):
        return {name: shown(each) for name, each in value.items()}
    return value


def handle(data, context):
    return None if data is None else [{"seen": shown(each)} for each in data]
"""

RETURNS_NUMBERS = """
def handle(data, context):
    return None if data is None else [sum(each) for each in data]
"""

EXPLAINS = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        pass

    def preprocess(self, data):
        return data

    def inference(self, data):
        return data

    def postprocess(self, data):
        return data

    def explain_handle(self, data_preprocess, raw_data):
        return [["because", each] for each in data_preprocess]
"""

V2_SHOWS = """
def handle(data, context):
    if data is None:
        return None
    return [[each["name"], each["datatype"], each["shape"], each["data"]] for each in data]
"""

V2_DATA = """
def handle(data, context):
    return None if data is None else [each["data"] for each in data]
"""

V2_SCALES = """
import numpy as np


def handle(data, context):
    if data is None:
        return None
    return [np.array(each["data"], dtype=np.float32) * 2 for each in data]
"""

PICTURE = base64.b64encode(b"\x89PNG").decode()


def cases() -> list[Case]:
    """Each envelope as TorchServe has it, and what it does better here."""
    return [*_body(), *_json(), *_kserve(), *_kservev2()]


def _case(
    envelope: str, name: str, code: str, *batches: list[Sent], differs: Differs | None = None
) -> Case:
    return Case(
        f"envelopes: {envelope}: {name}",
        {"handler.py": code},
        batches,
        model={"envelope": envelope},
        differs=differs,
    )


def _body() -> list[Case]:
    return [
        _case("body", "a row", SHOWS_DATA, [text("a")], [value({"a": 1}, "data"), binary(b"\1")]),
        _case("body", "numbers", RETURNS_NUMBERS, [value([1, 2]), value([3])]),
    ]


def _json() -> list[Case]:
    mixed = {"instances": [{"b64": PICTURE}, {"image": {"b64": PICTURE}, "n": 1}, {"n": [2]}]}
    return [
        _case("json", "instances", RETURNS_NUMBERS, [value({"instances": [[1, 2], [3]]})]),
        _case(
            "json",
            "a batch of mini-batches",
            RETURNS_NUMBERS,
            [value({"instances": [[1], [2]]}), value({"instances": [[3]]}, "data")],
        ),
        _case("json", "base64", SHOWS_DATA, [value(mixed)]),
    ]


def _kserve() -> list[Case]:
    one, two = {"instances": [[1, 2], [3]]}, {"instances": [[5]]}
    return [
        _case("kserve", "instances", RETURNS_NUMBERS, [value(one)]),
        _case("kserve", "bytes", RETURNS_NUMBERS, [binary(json.dumps(one).encode())]),
        _case(
            "kserve", "dicts", SHOWS_DATA, [value({"instances": [{"data": "a"}, {"data": "b"}]})]
        ),
        _case("kserve", "an explanation", EXPLAINS, [value(one).having(explain="True")]),
        _case(
            "kserve",
            "a batch",
            RETURNS_NUMBERS,
            [value(one), value(two)],
            differs=Differs(
                "TorchServe reads the first request only",
                [[Reply.json({"predictions": [3, 3]}), Reply.json({"predictions": [5]})]],
            ),
        ),
        _case(
            "kfserving",
            "the older name",
            RETURNS_NUMBERS,
            [value(one)],
            differs=Differs(
                "archives of older releases name it so", [[Reply.json({"predictions": [3, 3]})]]
            ),
        ),
    ]


def _kservev2() -> list[Case]:
    vector = _tensor("x", "INT64", [3], [1, 2, 3])
    matrix = _tensor("x", "FP32", [2, 2], [1.0, 2.0, 3.0, 4.0])
    asked = {"id": "mine", "inputs": [vector]}
    return [
        _case("kservev2", "a tensor", V2_DATA, [value(asked)]),
        _case("kservev2", "bytes", V2_DATA, [binary(json.dumps(asked).encode())]),
        _case(
            "kservev2",
            "several tensors",
            V2_DATA,
            [value({"id": "i", "inputs": [vector, {**vector, "name": "y"}]})],
        ),
        _case("kservev2", "no id", V2_DATA, [value({"inputs": [vector]})]),
        _case(
            "kservev2",
            "an id of its own for each batch",
            V2_DATA,
            [value(asked)],
            [value({**asked, "id": "next"})],
        ),
        _case(
            "kservev2",
            "shapes",
            V2_SCALES,
            [value({"id": "m", "inputs": [matrix]})],
            differs=Differs(
                "TorchServe flattens what goes out",
                [[_v2("m", _tensor("x", "FP32", [2, 2], [2.0, 4.0, 6.0, 8.0]))]],
            ),
        ),
        _case(
            "kservev2",
            "a batch",
            V2_DATA,
            [value(asked), value({"id": "other", "inputs": [_tensor("y", "INT64", [1], [4])]})],
            differs=Differs(
                "TorchServe reads the first request only",
                [
                    [
                        _v2("mine", vector),
                        _v2("other", _tensor("y", "INT64", [1], [4])),
                    ]
                ],
            ),
        ),
    ]


def _tensor(name: str, datatype: str, shape: list[int], data: list[object]) -> dict[str, object]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _v2(request_id: str, output: dict[str, object]) -> Reply:
    ordered = {key: output[key] for key in ("name", "datatype", "data", "shape")}
    return Reply.json(
        {"id": request_id, "model_name": "corpus", "model_version": "1.0", "outputs": [ordered]}
    )
