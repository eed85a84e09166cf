"""What a client sends with the inputs of ``mar run``."""

import json
from pathlib import Path

import pytest

from ts_sdk.cli import main

HANDLER = """
def handle(data, context):
    if data is None:
        return None
    return [
        [type(row["body"]).__name__, context.get_all_request_header(index)]
        for index, row in enumerate(data)
    ]
"""


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "echo"
    (folder / "MAR-INF").mkdir(parents=True)
    manifest = {"model": {"modelName": "echo", "handler": "handler.py"}}
    (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
    (folder / "handler.py").write_text(HANDLER)
    return str(folder)


def answers_of(capsys):
    return [json.loads(line)["answer"] for line in capsys.readouterr().out.splitlines()]


def test_headers_and_the_content_type_reach_the_handler_with_each_input(archive, tmp_path, capsys):
    data = tmp_path / "data.bin"
    data.write_text('{"a": 1}')
    options = ["--content-type", "application/json", "--header", "X-Trace: 7: 8"]
    options += ["--header", "explain:True", "--json"]
    assert main(["run", archive, str(data), str(data), *options]) == 0
    headers = {
        "body": {"content-type": "application/json"},
        "Content-Type": "application/json",
        "X-Trace": "7: 8",
        "explain": "True",
    }
    assert answers_of(capsys) == [["dict", headers]] * 2


def test_a_body_may_have_headers_too(archive, capsys):
    assert main(["run", archive, "--body", '"text"', "--header", "A: b", "--json"]) == 0
    assert answers_of(capsys) == [["str", {"body": {"content-type": "text/plain"}, "A": "b"}]]


@pytest.mark.parametrize("text", ["no colon", ": no name"])
def test_what_is_no_header_is_a_usage_error(archive, capsys, text):
    with pytest.raises(SystemExit) as caught:
        main(["run", archive, "--body", "1", "--header", text])
    assert caught.value.code == 2
    assert "write 'NAME: VALUE'" in capsys.readouterr().err


def test_two_ways_of_saying_what_an_input_is_are_one_too_many(archive, tmp_path, capsys):
    data = tmp_path / "a.txt"
    data.write_text("x")
    options = ["--content-type", "text/plain", "--as", "text"]
    assert main(["run", archive, str(data), *options]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_a_content_type_of_one_word_is_a_usage_error(archive, capsys):
    assert main(["run", archive, "--body", "1", "--content-type", "json"]) == 2
    assert "such as application/json" in capsys.readouterr().err


def test_null_is_a_body_too(archive, capsys):
    assert main(["run", archive, "--body", "null", "--header", "A: b", "--json"]) == 0
    assert answers_of(capsys)[0][0] == "NoneType"


def test_a_streamed_answer_is_shown_whole(archive, tmp_path, capsys):
    (Path(archive) / "handler.py").write_text(
        "def handle(data, context):\n    return data and pieces(data)\n"
        "def pieces(data):\n    for n in (1, 2, 3):\n        yield [f'{n} ' for _ in data]\n"
    )
    assert main(["run", archive, "--body", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "input": "<body>",
        "pieces": ["1 ", "2 "],
        "answer": "3 ",
    }
    assert main(["run", archive, "--body", "0"]) == 0
    assert capsys.readouterr().out.split() == ["<body>", "1", "2", "3"]
    output = tmp_path / "answer.txt"
    assert main(["run", archive, "--body", "0", "-o", str(output)]) == 0
    assert output.read_text() == "1 2 3 "
