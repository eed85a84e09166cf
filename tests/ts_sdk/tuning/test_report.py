"""The report's files, read back."""

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import yaml

from ts_sdk.config import ModelConfig
from ts_sdk.tuning.objective import Objective
from ts_sdk.tuning.report import Exclusion
from ts_sdk.tuning.report.sentences import remarks, verdict
from ts_sdk.tuning.report.settings import config_of
from ts_sdk.tuning.report.table import OWN_COLUMNS, TORCHSERVE_COLUMNS
from ts_sdk.tuning.space import Candidate, Form, Variant


@pytest.fixture
def written(report, tmp_path):
    folder = tmp_path / "out"
    files = report().write(folder)
    assert sorted(folder.iterdir()) == sorted(files)
    return {path.name: path.read_text() for path in files}


def test_the_csv_has_the_columns_of_torchserves_suite_then_ours(written):
    rows = list(csv.DictReader(io.StringIO(written["ab_report.csv"])))
    assert tuple(rows[0]) == (*TORCHSERVE_COLUMNS, *OWN_COLUMNS)
    assert len(rows) == 3 + 2
    best = rows[0]
    assert (best["Batch size"], best["Workers"], best["Batch delay"]) == ("8", "2", "5")
    assert (best["TS throughput"], best["TS latency P99"]) == ("100", "80")
    assert (best["Requests"], best["TS failed requests"], best["TS error rate"]) == (
        "100",
        "0",
        "0",
    )
    assert (best["waiting_time_mean"], best["worker_thread_mean"]) == ("19", "0.25")
    assert [best[f"Model_p{each}"] for each in (50, 90, 99)] == ["20", "23", "25"]
    assert (best["predict_mean"], best["handler_time_mean"]) == ("21", "20")
    assert (best["inference_mean"], best["cpu_percentage_mean"]) == ("14", "93")
    assert (best["Form"], best["Device"], best["Meets target"]) == ("onnx", "cpu", "true")
    assert [row["Load"] for row in rows] == ["closed"] * 3 + ["open"] * 2
    assert (rows[-1]["Arrivals"], rows[-1]["Concurrency"]) == ("70", "")
    # What was not measured is empty, not 0.
    assert (rows[1]["Model_p50"], rows[1]["worker_thread_mean"]) == ("", "")


def test_the_markdown_says_what_was_found_and_what_is_out(written):
    text = written["report.md"]
    assert text.startswith(
        "# Tuning of cat 1.0\n\nBest for throughput. Under the target of 100 ms: "
    )
    assert "That is 5.00 x the throughput of the archive as it is" in text
    assert "stay under the target up to 50.0 a second" in text
    assert "What binds is inference" in text
    # A | in a cell would end it.
    assert "| cpu bfloat16 eager | input 0: the answer differs by 3.10% <\\|> |" in text
    for line in text.splitlines():
        if line.startswith("| cpu float32 onnx"):
            assert line.replace("\\|", "").count("|") == 9


def html_of(text):
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own file


def test_the_html_is_well_formed_and_asks_for_nothing_from_elsewhere(written):
    text = written["report.html"]
    page = html_of(text)
    # Names of namespaces are no addresses: nothing fetches them.
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for element in page.iter():
        assert not element.tag.endswith(("script", "link", "img", "iframe", "object"))
        for name, value in element.attrib.items():
            if name.endswith(("href", "src")):
                assert value.startswith("#")
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    assert "@import" not in text


def test_the_html_has_three_plots_with_text_that_can_be_read(written):
    page = html_of(written["report.html"])
    svgs = [each for each in page.iter() if each.tag.endswith("}svg")]
    assert [each.attrib["aria-label"] for each in svgs] == [
        "Throughput against p99",
        "Latencies",
        "Time by phase",
    ]
    words = [
        {(each.text or "").strip() for each in svg.iter() if each.tag.endswith("}text")}
        for svg in svgs
    ]
    assert {"target, 100 ms", "Pareto front", "best", "as it is"} <= words[0]
    assert "best, 70 arrivals a second" in words[1]
    assert {"queue", "preprocess", "inference", "postprocess"} <= words[2]
    ids = [each.attrib["id"] for svg in svgs for each in svg.iter("{*}clipPath")]
    assert len(ids) == len(set(ids))


def test_names_are_no_markup_in_the_html(written):
    assert "A Processor &lt;fast&gt;" in written["report.html"]
    assert "<fast>" not in written["report.html"]


def test_without_matplotlib_the_page_says_what_to_install(report, monkeypatch):
    import sys

    from ts_sdk.tuning.report.html import html_text

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    text = html_text(report())
    html_of(text)
    assert "pip install &#x27;ts-sdk[tune]&#x27;" in text
    assert "<svg" not in text


def test_the_config_is_the_archives_with_the_best_setting_in_it(written):
    text = written["model-config.yaml"]
    config = ModelConfig.parse(text.encode(), "model-config.yaml")
    assert config.values == {
        "batchSize": 8,
        "handler": {"topk": 2},
        "minWorkers": 2,
        "maxWorkers": 2,
        "maxBatchDelay": 5,
        "deviceType": "cpu",
    }
    assert "# It belongs to the converted archive, cpu-float32-onnx-1234.mar." in text


