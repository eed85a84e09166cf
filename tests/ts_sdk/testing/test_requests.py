"""Each builder's request is what TorchServe's worker would make of it, and handlers answer it."""

import base64
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchserve_corpus import recorded

from default_handlers import ImageClassifier, TextClassifier
from ts_sdk import BaseHandler, RequestError
from ts_sdk.testing.building import load_handler
from ts_sdk.testing.picture_files import random_image
from ts_sdk.testing.requests import (
    base64_request,
    explain_request,
    file_request,
    image_request,
    json_request,
    multipart_request,
    open_inference_request,
    tensor_request,
    text_request,
)

RED = Image.new("RGB", (8, 6), (255, 0, 0))


class MeanColour(nn.Module):
    """Three classes, whose scores are ten times the means of red, green and blue."""

    def forward(self, pictures):
        return 10 * pictures.mean((2, 3))


@pytest.fixture(scope="module")
def classifier():
    """A classifier that calls a red picture red."""
    names = {"index_to_name.json": {"0": "red", "1": "green", "2": "blue"}}
    config = {"handler": {"topk": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}}
    with load_handler(ImageClassifier, model=MeanColour(), files=names, config=config) as model:
        yield model


def wire_form(request):
    """The rows of *request* as the recorded handler shows them."""

    def shown(value):
        kind = type(value).__name__
        is_bytes = isinstance(value, bytes | bytearray)
        return [kind, len(value), value.hex()] if is_bytes else [kind, value]

    return {name: shown(value) for name, value in request.parts.items()}


def originals(name):
    """What TorchServe's own worker gave to a handler."""
    _, outcome = recorded.read()[f"rows: {name}"]
    ((reply,),) = outcome.replies
    return json.loads(reply.body)["parts"]


def test_a_form_arrives_as_in_the_original():
    request = multipart_request(
        {
            "image": (b"\x89PNG", "image/png"),
            "prompt": ("a cat", "text/plain"),
            "options": ({"steps": 3}, "application/json"),
            "target": 2,
            "data": b"12",
        }
    )
    assert wire_form(request) == originals("a multipart form")
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert request.content_types["target"] == ""
    assert request.content_types["data"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("text", text_request("Grüße\r\n")),
        ("text in Latin-1", text_request("Grüße", charset="iso-8859-1")),
        ("html", text_request("<b>bold</b>", subtype="html")),
        ("JSON list", json_request(((1, 2), (3, 4)))),
        ("JSON null", json_request(None)),
        ("JSON text", json_request("seven")),
        ("JSON list", tensor_request(torch.tensor([[1, 2], [3, 4]]))),
    ],
)
def test_texts_and_json_arrive_as_in_the_original(name, request_):
    assert wire_form(request_) == originals(name)


def test_a_charset_stays_in_the_header_and_the_part_is_typed_without_it():
    request = text_request("café", charset="latin-1")
    assert request.all_headers == {
        "Content-Type": "text/plain; charset=latin-1",
        "body": {"content-type": "text/plain"},
    }
    assert request.parts["body"] == bytearray(b"caf\xe9")


def test_headers_of_ones_own_are_sent_too_and_a_content_type_replaces_the_builders():
    request = json_request({"a": 1}, headers={"X-Tenant": "acme"})
    assert request.headers == {"Content-Type": "application/json", "X-Tenant": "acme"}
    request = json_request({"a": 1}, headers={"content-type": "text/plain; charset=utf-8"})
    assert request.headers == {"content-type": "text/plain; charset=utf-8"}
    assert request.parts["body"] == '{"a": 1}'
    assert request.content_types == {"body": "text/plain"}


def pixels_in_all_forms():
    levels = np.asarray(RED)
    channels_first = torch.from_numpy(levels.transpose(2, 0, 1).copy())
    return {
        "Pillow": RED,
        "with alpha": RED.convert("RGBA"),
        "palette": RED.convert("P"),
        "array": levels,
        "tensor": channels_first,
        "floats": channels_first / 255,
        "half": (channels_first / 255).half(),
    }


