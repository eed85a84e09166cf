"""``mar run --record`` and ``mar replay``."""

import json

import pytest

from ts_sdk.recording import read_recorded


@pytest.fixture
def recorded(mar, doubler, make_input, tmp_path):
    """A folder with three requests of the doubler that failed: two crashed, one was refused."""
    bodies = [{"crash": "one"}, {"x": 1}, {"refuse": "not today"}, {"crash": "two"}]
    inputs = [make_input(f"{number}.json", body) for number, body in enumerate(bodies)]
    folder = tmp_path / "recorded"
    ran = mar("run", doubler, *inputs, "--device", "cpu", "--record", folder)
    assert ran.code == 1
    return folder


@pytest.fixture
def repaired(tmp_path):
    """A folder whose handler answers everything."""
    folder = tmp_path / "repaired"
    folder.mkdir()
    (folder / "handler.py").write_text(
        "def handle(data, context):\n"
        "    print('a batch of', len(data or ()))\n"
        "    return data and ['well'] * len(data)\n"
    )
    return folder


def test_run_records_what_fails(recorded):
    bodies = [each.request().parts["body"] for each in read_recorded(recorded)]
    assert bodies == [{"crash": "one"}, {"refuse": "not today"}, {"crash": "two"}]


def test_the_table_tells_what_became_of_each_request(mar, recorded, doubler):
    ran = mar("replay", recorded, doubler, "--device", "cpu")
    assert ran.code == 1
    title, *rows = ran.out.partition("\n\n")[0].splitlines()
    assert title.split() == ["request", "recorded", "now", "verdict"]
    assert [row.split()[0] for row in rows] == [each.name for each in read_recorded(recorded)]
    assert [row.split("  ")[-1].strip() for row in rows] == ["same failure"] * 3
    assert "503 KeyError (handler.py:22 in preprocess)" in rows[0]
    assert "400 not today" in rows[1]
    assert "mar: of 3 recorded, 3 fail or are answered otherwise" in ran.err
    assert "a batch of 1" in ran.err


def test_all_is_well_when_all_are_answered(mar, recorded, repaired):
    ran = mar("replay", recorded, repaired, "--device", "cpu")
    assert ran.code == 0
    assert ran.out.count("  fixed\n") == 3
    assert "fail or" not in ran.err


@pytest.mark.parametrize("isolation", ["archive", "process"])
def test_json_is_one_line_for_each_request(mar, recorded, doubler, isolation):
    ran = mar("replay", recorded, doubler, "--json", "--device", "cpu", "--isolation", isolation)
    assert ran.code == 1
    first, second, _ = ran.lines
    assert first["verdict"] == "same failure"
    assert first["recorded"]["raised"] == first["now"]["raised"] == "KeyError"
    assert first["batch"] == {"size": 2, "position": 0}
    assert (second["recorded"]["status"], second["recorded"]["message"]) == (400, "not today")


def test_a_long_reason_is_shortened_in_the_table_and_whole_below(
    mar, doubler, make_input, tmp_path
):
    reason = "this will not do " * 10 + "at all"
    refused, folder = make_input("long.json", {"refuse": reason}), tmp_path / "recorded"
    mar("run", doubler, refused, "--device", "cpu", "--record", folder)
    table, _, details = mar("replay", folder, doubler, "--device", "cpu").out.partition("\n\n")
    assert max(map(len, table.splitlines())) < 200
    assert "this will not do [...]" in table
    assert details.endswith(f"same failure\n  {reason}\n")


def test_a_difference_is_shown(mar, recorded, repaired, doubler):
    (first, *_) = read_recorded(recorded)
    path = first.folder / "outcome.recorded.json"
    outcome = json.loads(path.read_text())
    del outcome["failure"]
    path.write_text(json.dumps({**outcome, "answer": {"value": "ill"}}))
    ran = mar("replay", first.folder, repaired, "--device", "cpu")
    assert ran.code == 1
    assert f"{first.name}: answer differs\n  $: got 'well', expected 'ill'" in ran.out


def test_tests_are_written_with_the_options_and_never_over_others(mar, recorded, doubler, tmp_path):
    target = tmp_path / "tests/test_recorded.py"
    words = ["replay", recorded, doubler, "--device", "cpu", "--write-tests", target]
    ran = mar(*words)
    assert ran.code == 0
    assert f"mar: 3 tests in {target}" in ran.err
    text = target.read_text()
    assert 'device="cpu",' in text
    assert text.count("\ndef test_key_error_in_preprocess_") == 2
    assert text.count("\ndef test_status_400_") == 1

    ran = mar(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "it is there already; name another, or replace it with --force" in ran.err
    assert mar(*words, "--force").code == 0
    assert target.read_text() == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--force"], "--force goes with --write-tests FILE"),
        (["--write-tests", "tests"], "name a module that pytest finds, such as tests/test_"),
        (["--write-tests", "recorded.py"], "name a module that pytest finds"),
        (["--response-timeout", "3"], "needs --isolation process"),
        (["--device", "gpu"], "--device"),
        (["--precision", "half"], "--precision"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_loaded(mar, recorded, words, message):
    ran = mar("replay", recorded, "no-such.mar", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_a_folder_that_is_not_there_is_exit_code_2(mar, doubler, tmp_path):
    ran = mar("replay", tmp_path / "missing", doubler)
    assert (ran.code, ran.out) == (2, "")
    assert "missing is no folder: give the one that was recorded in" in ran.err


def test_a_folder_without_recorded_requests_is_exit_code_3(mar, doubler, tmp_path):
    ran = mar("replay", tmp_path, doubler)
    assert (ran.code, ran.out) == (3, "")
    assert "holds no recorded requests" in ran.err


def test_an_archive_that_is_not_there_is_exit_code_3(mar, recorded):
    ran = mar("replay", recorded, "no-such.mar")
    assert (ran.code, ran.out) == (3, "")
    assert "no-such.mar" in ran.err
