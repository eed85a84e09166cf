"""`mar bench`: a setting, TorchServe's configs, and the regression gate."""

import csv
import json
import zipfile

import pytest

CONFIG = """\
doubler:
  eager_mode:
    benchmark_engine: "ab"
    url: "{url}"
    workers: [1]
    batch_delay: 1
    batch_size: [1, 2]
    input: "./two.txt"
    requests: 6
    concurrency: 2
    exec_env: "docker"
    processors: ["cpu"]
"""


@pytest.fixture
def sample(make_input):
    return make_input("two.json", {"x": 2})


@pytest.fixture
def config(make_input):
    make_input("two.txt", "ab")

    def write(url):
        return make_input("suite.yaml", CONFIG.format(url=url))

    return write


@pytest.fixture
def slower(doubler, tmp_path):
    """The doubler, with a long sleep in its preprocess."""
    path = tmp_path / "slower.mar"
    with zipfile.ZipFile(doubler) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "handler.py":
                slept = b"import time; time.sleep(0.1); numbers = []"
                content = content.replace(b"numbers = []", slept)
            target.writestr(name, content)
    return path


def test_a_setting_is_a_line_of_figures(mar, doubler, sample):
    ran = mar("bench", doubler, "--input", sample, "--requests", 20, "--concurrency", 2)
    assert ran.code == 0
    head, line = ran.out.splitlines()
    assert head.split()[:4] == ["model", "setting", "requests", "failed"]
    assert line.startswith("doubler.mar  1 worker, batch 2, cpu")


def test_the_options_are_the_setting(mar, doubler, sample):
    ran = mar(
        *("bench", doubler, "--input", sample, "--requests", 9, "--concurrency", 3, "--json"),
        *("--workers", 2, "--batch-size", 3, "--delay", 4, "--precision", "bfloat16"),
        *("--device", "cpu", "--warm-up", 0, "--at-most", "30s", "--threads", 1),
    )
    (result,) = json.loads(ran.out)["results"]
    expected = {
        "workers": 2,
        "batch_size": 3,
        "max_batch_delay_ms": 4,
        "precision": "bfloat16",
        "concurrency": 3,
    }
    assert {name: result[name] for name in expected} == expected
    assert 9 <= result["answered"] < 12


def test_requests_may_arrive_at_random_times(mar, doubler, sample, tmp_path):
    load = ("--input", sample, "--requests", 40, "--rate", 200)
    ran = mar("bench", doubler, *load, "-o", tmp_path / "out")
    assert ran.code == 0
    assert "1 worker, batch 2, cpu, 200 arrivals/s" in ran.out
    (row,) = csv.DictReader((tmp_path / "out/ab_report.csv").read_text().splitlines())
    assert (row["Load"], row["Arrivals"], row["Concurrency"]) == ("open", "200", "")


def test_output_is_written_where_it_is_asked_for(mar, doubler, sample, tmp_path):
    folder = tmp_path / "out"
    ran = mar("bench", doubler, "--input", sample, "--requests", 5, "-o", folder)
    assert ran.out.endswith(f"written to {folder}: ab_report.csv, report.md\n")
    (row,) = csv.DictReader((folder / "ab_report.csv").read_text().splitlines())
    assert row["Model"] == f"[.mar]({doubler})"


def test_failing_requests_are_told_and_are_exit_code_1(mar, doubler, make_input):
    bad = make_input("bad.json", {"refuse": "never"})
    ran = mar("bench", doubler, "--input", bad, "--requests", 3, "--concurrency", 1)
    assert ran.code == 1
    assert "requests failed (" in ran.out
    assert "never" in ran.out


def test_a_config_is_run_and_its_ignored_keys_are_named(
    mar, doubler, config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ran = mar("bench", config(doubler))
    assert ran.code == 0
    assert "ignored: exec_env: docker: the archive is served in this process" in ran.out
    assert ran.out.endswith("written to benchmark: ab_report.csv, report.md\n")
    assert len((tmp_path / "benchmark/ab_report.csv").read_text().splitlines()) == 3
    assert "mar: eager_mode_doubler, 1 worker, batch 1, cpu: " in ran.err


def test_a_remote_address_is_an_error_that_says_to_download_it(mar, doubler, config, tmp_path):
    path = config("https://example.org/mar_files/doubler.mar")
    ran = mar("bench", path, "-o", tmp_path / "out")
    assert ran.code == 2
    assert "download it into a folder, and give that as --model-store" in ran.err
    assert not (tmp_path / "out").exists()
    store = ("--model-store", doubler.parent)
    assert mar("bench", path, "-o", tmp_path / "out", *store).code == 0


def test_a_slower_archive_breaks_the_rule_and_is_exit_code_1(
    mar, doubler, slower, sample, tmp_path
):
    gate = ("--compare", doubler, "--fail-if", "throughput -20%", "--fail-if", "p99 +1000000%")
    load = ("--input", sample, "--requests", 4, "--concurrency", 1, "--rounds", 5)
    load += ("--at-least", "1ms")
    ran = mar("bench", slower, *gate, *load, "-o", tmp_path / "out")
    assert ran.code == 1
    assert "regressed, the whole interval is beyond throughput -20%." in ran.out
    assert "keeps to p99 +1e+06%" in ran.out
    assert "\nFailed.\n" in ran.out
    assert "regressed" in (tmp_path / "out/report.md").read_text()
    turned = mar("bench", doubler, "--compare", slower, *gate[2:4], *load, "--json")
    assert turned.code == 0
    told = json.loads(turned.out)
    assert told["passed"] is True
    assert told["rules"] == [{"rule": "throughput -20%", "verdict": "held"}]
    assert told["figures"]["throughput"]["low"] > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--input is missing"),
        (("--input", "two.json", "--fail-if", "p99 +5%"), "--fail-if needs --compare"),
        (("--input", "two.json", "--model-store", "."), "--model-store is for a config"),
        (("--input", "two.json", "--rate", "0"), "is no number above 0"),
        (("--input", "none.json"), "none.json does not exist"),
        (
            ("--input", "two.json", "--compare", "other.mar", "--fail-if", "p99 faster"),
            "is no rule; write a figure",
        ),
        (("--input", "two.json", "--compare", "other.mar", "--rounds", "2"), "5 rounds or more"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_exit_code_2(
    mar, doubler, sample, monkeypatch, arguments, told
):
    monkeypatch.chdir(sample.parent)
    ran = mar("bench", doubler, *arguments)
    assert (ran.code, told in ran.err) == (2, True), ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--workers", "2"), "--workers: "),
        (("--batch-size", "2"), "says how it is measured; change it there"),
        (("--delay", "0"), "--delay: "),
        (("--compare", "other.mar"), "--compare takes two archives"),
        (("--as", "json"), "as they are"),
        (("--input", "-"), "a config is given files"),
    ],
)
def test_what_a_config_says_is_not_said_on_the_command_line(mar, doubler, config, arguments, told):
    ran = mar("bench", config(doubler), *arguments)
    assert (ran.code, told in ran.err) == (2, True), ran.err


def test_a_config_that_is_not_there_is_exit_code_2(mar, tmp_path):
    ran = mar("bench", tmp_path / "none.yaml")
    assert ran.code == 2
    assert "none.yaml cannot be read: No such file" in ran.err


def test_an_archive_that_cannot_be_loaded_is_exit_code_3(mar, sample, tmp_path):
    assert mar("bench", tmp_path / "none.mar", "--input", sample).code == 3
