"""One setting of an archive, served and measured for real."""

import csv

import pytest

from ts_sdk.benchmarking import BenchmarkError, BenchReport, Load, bench
from ts_sdk.benchmarking.sentences import remarks_of
from ts_sdk.errors import LoadError, RequestError

COUNTING = """
def handle(data, context):
    data = data or []
    if any(row["body"] == "no" for row in data):
        raise ValueError("not this one")
    return [len(data)] * len(data)
"""


def test_a_setting_is_measured_with_its_requests(sleeper):
    seen = []
    report = bench(
        sleeper("a", handler=COUNTING),
        ["x", "y"],
        load=Load(concurrency=4, requests=40),
        progress=seen.append,
        workers=1,
        batch_size=4,
        max_batch_delay_ms=50,
        precision="float32",
    )
    (result,) = report.results
    assert seen == [result]
    assert 40 <= result.measured.requests == result.measured.answered < 44
    assert result.candidate.batch_size == 4
    assert result.is_whole
    assert report.passed
    told = report.to_dict()["results"][0]
    assert {"throughput_rps", "p99_ms", "model_p99_ms", "worker_ms", "waiting_ms"} <= told.keys()


@pytest.mark.parametrize("isolation", ["archive", "process"])
def test_the_times_of_the_model_and_of_the_worker_add_up_to_the_latency(
    sleeper, tmp_path, isolation
):
    """A batch sleeps for 20 ms; of eight clients four are in it and four wait."""
    report = bench(
        sleeper("a", 0.02),
        ["x"],
        load=Load(concurrency=8, requests=80),
        batch_size=4,
        max_batch_delay_ms=50,
        isolation=isolation,
    )
    report.write(tmp_path / "out")
    with (tmp_path / "out/ab_report.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    model_p50, model_p90, model_p99 = (float(row[f"Model_p{each}"]) for each in (50, 90, 99))
    assert 20 <= model_p50 <= model_p90 <= model_p99
    assert model_p50 <= float(row["TS latency P50"])
    parts = [float(row[f"{name}_mean"]) for name in ("waiting_time", "worker_thread", "predict")]
    waiting, worker, predict = parts
    assert min(parts) > 0
    assert worker < waiting + predict
    # Those that each client sends before the ones that count wait less; what is left is small.
    assert sum(parts) == pytest.approx(float(row["TS latency mean"]), rel=0.5)


def test_where_a_batch_failed_it_is_not_known_what_the_worker_took(sleeper):
    (result,) = bench(
        sleeper("a", handler=COUNTING), ["yes", "no"], load=Load(2, 10), batch_size=2
    ).results
    assert result.measured.failed > 0
    assert result.measured.worker_ms is None
    assert result.measured.waiting_ms > 0


def test_failing_requests_are_counted_and_told(sleeper):
    report = bench(sleeper("a", handler=COUNTING), ["yes", "no"], load=Load(1, 10, warm_up=0))
    assert not report.passed
    (remark,) = remarks_of(report.results)
    assert "requests failed (" in remark
    assert "not this one" in remark
    assert remarks_of([*report.results] * 3) == [f"{remark}, in 3 rounds"]


def test_a_time_that_is_over_is_told(result):
    short = result(requests=5000)
    assert remarks_of([short]) == [
        "cat, 2 workers, batch 4, cpu: 100 of 5000 requests were sent in the 600 s that it may take"
    ]
    assert remarks_of([result()]) == []


def test_the_row_has_the_times_of_the_handler(result, hardware, tmp_path):
    model_ms = {"mean": 6.0, "p50": 4.0, "p90": 8.0, "p99": 8.0}
    measured = result(model_ms=model_ms, waiting_ms=1.0)
    csv_file, _ = BenchReport([measured], hardware).write(tmp_path)
    head, line = (row.split(",") for row in csv_file.read_text().splitlines())
    row = dict(zip(head, line, strict=True))
    assert row["Benchmark"] == "mar bench"
    assert [row[f"Model_p{each}"] for each in (50, 90, 99)] == ["4", "8", "8"]
    assert (row["predict_mean"], row["waiting_time_mean"]) == ("6", "1")
    assert (row["Model"], row["Input"]) == ("[.mar](file:///store/cat.mar)", "a.jpg")
    assert "Meets target" not in row


def test_what_cannot_be_measured_is_an_error(sleeper, tmp_path):
    with pytest.raises(BenchmarkError, match="there are no inputs"):
        bench(sleeper("a"), [])
    with pytest.raises(RequestError, match="cannot be read"):
        bench(sleeper("b"), [tmp_path / "none.jpg"])
    broken = sleeper("c", handler="raise RuntimeError('never')\n")
    with pytest.raises(LoadError, match="never"):
        bench(broken, ["a"])
