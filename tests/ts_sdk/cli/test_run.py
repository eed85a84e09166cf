"""``mar run``: answers, errors, exit codes, streams."""

import base64
import contextlib
import io
import json
import os
import signal
import subprocess
import sys

import pytest


def test_an_answer_stands_under_the_name_of_its_input(mar, doubler, make_input):
    path = make_input("two.json", {"x": 2})
    ran = mar("run", doubler, path)
    assert (ran.code, ran.out) == (0, f"{path}\n  double  4\n")


def test_json_output_is_one_line_for_each_input(mar, doubler, make_input):
    paths = [make_input(f"{x}.json", {"x": x}) for x in (1, 2, 3)]
    ran = mar("run", doubler, *paths, "--json")
    assert ran.code == 0
    assert ran.lines == [
        {"input": str(path), "answer": {"double": 2.0 * x}}
        for x, path in zip((1, 2, 3), paths, strict=True)
    ]


def test_options_may_stand_between_inputs(mar, doubler, make_input):
    one, two = make_input("1.json", {"x": 1}), make_input("2.json", {"x": 2})
    ran = mar("run", "--json", doubler, one, "--device", "cpu", two, "--batch-size", 1)
    assert [line["answer"]["double"] for line in ran.lines] == [2.0, 4.0]


def test_a_folder_stands_for_its_files_without_the_hidden_ones(mar, doubler, make_input, tmp_path):
    for name in ("in/b.json", "in/a.json", "in/.hidden.json", "in/.git/c.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_input(name, {"x": 1})
    ran = mar("run", doubler, tmp_path / "in", "--json")
    inputs = [line["input"] for line in ran.lines]
    assert inputs == [str(tmp_path / "in/a.json"), str(tmp_path / "in/b.json")]


def test_a_body_can_be_given_on_the_command_line(mar, doubler):
    ran = mar("run", doubler, "--json", '{"x": 21}', "--json")
    assert ran.lines == [{"input": "<body>", "answer": {"double": 42.0}}]


def test_several_bodies_are_numbered(mar, doubler):
    ran = mar("run", doubler, "--json", '{"x": 1}', "--body", '{"x": 2}', "--json")
    assert [line["input"] for line in ran.lines] == ["<body 1>", "<body 2>"]


@pytest.mark.parametrize(
    ("kind", "double"), [([], 22.0), (["--as", "json"], 14.0), (["--as", "text"], 22.0)]
)
def test_standard_input_is_bytes_unless_as_says_otherwise(mar, doubler, monkeypatch, kind, double):
    """The handler answers a body that is no object with twice its length."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"x":    7}')))
    ran = mar("run", doubler, "-", "--json", *kind)
    assert ran.lines == [{"input": "-", "answer": {"double": double}}]


def test_inputs_are_answered_in_batches_of_the_size_that_is_asked_for(mar, doubler):
    bodies = ["--json", '{"x": 1}'] * 5
    assert mar("run", doubler, *bodies).err.split("\n")[:3] == [
        "a batch of 2",
        "a batch of 2",
        "a batch of 1",
    ]
    assert "a batch of 5" in mar("run", doubler, *bodies, "--batch-size", "5").err


def test_what_the_handler_prints_does_not_mix_with_the_answers(mar, doubler):
    ran = mar("run", doubler, "--json", '{"x": 1}', "--json")
    assert len(ran.lines) == 1
    assert ran.err == "a batch of 1\n"


# Failures


def test_a_failed_request_does_not_spoil_the_others(mar, doubler):
    bodies = ['{"x": 1}', '{"refuse": "too blurred"}', '{"x": 3}']
    ran = mar("run", doubler, "--json", *(word for body in bodies for word in ("--json", body)))
    assert ran.code == 1
    first, second, third = ran.lines
    assert (first["answer"], third["answer"]) == ({"double": 2.0}, {"double": 6.0})
    assert second == {"input": "<body 2>", "error": {"status": 400, "message": "too blurred"}}
    assert "mar: 1 of 3 requests failed" in ran.err


def test_for_people_errors_go_to_standard_error(mar, doubler):
    ran = mar("run", doubler, "--json", '{"refuse": "too blurred"}')
    assert (ran.code, ran.out) == (1, "")
    assert "mar: <body>: too blurred (status 400)\n" in ran.err


def test_an_error_of_the_handler_names_its_phase_line_and_cause(mar, doubler):
    ran = mar("run", doubler, "--json", '{"crash": "no such thing"}')
    assert ran.code == 1
    assert "preprocess" in ran.err
    assert "handler.py:22" in ran.err
    assert "KeyError: 'no such thing'" in ran.err
    assert "Traceback" not in ran.err


def test_a_traceback_is_shown_when_it_is_asked_for(mar, doubler):
    ran = mar("run", doubler, "--json", '{"crash": "no such thing"}', "--traceback")
    assert "Traceback" in ran.err
    assert 'raise KeyError(body["crash"])' in ran.err


def test_a_file_that_is_not_what_its_suffix_says_fails_alone(mar, doubler, make_input):
    bad, good = make_input("bad.json", "{"), make_input("good.json", {"x": 1})
    ran = mar("run", doubler, bad, good, "--json")
    assert ran.code == 1
    assert ran.lines[0]["error"]["status"] == 400
    assert "JSON" in ran.lines[0]["error"]["message"]
    assert ran.lines[1]["answer"] == {"double": 2.0}


def test_a_file_that_vanished_or_is_not_what_as_says_fails_alone(mar, doubler, make_input):
    bad, good = make_input("bad.bin", "{"), make_input("good.bin", {"x": 1})
    ran = mar("run", doubler, bad, good, "--json", "--as", "json")
    assert [set(line) for line in ran.lines] == [{"input", "error"}, {"input", "answer"}]


def test_an_answer_that_is_no_json_is_the_error_of_its_request(mar, doubler):
    ran = mar("run", doubler, "--json", '{"x": 1, "as": "object"}', "--json", '{"x": 1}', "--json")
    assert ran.code == 1
    assert ran.lines[0]["error"]["status"] == 503
    assert "an object of type object" in ran.lines[0]["error"]["message"]
    assert ran.lines[1]["answer"] == {"double": 2.0}


@pytest.mark.parametrize("kind", [[], ["--json"]])
def test_inputs_that_do_not_exist_are_all_named_before_anything_is_loaded(
    mar, make_input, tmp_path, kind
):
    (tmp_path / "empty").mkdir()
    there = make_input("there.json", {"x": 1})
    ran = mar("run", "no-such.mar", "one.jpg", there, "two.jpg", tmp_path / "empty", *kind)
    assert (ran.code, ran.out) == (2, "")
    assert "one.jpg does not exist; two.jpg does not exist" in ran.err
    assert "empty holds no files" in ran.err
    assert "no-such.mar" not in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to answer"),
        (["-", "-"], "only once"),
        (["--json", "{"], "no JSON"),
        (["--batch-size", "0"], "no whole number of 1 or more"),
        (["--as", "xml"], "invalid choice"),
        (["--frobnicate"], "unrecognized arguments"),
        (["--json", "[1]", "--json", "[2]", "-o", "x"], "one input, not of 2"),
        (["--json", "[1]", "-o", "no-such-folder/x"], "no folder no-such-folder"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(mar, doubler, words, message):
    ran = mar("run", doubler, *words)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no-such.mar"], "no-such.mar"),
        (["{doubler}", "--device", "cuda:99"], "device 'cuda:99' is not available"),
        (["{handler}"], "handler.py"),
    ],
)
def test_what_cannot_be_opened_or_loaded_is_exit_code_3(mar, doubler, tmp_path, words, message):
    broken = tmp_path / "broken"
    (broken / "MAR-INF").mkdir(parents=True)
    (broken / "MAR-INF/MANIFEST.json").write_text(
        '{"model": {"modelName": "m", "modelVersion": "1", "handler": "handler.py"}}'
    )
    (broken / "handler.py").write_text("import no_such_module\n")
    words = [word.format(doubler=doubler, handler=broken) for word in words]
    ran = mar("run", *words, "--json", "[1]")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("mar: ")
    assert message in ran.err
    assert "Traceback" not in ran.err


# Forms of answers


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ("text", "twice is 2.0", "twice is 2.0"),
        ("bytes", "binary, 4 B; '-o FILE' writes it to a file", {"b64": "AP8A/w=="}),
        ("tensor", "[\n    2.0\n  ]", [2.0]),
        (
            "records",
            '[\n    {\n      "label": "double",\n      "value": 2.0\n    }\n  ]',
            [{"label": "double", "value": 2.0}],
        ),
    ],
)
def test_answers_of_every_form_are_shown(mar, doubler, form, text, value):
    body = json.dumps({"x": 1, "as": form})
    assert mar("run", doubler, "--json", body).out == f"<body>\n  {text}\n"
    assert mar("run", doubler, "--json", body, "--json").lines[0]["answer"] == value


@pytest.mark.parametrize("form", ["nan", "infinity"])
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_nan_and_infinity_are_no_answer_and_the_others_are_printed(mar, doubler, form, options):
    bodies = ["--body", json.dumps({"x": 1, "as": form}), "--body", '{"x": 2}']
    ran = mar("run", doubler, *bodies, *options)
    assert ran.code == 1
    assert "the answer holds NaN or infinity, which JSON does not have" in ran.out + ran.err
    if options:
        first, second = ran.lines
        assert first["error"]["status"] == 503
        assert second["answer"] == {"double": 4.0}
    else:
        assert "double  4" in ran.out


def test_nan_is_not_written_to_a_file(mar, doubler, tmp_path):
    target = tmp_path / "answer.json"
    ran = mar("run", doubler, "--json", '{"x": 1, "as": "nan"}', "-o", target)
    assert ran.code == 1
    assert not target.exists()


def test_what_torchserve_could_not_send_is_told_once_and_answered(mar, doubler):
    bodies = ["--body", '{"x": 1, "as": "array"}', "--body", '{"x": 2, "as": "array"}']
    ran = mar("run", doubler, *bodies, "--json")
    assert ran.code == 0
    assert [each["answer"] for each in ran.lines] == [{"double": [2.0]}, {"double": [4.0]}]
    assert ran.err.count("TorchServe would answer this with status 503: it cannot send a nd") == 1


@pytest.mark.parametrize("form", ["bytes", "text", "records", "tensor"])
def test_what_torchserve_could_send_is_no_note(mar, doubler, form):
    ran = mar("run", doubler, "--json", json.dumps({"x": 1, "as": form}))
    assert "TorchServe" not in ran.err


def test_o_writes_the_answer_as_a_server_would_send_it(mar, doubler, tmp_path):
    ran = mar("run", doubler, "--json", '{"x": 1, "as": "bytes"}', "-o", tmp_path / "answer.bin")
    assert (ran.code, ran.out) == (0, "")
    assert (tmp_path / "answer.bin").read_bytes() == base64.b64decode("AP8A/w==")
    mar("run", doubler, "--json", '{"x": 1}', "-o", tmp_path / "answer.json")
    assert json.loads((tmp_path / "answer.json").read_text()) == {"double": 2.0}


def test_timings_name_the_phases_on_standard_error(mar, doubler):
    ran = mar("run", doubler, "--json", '{"x": 1}', "--timings")
    table = ran.err.splitlines()[1:]
    assert table[0].split() == ["phase", "runs", "ms"]
    phases = [line[:20].split("  ")[0] for line in table[1:]]
    assert {"open", "extract", "initialize", "preprocess", "inference"} <= set(phases)
    assert ran.out == "<body>\n  double  2\n"


def test_timings_are_json_too(mar, doubler):
    ran = mar("run", doubler, "--json", '{"x": 1}', "--timings", "--json")
    timings = json.loads(ran.err.splitlines()[-1])["timings"]
    assert timings["inference"]["count"] == 1
    assert timings["inference"]["total_ms"] > 0


# Real processes


def test_a_reader_that_goes_away_ends_the_work_in_silence(mar_process, doubler, tmp_path):
    """Far more answers than a pipe holds, of which the reader takes the first."""
    for number in range(300):
        (tmp_path / f"{number:03}.json").write_text(json.dumps({"x": 100, "as": "bytes"}))
    process = mar_process(
        "run", doubler, tmp_path, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert json.loads(process.stdout.readline())["answer"].keys() == {"b64"}
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait() == 141
    assert {line[:10] for line in err.splitlines()} == {"a batch of"}
    process.stderr.close()


def test_answers_stream_batch_by_batch_and_an_interrupt_is_exit_code_130(mar_process, tmp_path):
    """The second request waits for ever; the first is answered by then."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m/handler.py").write_text(
        "import time\n"
        "def handle(data, context):\n"
        "    if data and data[0]['body'] == 'slow':\n"
        "        time.sleep(60)\n"
        "    return ['fast'] * len(data or [])\n"
    )
    words = ["run", tmp_path / "m", "--json", '"fast"', "--json", '"slow"', "--json"]
    process = mar_process(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline()) == {"input": "<body 1>", "answer": "fast"}
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "mar: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("answers_on_terminal", [True, False])
def test_on_a_terminal_many_inputs_get_a_progress_bar_beside_whole_answers(
    mar_process, doubler, tmp_path, answers_on_terminal
):
    terminal, its_end = os.openpty()
    body = json.dumps({"x": 1, "as": "text"})
    with (tmp_path / "other").open("wb") as other:
        process = mar_process(
            "run",
            doubler,
            *["--json", body] * 4,
            stdout=its_end if answers_on_terminal else other,
            stderr=other if answers_on_terminal else its_end,
        )
    os.close(its_end)
    shown = read_all(terminal)
    assert process.wait() == 0
    assert b"4/4" in shown
    answers = shown if answers_on_terminal else (tmp_path / "other").read_bytes()
    assert answers.count(b"twice is 2.0") == 4


