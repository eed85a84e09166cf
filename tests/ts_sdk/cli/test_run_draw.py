"""`mar run --draw` writes pictures beside the answers."""

import io
import json
import sys

import pytest
from PIL import Image

HANDLER = """
from PIL import Image


class Sizes:
    '''Answers with the size of what it is given, and draws it as an image of that width.'''

    def initialize(self, context):
        pass

    def handle(self, data, context):
        return [len(row["body"]) for row in data]

    def draw(self, answer, row):
        print("drawing")
        return Image.new("RGB", (len(row["body"]), answer))
"""


@pytest.fixture
def sizes(tmp_path):
    folder = tmp_path / "sizes"
    (folder / "MAR-INF").mkdir(parents=True)
    manifest = {"model": {"modelName": "sizes", "handler": "handler.py"}}
    (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
    (folder / "handler.py").write_text(HANDLER)
    return folder


def width_of(path):
    with Image.open(path) as image:
        return image.width


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp"])
def test_the_answer_to_one_input_is_drawn_to_a_file(mar, sizes, make_input, tmp_path, name):
    text = make_input("a.txt", "seven l")
    ran = mar("run", sizes, text, "--draw", tmp_path / name)
    assert (ran.code, ran.out) == (0, f"{text}\n  7\n")
    with Image.open(tmp_path / name) as image:
        assert image.size == (7, 7)


def test_those_to_several_are_drawn_to_a_folder(mar, sizes, make_input, tmp_path):
    words = [
        make_input("a.txt", "1"),
        make_input("b/a.txt", "12"),
        make_input("c d.txt", "123"),
        make_input("b/c d.txt", "1234"),
    ]
    folder = tmp_path / "drawn"
    folder.mkdir()
    ran = mar("run", sizes, *words, "--body", '"12345"', "--draw", folder, "--json")
    assert ran.code == 0
    widths = {path.name: width_of(path) for path in folder.iterdir()}
    assert widths == {"a.png": 1, "a 2.png": 2, "c d.png": 3, "c d 2.png": 4, "body.png": 5}


def test_standard_input_is_drawn_too(mar, sizes, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"abc")))
    assert mar("run", sizes, "-", "--draw", tmp_path / "out.png").code == 0
    assert width_of(tmp_path / "out.png") == 3


@pytest.mark.parametrize(
    ("texts", "target", "words"),
    [
        ("ab", "out.png", "2 inputs are drawn to as many files; name a folder that is there"),
        ("a", "out.gif", "the name must end in .png, .jpg, .jpeg, .webp"),
        ("a", "nowhere/out.png", "there is no folder"),
    ],
)
def test_a_target_that_cannot_be_written_is_a_wrong_command_line(
    mar, sizes, tmp_path, texts, target, words
):
    bodies = [word for text in texts for word in ("--body", f'"{text}"')]
    ran = mar("run", sizes, *bodies, "--draw", tmp_path / target)
    assert ran.code == 2
    assert words in ran.err
    assert ran.out == ""


@pytest.mark.parametrize("options", [["--draw", "a.png"], ["--draw", "."], ["-o", "a.png"]])
def test_what_is_sent_is_never_written_over(mar, sizes, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    sent = tmp_path / "a.png"
    sent.write_bytes(b"seven l")
    ran = mar("run", sizes, sent, *options)
    assert ran.code == 2
    assert "a.png is an input, which would be written over: name another place" in ran.err
    assert sent.read_bytes() == b"seven l"


def test_an_answer_that_cannot_be_drawn_is_printed_and_the_run_has_failed(mar, doubler, tmp_path):
    ran = mar("run", doubler, "--body", '{"x": 2}', "--draw", tmp_path / "out.png")
    assert ran.code == 1
    assert "double  4" in ran.out
    assert "<body>: the answer was not drawn: Doubler cannot draw its answers" in ran.err
    assert not (tmp_path / "out.png").exists()


def test_an_error_is_not_drawn(mar, doubler, tmp_path):
    ran = mar("run", doubler, "--body", '{"refuse": "no"}', "--draw", tmp_path / "out.png")
    assert ran.code == 1
    assert "was not drawn" not in ran.err
