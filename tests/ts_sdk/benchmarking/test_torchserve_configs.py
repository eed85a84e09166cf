"""TorchServe's benchmark configs as they are: what runs, what is ignored, and what is wrong."""

import csv
import json

import pytest

from ts_sdk.benchmarking import BenchmarkError, bench_config
from ts_sdk.benchmarking.devices import processors_in
from ts_sdk.benchmarking.torchserve_config import entries_in
from ts_sdk.tuning.report.table import TORCHSERVE_COLUMNS

CONFIG = """\
---
cat:
    eager_mode:
        benchmark_engine: "ab"
        url: "{url}"
        workers:
            - 1
            - 2
        batch_delay: 1
        batch_size:
            - 1
            - 4
        requests: 12
        concurrency: 3
        input: "./photo.jpg"
        backend_profiling: False
        exec_env: "local"
        processors:
            - "cpu"
            - "gpus": "all"
"""
REMOTE = "https://torchserve.pytorch.org/mar_files/cat.mar"


@pytest.fixture
def write(tmp_path):
    def write(text, name="cat.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def cat(sleeper, photo):
    return sleeper("cat.mar")


def problems_of(config, **options):
    with pytest.raises(BenchmarkError) as caught:
        bench_config(config, **options)
    return caught.value.problems


def test_each_batch_size_runs_with_each_number_of_workers(write, cat):
    seen = []
    report = bench_config(write(CONFIG.format(url=cat)), processor="cpu", progress=seen.append)
    settings = [(e.candidate.batch_size, e.candidate.workers) for e in report.results]
    assert settings == [(1, 1), (1, 2), (4, 1), (4, 2)]
    assert seen == report.results
    assert report.passed
    for each in report.results:
        assert each.case.name == "eager_mode_cat"
        assert 12 <= each.measured.requests < 15
        assert each.candidate.concurrency == 3
        assert each.candidate.max_batch_delay_ms == 1
    assert (report.ignored, report.skipped) == ([], [])


def test_the_csv_begins_with_torchserves_columns(write, cat, tmp_path):
    report = bench_config(write(CONFIG.format(url=cat)), processor="cpu")
    files = report.write(tmp_path / "out")
    assert [path.name for path in files] == ["ab_report.csv", "report.md"]
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[: len(TORCHSERVE_COLUMNS)] == TORCHSERVE_COLUMNS
    assert [(row["Batch size"], row["Workers"]) for row in rows] == [
        ("1", "1"),
        ("1", "2"),
        ("4", "1"),
        ("4", "2"),
    ]
    row = rows[0]
    assert row["Model"] == f"[.mar]({cat})"
    assert row["Input"] == f"[input]({cat.parent / 'photo.jpg'})"
    expected = {"Concurrency": "3", "TS failed requests": "0", "TS error rate": "0"}
    assert {name: row[name] for name in expected} == expected
    measured = [float(row[name]) for name in ("Model_p50", "Model_p90", "Model_p99")]
    assert measured == sorted(measured)
    assert float(row["TS throughput"]) > 0


def test_the_markdown_has_a_section_for_each_mode_of_a_model(write, cat, tmp_path):
    text = CONFIG.format(url=cat)
    config = write(text + text.replace("---\ncat:", "dog:").replace("eager", "scripted"))
    report = bench_config(config, processor="cpu", requests=3, concurrency=1)
    markdown = report.write(tmp_path / "out")[1].read_text()
    assert markdown.startswith("# Benchmark on cpu\n\nDate: ")
    assert "\n## eager_mode_cat\n\n| Benchmark | Batch size |" in markdown
    assert "\n## scripted_mode_dog\n" in markdown


@pytest.mark.parametrize("address", ["{}", "file://{}"])
def test_an_archive_may_be_named_by_its_path_or_its_file_address(write, cat, address):
    config = write(CONFIG.format(url=address.format(cat)))
    assert bench_config(config, processor="cpu", requests=2).passed


def test_an_archive_and_an_input_are_looked_for_beside_the_config(write, cat):
    assert bench_config(write(CONFIG.format(url="cat.mar")), processor="cpu", requests=2).passed


def test_nothing_is_downloaded(write, cat):
    (problem,) = problems_of(write(CONFIG.format(url=REMOTE)))
    assert problem == (
        f"eager_mode_cat: {REMOTE} is not on this machine, and nothing is downloaded: download it "
        "into a folder, and give that as --model-store"
    )


def test_the_model_store_stands_for_every_address(write, cat, tmp_path):
    report = bench_config(
        write(CONFIG.format(url=REMOTE)), model_store=tmp_path, processor="cpu", requests=2
    )
    assert report.results[0].case.archive == cat
    assert report.results[0].case.model == REMOTE


def test_inputs_may_be_others(write, cat, tmp_path):
    config = write(CONFIG.format(url=cat).replace("./photo.jpg", "./examples/kitten.jpg"))
    assert "there is no input ./examples/kitten.jpg" in problems_of(config)[0]
    other = tmp_path / "other.jpg"
    other.write_bytes(b"12345")
    report = bench_config(config, inputs=[other], processor="cpu", requests=2)
    assert report.results[0].case.input == f"[input]({other})"


def test_an_input_arrives_as_apache_bench_sent_it(write, sleeper, tmp_path):
    """As bytes of one content type, whatever the file's suffix says."""
    handler = (
        "def handle(data, context):\n"
        "    if data is None:\n"
        "        return None\n"
        "    kind = context.get_request_header(0, 'Content-Type')\n"
        "    body = data[0]['body']\n"
        "    if type(body) is not bytearray or kind != 'application/jpg':\n"
        "        raise TypeError(f'{type(body)} {kind}')\n"
        "    return ['ok'] * len(data)\n"
    )
    sleeper("cat.mar", handler=handler)
    (tmp_path / "request.json").write_text('{"a": 1}')
    text = CONFIG.format(url="cat.mar").replace("photo.jpg", "request.json")
    report = bench_config(write(text), processor="cpu", requests=2)
    assert report.passed, report.results[0].measured.error
    flat = {"url": "cat.mar", "input": "request.json", "content_type": "application/json"}
    again = bench_config(write(json.dumps(flat), "flat.json"), requests=2)
    assert "TypeError" in again.results[0].measured.error


def test_keys_without_a_meaning_are_named(write, cat):
    text = CONFIG.format(url=cat).replace(
        'exec_env: "local"',
        'exec_env: "docker"\n        image: "pytorch/torchserve"\n        retry_attempts: 5',
    )
    text = text.replace("backend_profiling: False", "backend_profiling: True")
    report = bench_config(write(text), processor="cpu", requests=2)
    assert sorted(report.ignored) == [
        "backend_profiling: True: mar profile shows where the time goes",
        "exec_env: docker: the archive is served in this process",
        "image: pytorch/torchserve: there is no container",
        "retry_attempts: 5: it has no meaning here",
    ]


def test_processors_that_are_not_here_are_skipped_and_named(write, cat, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    text = CONFIG.format(url=cat).replace('- "cpu"', '- "cpu"\n            - "neuronx"')
    report = bench_config(write(text), requests=2)
    assert {each.candidate.device for each in report.results} == {"cpu"}
    assert report.skipped == [
        "processor neuronx: there is only cpu and gpus",
        "processor gpus: all: there is no CUDA device here",
    ]
    only = CONFIG.format(url=cat).replace('            - "cpu"\n', "")
    with pytest.raises(BenchmarkError, match="nothing to run here: processor gpus: all"):
        bench_config(write(only))


@pytest.mark.parametrize(
    ("gpus", "processor", "devices"),
    [
        ("all", None, [("cpu",), ("cuda:0", "cuda:1", "cuda:2")]),
        ("2", "cuda", [("cuda:0", "cuda:1")]),
        (1, None, [("cpu",), ("cuda:0",)]),
        ("all", "cuda:1", [("cuda:1",)]),
        ("all", "cpu", [("cpu",)]),
    ],
)
def test_workers_go_to_as_many_gpus_as_the_config_says(
    write, cat, monkeypatch, gpus, processor, devices
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    text = CONFIG.format(url=cat).replace('"gpus": "all"', f'"gpus": {gpus!r}')
    (entry,) = entries_in(write(text), [], [])
    assert [each.devices for each in processors_in(entry, processor, [])] == devices


def test_a_suite_runs_the_configs_that_it_lists_on_its_hardware(write, cat):
    write(CONFIG.format(url="../cat.mar").replace("./photo", "../photo"), "models_config/cat.yaml")
    suite = """
ts_version:
    branch: &version "master"
models:
    - "cat.yaml"
hardware: &hardware "cpu"
metrics_cmd:
    - "cmd": "aws cloudwatch put-metric-data"
"""
    report = bench_config(write(suite, "suite.yaml"), requests=2)
    assert len(report.results) == 4
    assert report.skipped == []
    assert report.ignored == [
        "metrics_cmd: commands are not run; the report is in the output folder",
        "ts_version: this library serves the archive",
    ]
    neuron = suite.replace("master", "0.5").replace('"cpu"', '"neuron"')
    with pytest.raises(BenchmarkError, match="no processor that was asked for"):
        bench_config(write(neuron, "suite.yaml"))
    (problem,) = problems_of(write("models: [dog.yaml]", "suite.yaml"))
    assert "there is no config dog.yaml beside it, nor in models_config/ there" in problem


def test_the_flat_config_of_one_run_has_torchserves_defaults(write, cat):
    flat = {"url": "cat.mar", "input": "photo.jpg"}
    (result,) = bench_config(write(json.dumps(flat), "config.json")).results
    candidate = result.candidate
    assert (result.case.load.requests, candidate.concurrency) == (100, 10)
    assert (candidate.workers, candidate.batch_size, candidate.max_batch_delay_ms) == (1, 1, 200)


def test_all_that_is_wrong_is_told_at_once_and_nothing_runs(write):
    text = """
cat:
    eager_mode:
        url: cat.mar
        workers: [0]
        batch_size: [1, two]
        batch_delay: -1
        concurrency: [1, 2]
        input: photo.jpg
    workflow:
        url: "https://torchserve.pytorch.org/war_files/dog_breed_wf.war"
        input: photo.jpg
dog: nothing
bird:
    eager_mode:
        requests: 3
"""
    problems = problems_of(write(text))
    of_workflow = (
        "workflow_cat: dog_breed_wf.war is a workflow of several models; benchmark the archives "
        "that it is made of"
    )
    no_input = (
        "workflow_cat: there is no input photo.jpg, neither from here nor from the folder of "
        "cat.yaml; --input sends another"
    )
    assert [problem.partition("cat.yaml: ")[2] or problem for problem in problems] == [
        "eager_mode_cat: workers must be whole numbers of 1 or more, not [0]",
        "eager_mode_cat: batch_size must be whole numbers of 1 or more, not [1, 'two']",
        "eager_mode_cat: concurrency must be a whole number of 1 or more, not [1, 2]",
        "eager_mode_cat: batch_delay must be 0 ms or more, not -1",
        of_workflow,
        no_input,
        "dog must hold modes, such as eager_mode",
        "eager_mode_bird has no url",
        "eager_mode_bird has no input",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [("- a\n- b\n", "must hold models"), ("a: [\n", "is no YAML"), ("{}", "nothing to run")],
)
def test_what_is_no_config_is_refused(write, text, told):
    with pytest.raises(BenchmarkError, match=told):
        bench_config(write(text))


def test_what_the_config_says_is_not_said_twice(write, cat):
    with pytest.raises(BenchmarkError, match=r"workers: .* says so itself"):
        bench_config(write(CONFIG.format(url=cat)), workers=3)