def read_all(terminal):
    """What a program has written to its *terminal* when it is done."""
    shown = b""
    with contextlib.suppress(OSError):  # the program has closed its end
        while True:
            shown += os.read(terminal, 65536)
    os.close(terminal)
    return shown


def test_a_bad_input_file_is_named_once(mar, doubler, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text("{")
    ran = mar("run", doubler, path)
    assert ran.code == 1
    assert ran.err.startswith(f"mar: {path} is not valid JSON: ")


@pytest.mark.parametrize("option", ["--device", "--precision"])
def test_a_word_that_an_option_does_not_know_is_a_wrong_command_line(mar, doubler, option):
    ran = mar("run", doubler, "--body", "{}", option, "fp17")
    assert ran.code == 2
    assert f"mar run: error: argument {option}: unknown {option[2:]} 'fp17': use" in ran.err


def test_a_folder_that_fails_without_a_manifest_says_what_its_files_were_taken_for(
    mar, tmp_path, monkeypatch
):
    """And it is named also when it was given as a dot."""
    folder = tmp_path / "sources"
    folder.mkdir()
    handler = "from ts_sdk import BaseHandler\nclass Mine(BaseHandler): pass\n"
    (folder / "my_handler.py").write_text(handler)
    monkeypatch.chdir(folder)
    ran = mar("run", ".", "--body", "{}")
    assert ran.code == 3
    assert ran.err.startswith("mar: sources: ")
    assert "no MAR-INF/MANIFEST.json; by their names, the handler is my_handler.py" in ran.err
