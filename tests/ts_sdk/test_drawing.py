"""`Model.draw` asks the handler."""

import json

import pytest
from PIL import Image

import ts_sdk
from ts_sdk.errors import HandlerContractError

PLAIN = """
class Handler:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        return ["drawn"] * len(data)
"""
DRAWING = """
from PIL import Image

class Handler:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        return [len(row["body"]) for row in data]

    def draw(self, answer, row):
        import shades
        return Image.new("L", (answer, 1), shades.SHADE + len(row["body"]))
"""


@pytest.fixture
def load(tmp_path):
    """Load a folder with this handler."""

    def load(handler, **options):
        (tmp_path / "MAR-INF").mkdir(exist_ok=True)
        manifest = {"model": {"modelName": "drawing", "handler": "handler.py"}}
        (tmp_path / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
        (tmp_path / "handler.py").write_text(handler)
        (tmp_path / "shades.py").write_text("SHADE = 40\n")
        return ts_sdk.load(tmp_path, device="cpu", **options)

    return load


def test_a_handler_draws_its_answer_on_the_row_that_it_was_given(load):
    with load(DRAWING) as model:
        image = model.draw(model.predict("seven l"), "seven l")
    assert (image.size, image.getpixel((0, 0))) == ((7, 1), 47)


def test_a_handler_that_draws_nothing_is_told_how(load):
    words = r"Handler cannot draw.*draw\(answer, row\)"
    with load(PLAIN) as model, pytest.raises(HandlerContractError, match=words):
        model.draw("drawn", "x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError('box')", r"Handler\.draw\(\) failed: KeyError: 'box'"),
        ("return answer", "returned a str, not a Pillow image"),
    ],
)
def test_what_fails_while_it_draws_is_told_with_the_handlers_name(load, body, words):
    handler = f"{PLAIN}\n    def draw(self, answer, row):\n        {body}\n"
    with load(handler) as model, pytest.raises(HandlerContractError, match=words):
        model.draw("drawn", "x")


def test_a_modules_function_is_told_that_only_a_class_draws(load):
    handler = "def handle(data, context):\n    return None if data is None else [1] * len(data)\n"
    words = r"it is a function of a module.*method draw\(answer, row\)"
    with load(handler) as model, pytest.raises(HandlerContractError, match=words):
        model.draw(1, "x")


@pytest.mark.skipif("os.name != 'posix'")
def test_a_handler_in_another_process_draws_nothing(load):
    with load(DRAWING, isolation="process") as model:
        assert model.predict("seven l") == 7
        with pytest.raises(HandlerContractError, match="isolation='archive'"):
            model.draw(7, "seven l")


def test_an_answer_is_drawn_by_a_default_handler(tmp_path):
    (tmp_path / "MAR-INF").mkdir()
    model = {"modelName": "m", "handler": "image_classifier", "modelFile": "model.py"}
    (tmp_path / "MAR-INF/MANIFEST.json").write_text(json.dumps({"model": model}))
    code = "from torch import nn\nclass M(nn.Module):\n def forward(self, x): return x.mean((2, 3))"
    (tmp_path / "model.py").write_text(code)
    Image.new("RGB", (30, 20), (255, 0, 0)).save(tmp_path / "red.png")
    with ts_sdk.load(tmp_path, device="cpu") as loaded:
        answer = loaded.predict(tmp_path / "red.png")
        assert loaded.draw(answer, tmp_path / "red.png").width == 640