@pytest.mark.parametrize("format_", [None, "jpeg", "png", "webp", "bmp", "tiff", "GIF"])
@pytest.mark.parametrize("form", pixels_in_all_forms())
def test_a_classifier_reads_pictures_made_of_pixels(classifier, form, format_):
    request = image_request(pixels_in_all_forms()[form], format=format_)
    kind = (format_ or "jpeg").lower()
    assert request.content_types == {"body": f"image/{kind}"}
    assert request.headers == {"Content-Type": f"image/{kind}"}
    assert type(request.parts["body"]) is bytearray
    assert [*classifier.predict(request)] == ["red"]


def test_grey_levels_are_a_picture_too():
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for given in (levels, torch.from_numpy(levels)[None]):
        image = Image.open(io.BytesIO(image_request(given, format="png").parts["body"]))
        assert (image.size, image.mode) == ((4, 3), "L")
        assert np.array_equal(np.asarray(image), levels)


def test_files_and_encoded_bytes_are_sent_as_they_are(classifier, tmp_path):
    path = tmp_path / "red.png"
    RED.save(path)
    content = path.read_bytes()
    for given in (path, str(path), content, bytearray(content)):
        request = image_request(given)
        assert request.parts == {"body": bytearray(content)}
        assert request.content_types == {"body": "image/png"}
        assert [*classifier.predict(request)] == ["red"]
    assert image_request(path, format="jpeg").content_types == {"body": "image/jpeg"}
    assert image_request(b"what is this?").content_types == {"body": "application/octet-stream"}


