"""``mar tune``: what it finds, writes and says."""

import csv
import json
import signal
import subprocess

import pytest
from processes import eventually

from ts_sdk.tuning.durations import parse_duration, show_duration

AXES = (
    "--devices=cpu",
    "--precisions=float32",
    "--forms=eager",
    "--workers=1",
    "--batch-sizes=1,4",
    "--delays=2",
    "--concurrency=4",
)


@pytest.fixture
def two(make_input):
    return make_input("two.json", {"x": 2})


def test_the_best_setting_is_found_and_written(mar, doubler, two, tmp_path):
    out = tmp_path / "out"
    ran = mar("tune", doubler, "--input", two, *AXES, "--p99", "10s", "--budget", "3s", "-o", out)
    assert ran.code == 0
    assert ran.out.startswith(
        "Best for throughput. Under the target of 10000 ms: cpu float32 eager"
    )
    assert "What binds is " in ran.out
    assert f"written to {out}: ab_report.csv, report.md, report.html, model-config.yaml" in ran.out
    assert "a batch of" not in ran.out  # what the handler prints
    with (out / "ab_report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["Model"] == "doubler"
    assert float(rows[0]["TS throughput"]) > 0
    # The config can be packed: what was found is what is loaded.
    config = out / "model-config.yaml"
    assert f"batchSize: {rows[0]['Batch size']}" in config.read_text()


@pytest.mark.slow
def test_a_target_that_is_missed_is_exit_code_1(mar, doubler, two, tmp_path):
    axes = [*AXES, "--p99", "0.001ms", "--budget", "2s", "-o", tmp_path / "out"]
    ran = mar("tune", doubler, "--input", two, *axes)
    assert ran.code == 1
    assert "No setting meets the target of 0.001 ms. The nearest is cpu float32 eager" in ran.out
    assert " times as much." in ran.out


@pytest.mark.slow
def test_json_holds_everything_and_a_second_run_goes_on(mar, doubler, two, tmp_path):
    axes = [*AXES, "--budget", "2s", "-o", tmp_path / "out", "--json"]
    (first,) = mar("tune", doubler, "--input", two, *axes).lines
    (second,) = mar("tune", doubler, "--input", two, *axes, "--resume").lines
    assert first["met"]
    assert first["measured"][0]["concurrency"] == 4
    assert first["digest"] == second["digest"]
    assert len(second["measured"]) >= len(first["measured"])
    journal = (tmp_path / "out/journal.jsonl").read_text().splitlines()
    checks = [line for line in journal if "difference" in json.loads(line)]
    assert len(checks) == 1  # the second run took it over


def test_cost_needs_prices(mar, doubler, two, tmp_path):
    ran = mar("tune", doubler, "--input", two, "--objective", "cost", "-o", tmp_path / "out")
    assert ran.code == 2
    assert "--objective cost needs --price" in ran.err
    axes = [*AXES, "--budget", "2s", "-o", tmp_path / "out"]
    ran = mar("tune", doubler, "--input", two, *axes, "--objective", "cost", "--price", "cpu=0.5")
    assert ran.code == 0
    assert "cost of a million" in (tmp_path / "out/report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--p99", "100"], "'100' is no duration; write a number with a unit: 100ms"),
        (["--budget", "0s"], "'0s' is no duration"),
        (["--workers", "1,many"], "'many' is no whole number of 1 or more"),
        (["--delays", "-1"], "--delays"),
        (["--forms", "eager,fast"], "there is no form 'fast'"),
        (["--price", "0.5"], "'0.5' is no device with its price"),
        (["--objective", "speed"], "invalid choice: 'speed'"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(mar, doubler, two, arguments, message):
    ran = mar("tune", doubler, "--input", two, *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_an_input_that_does_not_exist_is_exit_code_2(mar, doubler):
    ran = mar("tune", doubler, "--input", "no-such.json")
    assert ran.code == 2
    assert "no-such.json does not exist" in ran.err


def test_an_input_that_is_not_answered_is_exit_code_3(mar, doubler, two, make_input, tmp_path):
    wrong = make_input("wrong.json", {"crash": "on purpose"})
    ran = mar("tune", doubler, "--input", two, wrong, *AXES, "-o", tmp_path / "out")
    assert ran.code == 3
    assert "mar: input 1 is not answered in float32" in ran.err
    assert f"input 1 is {wrong}\n" in ran.err
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_says_how_to_go_on(mar_process, doubler, two, tmp_path):
    out = tmp_path / "out"
    process = mar_process("tune", doubler, "--input", two, *AXES, "-o", out, stderr=subprocess.PIPE)
    assert eventually((out / "journal.jsonl").exists, 60)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"what was measured is kept in {out}: the same command with --resume".encode() in told


@pytest.mark.parametrize("command", ["tune", "bench", "profile"])
def test_an_output_that_is_a_file_is_refused_before_anything_is_measured(
    mar, doubler, two, command
):
    ran = mar(command, doubler, "--input", two, "-o", two)
    assert ran.code == 2
    assert f"{two} is a file: name a folder" in ran.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("100ms", 0.1), ("30s", 30), ("1.5 m", 90), ("2min", 120), ("1H", 3600)]
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("seconds", "text"), [(0.25, "250ms"), (90, "90s"), (600, "10.0m")])
def test_durations_are_shown_as_they_are_read(seconds, text):
    assert show_duration(seconds) == text
    assert parse_duration(text) == pytest.approx(seconds)


def test_the_help_names_every_form_and_objective(mar):
    from ts_sdk.cli import tune, tune_axes
    from ts_sdk.tuning.objective import OBJECTIVES
    from ts_sdk.tuning.space import Form

    assert tuple(Form) == tune_axes._FORMS
    assert tune._OBJECTIVES == OBJECTIVES
    ran = mar("tune", "--help")
    assert ran.code == 0
    assert all(f"\n  {form} " in ran.out for form in Form)


def test_the_archive_is_packed_with_what_was_found(mar, doubler, two, tmp_path):
    target = tmp_path / "new/tuned.mar"
    wanted = ("tune", doubler, "--input", two, *AXES, "--budget", "3s", "-o", tmp_path / "out")
    ran = mar(*wanted, "--pack", target)
    assert ran.code == 0, ran.err
    assert f"packed {target}: on machines like this one" in ran.out
    assert "(this machine)" in mar("inspect", target).out
    again = mar(*wanted, "--pack", target)
    assert again.code == 2
    assert f"--pack: {target} exists: name a new file" in again.err


def test_a_folder_of_sources_is_not_packed_by_tuning(mar, two, tmp_path):
    (tmp_path / "handler.py").write_text("def handle(data, context):\n    return data\n")
    ran = mar("tune", tmp_path, "--input", two, *AXES, "--pack", tmp_path / "tuned.mar")
    assert ran.code == 2
    assert "is a folder of sources: pack it with mar-pack --profile" in ran.err
    assert not (tmp_path / "tuned.mar").exists()