def test_the_config_of_other_forms_says_what_is_done_to_the_model(report):
    candidate = Candidate("cuda:1", "float16", Form.CHANNELS_LAST, fast_decode=True)
    assert config_of(report(), candidate) == {
        "batchSize": 1,
        "deviceIds": [1],
        "handler": {"topk": 2, "layout": "channels_last", "fast_decode": True},
        "minWorkers": 1,
        "maxWorkers": 1,
        "maxBatchDelay": 0,
        "deviceType": "gpu",
        "precision": "float16",
    }
    compiled = config_of(report(), Candidate(form=Form.COMPILE))
    assert compiled["pt2"] == {"compile": {"enable": True, "backend": "inductor"}}
    assert "deviceIds" not in compiled
    in_openvino = config_of(report(), Candidate(form=Form.OPENVINO))
    assert in_openvino["handler"] == {"topk": 2, "onnx_runtime": "openvino"}
    assert "pt2" not in in_openvino


def test_the_profile_has_the_settings_and_the_hardware_without_the_machines_name(written, report):
    import platform

    profile = json.loads(written["profile.json"])
    assert profile["fingerprint"] == report().hardware.fingerprint
    assert profile["settings"]["form"] == "onnx"
    assert profile["config"] == yaml.safe_load(written["model-config.yaml"])
    assert profile["archive"]["digest"] == "ab" * 32
    assert profile["sustained_rps"] == 50.0
    assert platform.node() not in written["profile.json"]


def test_it_says_how_far_off_the_nearest_is(report):
    found = report(objective=Objective("throughput", 40.0))
    assert not found.met
    assert found.excess == pytest.approx(1.0)
    assert "at random" not in " ".join(remarks(found))
    assert verdict(found) == (
        "No setting meets the target of 40 ms. The nearest is cpu float32 onnx, 2 workers x 1 "
        "thread, batch 8 within 5 ms, 16 at a time: 100.0 requests/s, p99 80.0 ms, "
        "2.0 times as much."
    )
    assert verdict(report(objective=Objective("throughput", 50.0))).endswith("60% above it.")


def test_it_says_that_nothing_could_be_measured(report, tmp_path):
    found = report(best=None, measured={}, arrivals=())
    assert verdict(found) == "Nothing could be measured: every candidate is excluded."
    names = [path.name for path in found.write(tmp_path)]
    assert names == ["ab_report.csv", "report.md", "report.html"]


def test_what_was_never_answered_is_written_too(report, measurement, tmp_path):
    nothing = measurement(0, answered=0, failed=3, quantiles_ms=(), error="no", mean_ms=math.inf)
    best = report().best
    found = report(
        measured={best: nothing}, arrivals=(replace(nothing, load="open", rate_rps=2.0),)
    )
    texts = {path.name: path.read_text() for path in found.write(tmp_path)}
    assert "No setting answers every request" in texts["report.md"]
    assert "100.0% of the requests failing (no)" in texts["report.md"]
    for name in ("profile.json", "report.md", "report.html", "ab_report.csv"):
        assert "inf" not in texts[name].replace("inference", "")
    json.dumps(found.to_dict(), allow_nan=False)


def test_few_requests_and_a_short_budget_are_said(report, measurement):
    best = report().best
    untried = (Variant(form=Form.AOTI),)
    few = {best: measurement(10, 50, answered=12)}
    found = report(measured=few, unmeasured=7, untried=untried, ignored=3)
    said = " ".join(remarks(found))
    assert "The p99 is of 12 requests only" in said
    assert "did not suffice for 7 candidates of the grid. Never tried: cpu float32 aoti. " in said
    assert "3 lines of the journal are of another archive" in said


def test_a_target_that_arrivals_miss_at_once_is_said_to_be_missed(report, measurement):
    late = measurement(50.0, 140.0, load="open", rate_rps=50.0, rounds=1)
    said = " ".join(remarks(report(arrivals=(late,))))
    assert "miss the target already at 50.0 a second (p99 140.0 ms, counted from" in said
    failing = replace(late, failed=100)
    said = " ".join(remarks(report(arrivals=(failing,), objective=Objective())))
    assert "Of 50.0 requests a second at random, 50.0% are not answered." in said


def test_what_is_out_is_not_advised(report):
    out = Exclusion("cpu bfloat16 eager", "it differs", Variant(precision="bfloat16"))
    assert "a reduced precision" in report(excluded=()).binding.advice
    found = report(excluded=(out,))
    assert "a reduced precision" not in found.binding.advice
    assert found.to_dict()["excluded"] == [{"what": out.what, "reason": out.reason}]


def test_a_long_table_says_in_both_reports_what_it_leaves_out(report, measurement, tmp_path):
    many = {Candidate(concurrency=each): measurement(each, 50) for each in range(1, 31)}
    report(measured=many, best=Candidate(concurrency=30)).write(tmp_path)
    for name in ("report.md", "report.html"):
        assert "5 more are in ab_report.csv." in (tmp_path / name).read_text()


def test_the_front_is_what_no_other_beats_in_both(report, measurement):
    measured = {
        Candidate(concurrency=place + 1): measurement(rate, p99)
        for place, (rate, p99) in enumerate([(10, 10), (8, 20), (30, 30), (30, 40), (50, 90)])
    }
    front = report(measured=measured, best=None).pareto()
    assert [each.concurrency for each in front] == [1, 3, 5]


def test_everything_is_json(report):
    told = json.loads(json.dumps(report().to_dict()))
    assert (told["met"], told["best"]["batch_size"]) == (True, 8)
    assert told["measured"][0]["p99_ms"] == 80.0
    assert told["excluded"][1] == {"what": "aoti", "reason": "there is no C++ compiler"}


def test_memory_that_candidates_share_is_said_to_be_shared(report):
    objective = Objective("memory", 100.0)
    assert "with --isolation process each has its own" in " ".join(
        remarks(report(objective=objective))
    )
    alone = report(objective=objective, isolation="process")
    assert "--isolation process" not in " ".join(remarks(alone))