def test_a_picture_in_a_form_is_a_file_of_its_type(classifier):
    request = image_request(RED, part="data", headers={"X-Tenant": "acme"})
    assert request.content_types == {"data": "image/jpeg"}
    assert request.headers["X-Tenant"] == "acme"
    assert [*classifier.predict(request)] == ["red"]
    mixed = multipart_request({"data": RED, "target": "1"})
    assert mixed.parts["target"] == bytearray(b"1")
    assert [*classifier.predict(mixed)] == ["red"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((2, 2)), "not float64 (2, 2)"),
        (np.zeros((2, 2, 5), np.uint8), "not uint8 (2, 2, 5)"),
        (torch.zeros(2, 2), "not float32 (2, 2)"),
        (torch.full((3, 2, 2), -0.1), "undo its normalisation"),
        (torch.full((3, 2, 2), torch.nan), "undo its normalisation"),
        (torch.zeros(3, 2, 2, dtype=torch.int64), "not int64 (3, 2, 2)"),
    ],
)
def test_what_are_no_pixels_is_refused_with_what_would_be(given, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        image_request(given)


def test_bytes_are_no_text():
    with pytest.raises(TypeError, match=r"takes a str, not bytes; file_request\(path\)"):
        text_request(b"a cat")


def test_what_cannot_be_sent_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be sent as nonsense"):
        image_request(RED, format="nonsense")
    with pytest.raises(ValueError, match="holds 8 bits a level"):
        image_request(Image.new("I;16", (2, 2)))
    with pytest.raises(ValueError, match="leave out format="):
        image_request(b"no picture", format="png")
    with pytest.raises(TypeError, match="not int"):
        image_request(7)
    with pytest.raises(RequestError, match="cannot be read"):
        image_request(tmp_path / "missing.jpg")
    with pytest.raises(RequestError, match="cannot be read"):
        file_request(tmp_path / "missing.txt")
    with pytest.raises(TypeError, match=r"tensor_request\(\)"):
        json_request({"a": torch.zeros(2)})
    with pytest.raises(TypeError, match="part 'data': expected text"):
        multipart_request({"data": object()})
    with pytest.raises(TypeError, match="a NoneType cannot be sent as image/png"):
        multipart_request({"data": (None, "image/png")})
    with pytest.raises(ValueError, match="envelope must be"):
        base64_request(RED, envelope="kserve3")


@pytest.mark.parametrize(
    ("name", "content", "kind", "value"),
    [
        ("a.txt", b"a cat", "text/plain", "a cat"),
        ("a.json", b'{"a": 1}', "application/json", {"a": 1}),
        ("a.json", b"{broken", "application/json", bytearray(b"{broken")),
        ("a.csv", b"1,2", "text/csv", "1,2"),
        ("a.jpg", b"\xff\xd8", "image/jpeg", bytearray(b"\xff\xd8")),
        ("a.tar.gz", b"\x1f\x8b", "application/octet-stream", bytearray(b"\x1f\x8b")),
        ("a.unknown", b"1", "application/octet-stream", bytearray(b"1")),
    ],
)
def test_a_file_is_sent_as_its_suffix_says(tmp_path, name, content, kind, value):
    path = tmp_path / name
    path.write_bytes(content)
    request = file_request(path)
    assert (request.parts, request.content_types) == ({"body": value}, {"body": kind})
    assert file_request(str(path), part="data").parts == {"data": value}
    assert file_request(path, content_type="x-a/x-b").parts == {"body": bytearray(content)}
    assert multipart_request({"data": path}).content_types == {"data": kind}


def test_text_is_classified():
    class Lengths(nn.Module):
        def forward(self, tokens, offsets):
            ends = torch.cat([offsets[1:], torch.tensor([len(tokens)])])
            return torch.stack([(ends - offsets).float(), torch.full((len(offsets),), 2.5)], 1)

    file = io.BytesIO()
    torch.save({"a": 0, "cat": 1, "sat": 2, "<unk>": 3}, file)
    files = {
        "source_vocab.pt": file.getvalue(),
        "index_to_name.json": {"0": "long", "1": "short"},
    }
    with load_handler(TextClassifier, model=Lengths(), files=files) as model:
        long, short = model.predict_batch([text_request("a cat sat"), text_request("a")])
    assert max(long, key=long.get) == "long"
    assert max(short, key=short.get) == "short"


def test_numbers_reach_a_model_of_one_input_and_of_several():
    class Sum(nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return left + right

    with load_handler(BaseHandler, model=nn.Identity()) as model:
        for given in (torch.tensor([1.5, 2.0]), np.array([1.5, 2.0]), [torch.tensor(1.5), 2]):
            assert model.predict(tensor_request(given)) == [1.5, 2.0]
    with load_handler(BaseHandler, model=Sum()) as model:
        request = tensor_request({"left": torch.tensor([1.5, 2.0]), "right": [1.0, 1.0]})
        assert model.predict(request) == [2.5, 3.0]


def test_base64_is_read_as_text_and_in_every_envelope():
    names = {"index_to_name.json": {"0": "red", "1": "green", "2": "blue"}}
    config = {"handler": {"topk": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}}

    def answer(envelope):
        with load_handler(
            ImageClassifier, model=MeanColour(), files=names, config=config, envelope=envelope
        ) as model:
            return model.predict(base64_request(RED, envelope=envelope, format="png"))

    assert [*answer(None)] == ["red"]
    assert "red" in json.loads(answer("json"))["predictions"][0]
    assert "red" in answer("kserve")["predictions"][0]
    (output,) = answer("kservev2")["outputs"]
    assert "red" in output["data"][0]


def test_base64_is_that_of_the_bytes():
    request = base64_request(b"any bytes")
    assert base64.b64decode(request.parts["body"]) == b"any bytes"
    assert request.content_types == {"body": "text/plain"}


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    ("values", "datatype"),
    [
        (np.array([[1, 2], [3, 4]], np.int16), "INT16"),
        (np.array([True, False]), "BOOL"),
        (torch.tensor([0.5, -2.0]), "FP32"),
        (torch.tensor([0.5, -2.0], dtype=torch.float16), "FP16"),
        (torch.tensor([0.5, -2.0], dtype=torch.bfloat16), "BF16"),
        (np.array([2**63, 5], np.uint64), "UINT64"),
        ([1, 2, 3], "INT64"),
        ([[0.5], [1.5]], "FP64"),
        (([0.5, 1.5], "FP16"), "FP16"),
        (7, "INT64"),
    ],
)
def test_tensors_of_every_datatype_reach_a_handler_behind_the_protocol(values, datatype, binary):
    request = open_inference_request(
        {"data": values}, id="42", parameters={"binary_data_output": False}, binary=binary
    )
    if not binary:
        assert request.parts["body"]["inputs"][0]["datatype"] == datatype
    given = values[0] if isinstance(values, tuple) else values
    plain = given.tolist() if hasattr(given, "tolist") else given
    wanted = np.array(plain, dtype=object).reshape(-1).tolist()
    seen = []

    def handle(data, context):
        if data is None:
            return None
        seen.append((data, context.input_parameters, context.input_request_id))
        return [[1] for _ in data]

    with load_handler(handle, envelope="kservev2") as model:
        assert model.predict(request)["id"] == "42"
    (((row,), parameters, number),) = seen
    assert np.array(row["data"], dtype=object).reshape(-1).tolist() == wanted
    assert (row["name"], row["datatype"], number) == ("data", datatype, "42")
    assert parameters == [{"binary_data_output": False}]


@pytest.mark.parametrize("binary", [False, True])
def test_texts_and_bytes_are_tensors_of_the_protocol(binary):
    def handle(data, context):
        return None if data is None else [[repr(row["data"])] for row in data]

    request = open_inference_request(
        {"one": b"\xff\x00", "some": [b"a", b"\xff"], "text": "a cat"}, binary=binary
    )
    with load_handler(handle, envelope="kservev2") as model:
        outputs = model.predict(request)["outputs"]
    text = b"a cat" if binary else "a cat"
    assert [output["data"] for output in outputs] == [
        [repr(b"\xff\x00")],
        [repr([b"a", b"\xff"])],
        [repr(text)],
    ]
    if binary:
        assert request.content_types == {"body": "application/octet-stream"}
        length = int(request.headers["Inference-Header-Content-Length"])
        assert [*json.loads(request.parts["body"][:length])] == ["inputs"]


def test_values_that_the_protocol_has_no_datatype_for_are_refused():
    with pytest.raises(ValueError, match=r"input 'x': .* no tensor of complex128"):
        open_inference_request({"x": [1j]})
    with pytest.raises(ValueError, match="no tensor of float64 as BYTES"):
        open_inference_request({"x": ([1.5], "BYTES")})


def test_an_explanation_is_asked_for_with_a_header_and_a_parameter_of_the_url(classifier):
    asked = image_request(RED, headers={"X-Tenant": "acme"})
    request = explain_request(asked, target=2)
    assert request.headers == {"Content-Type": "image/jpeg", "X-Tenant": "acme", "explain": "True"}
    assert request.parts == {**asked.parts, "target": bytearray(b"2")}
    assert request.content_types == {"body": "image/jpeg", "target": ""}
    assert "target" not in asked.parts
    assert "explain" not in asked.headers
    assert "target" not in explain_request(RED.tobytes()).parts

    class Explaining(ImageClassifier):
        def get_insights(self, tensor_data, raw_data, target):
            return [{"target": target, "shape": list(tensor_data.shape)}]

    with load_handler(Explaining, model=MeanColour()) as model:
        assert model.predict(request) == {"target": 2, "shape": [1, 3, 224, 224]}


def test_a_random_image_is_the_same_for_a_seed_and_as_compressible_as_a_photograph():
    image = random_image((320, 240), seed=3)
    assert (image.size, image.mode) == ((320, 240), "RGB")
    assert image.tobytes() == random_image((320, 240), seed=3).tobytes()
    assert image.tobytes() != random_image((320, 240), seed=4).tobytes()
    bits = 8 * len(image_request(image, quality=90).parts["body"]) / (320 * 240)
    assert 0.5 < bits < 6  # of JPEG: a plain colour has 0.1, noise has 9
    levels = np.asarray(image).reshape(-1, 3)
    assert levels.std(0).min() > 20
    assert random_image((1, 1)).size == (1, 1)


def test_what_handlers_do_to_a_request_is_not_kept_from_the_next_builder():
    value = {"a": [1]}
    request = json_request(value)
    request.parts["body"]["a"].append(2)
    assert value == {"a": [1]}


def test_the_switch_against_decoding_holds_as_in_the_worker():
    program = (
        "from ts_sdk.testing.requests import json_request, multipart_request\n"
        "assert json_request([1]).parts == {'body': bytearray(b'[1]')}\n"
        "assert multipart_request({'a': ('b', 'text/plain')}).parts == {'a': bytearray(b'b')}\n"
    )
    environment = {"TS_DECODE_INPUT_REQUEST": "false"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=False, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr.decode()
