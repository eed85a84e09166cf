"""`mar profile`: tables on the screen, files in a folder."""

import json

import pytest


@pytest.fixture
def sample(make_input):
    return make_input("two.json", {"x": 2})


def test_it_prints_phases_memory_operators_and_functions(mar, doubler, sample, tmp_path):
    folder = tmp_path / "out"
    ran = mar("profile", doubler, "--input", sample, "--time", "300ms", "-o", folder)
    assert ran.code == 0, ran.err
    first = ran.out.splitlines()[0]
    assert first.startswith("Served with 1 worker, batch 2 and 2 requests at a time on cpu: ")
    shown = {line.split()[0] for line in ran.out.splitlines() if line}
    assert {"queue", "preprocess", "inference", "postprocess", "weights"} <= shown
    assert {"aten::linear", "operator", "function"} <= shown
    assert ran.out.splitlines()[-1] == (
        f"written to {folder}: profile.md, profile.json, trace.json, flame.html, "
        "flame.speedscope.json"
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "flame.html",
        "flame.speedscope.json",
        "profile.json",
        "profile.md",
        "trace.json",
    ]
    assert ran.err == ""


def test_json_has_the_figures(mar, doubler, sample, tmp_path):
    ran = mar(
        *("profile", doubler, "--input", sample, "--time", "200ms", "-o", tmp_path / "out"),
        *("--json", "--batch-size", 3, "--concurrency", 6, "--workers", 2, "--device", "cpu"),
    )
    told = json.loads(ran.out)
    assert told["batch_size"] == 3
    assert (told["served"]["workers"], told["served"]["concurrency"]) == (2, 6)
    assert told["traced_batches"] == 3
    assert told["operators"][0]["self_ms"] > 0
    assert told == json.loads((tmp_path / "out/profile.json").read_text())


def test_an_input_that_is_not_answered_writes_nothing(mar, doubler, make_input, tmp_path):
    bad = make_input("bad.json", {"refuse": "never"})
    ran = mar("profile", doubler, "--input", bad, "--time", "200ms", "-o", tmp_path / "out")
    assert ran.code == 2
    assert "an input is not answered" in ran.err
    assert "never" in ran.err
    assert not (tmp_path / "out").exists()


def test_an_archive_that_cannot_be_loaded_is_exit_code_3(mar, sample, tmp_path):
    assert mar("profile", tmp_path / "none.mar", "--input", sample).code == 3
