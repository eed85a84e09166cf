"""What a client sends with the inputs of ``mar run``."""

import json

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
