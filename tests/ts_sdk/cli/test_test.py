"""``mar test``: the promises on a finished archive, and its recorded answers."""

import json
import zipfile
from xml.etree import ElementTree as ET

import pytest
import torch
from safetensors.torch import save

from ts_sdk.cli.first_lines import MOST_LINES
from ts_sdk.testing import CHECKS

HANDLER = """
import torch

from ts_sdk import BaseHandler


class Scales(BaseHandler):
    def preprocess(self, data):
        numbers = []
        for index, row in enumerate(data):
            body = row["body"]
            if isinstance(body, dict) and "crash" in body:
                raise KeyError(body["crash"])
            if not isinstance(body, list):
                self.reject(index, "a list of numbers, please")
                continue
            numbers.append([float(body[0])])
        return torch.tensor(numbers).reshape(-1, 1)

    def postprocess(self, data):
        return [{"scaled": value} for (value,) in data.tolist()]
"""
PRINTS = HANDLER.replace("numbers = []", "numbers = []\n        print('a batch of', len(data))")
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        return self.linear(x)
"""
QUICK = ("--only", "answers_are_finite", "--only", "nothing_is_printed")
"""Promises that take no time to judge."""


@pytest.fixture
def pack(tmp_path):
    """Write an archive that scales a number; returns its path."""

    def pack(
        name="scales.mar", *, handler=HANDLER, weight=2.0, config="", samples=("[1]", "[2.5]")
    ):
        manifest = {
            "modelName": "scales",
            "modelVersion": "1.0",
            "handler": "handler.py",
            "modelFile": "model.py",
            "serializedFile": "weights.safetensors",
            "configFile": "model-config.yaml",
        }
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": manifest}))
            archive.writestr("handler.py", handler)
            archive.writestr("model.py", MODEL)
            archive.writestr("model-config.yaml", config or "{}\n")
            weights = {"linear.weight": torch.tensor([[weight]])}
            archive.writestr("weights.safetensors", save(weights))
            for number, body in enumerate(samples):
                archive.writestr(f"MAR-INF/samples/{number}.json", body)
        return path

    return pack


@pytest.fixture
def samples(tmp_path):
    """A folder of samples, each a body by its file's name."""

    def samples(**bodies):
        folder = tmp_path / "samples"
        folder.mkdir()
        for name, body in bodies.items():
            (folder / f"{name}.json").write_text(body)
        return folder

    return samples


def test_the_table_has_a_row_for_each_promise_and_what_it_comes_to(mar, pack):
    archive = pack()
    ran = mar("test", archive, "--device", "cpu")
    title, *rows = ran.out.partition("\n\n")[0].splitlines()
    assert title.split() == ["promise", "verdict", "ms"]
    assert [row.split()[0] for row in rows] == [each.name for each in CHECKS if not each.deep]
    verdicts = [row.split()[1] for row in rows]
    assert set(verdicts) == {"kept", "skipped"}, ran.out
    assert ran.code == 0
    skipped = next(row for row in rows if row.startswith("metrics_are_as_declared"))
    assert skipped.endswith("there is no metrics.yaml")
    kept = verdicts.count("kept")
    assert ran.out.rpartition("\n\n")[2].splitlines() == [
        f"{archive}: {kept} kept; {len(rows) - kept} skipped",
        "--deep judges the promises too that take long",
        "--record keeps the answers to the samples, to compare with from then on",
    ]


def test_a_broken_promise_is_told_below_the_table_and_fails(mar, pack):
    ran = mar("test", pack(handler=PRINTS), *QUICK)
    assert ran.code == 1
    table, message, summary = ran.out.split("\n\n")
    assert [row.split()[:2] for row in table.splitlines()[1:]] == [
        ["answers_are_finite", "kept"],
        ["nothing_is_printed", "broken"],
    ]
    seen, promise, repair = message.splitlines()
    assert seen.startswith("nothing_is_printed: it printed ")
    assert seen.endswith("which begin with 'a batch of 2'")
    assert promise.startswith("The promise: Loading the model and answering requests prints")
    assert repair.startswith("Take logging.getLogger(__name__) in place of print()")
    assert "scales.mar: 1 kept; 1 broken" in summary
    assert "--deep" not in summary  # the promises were named
    assert "a batch of" in ran.err


def test_list_says_what_is_promised_without_an_archive(mar):
    ran = mar("test", "--list")
    assert ran.code == 0
    title, *rows = ran.out.splitlines()
    assert title.split() == ["promise", "deep", "what", "is", "promised"]
    for check, row in zip(CHECKS, rows, strict=True):
        assert row.split()[0] == check.name
        assert (row.split()[1] == "yes") == check.deep
        assert row.endswith(check.promise)
    (listed,) = mar("test", "--list", "--json").lines
    assert [each["check"] for each in listed] == [each.name for each in CHECKS]
    assert listed[0]["repair"] == CHECKS[0].repair


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: ARCHIVE"),
        (["no.mar", "--record", "--deep"], "--record judges nothing: run it without"),
        (["no.mar", "--record", "--junit", "a.xml"], "--record judges nothing"),
        (["no.mar", "--precision", "half"], "--precision"),
        (["no.mar", "--device", "gpu"], "--device"),
        (["no.mar", "--only", "answers_are_finte"], "did you mean 'answers_are_finite'?; mar test"),
        (["no.mar", "--only", "?"], "there is no check '?'; known are one_answer_per_request"),
        (["no.mar", "--junit", "nowhere/report.xml"], "--junit: there is no folder nowhere"),
        (["no.mar", "--samples", "nowhere"], "nowhere is no folder of samples"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_loaded(mar, words, message):
    ran = mar("test", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in " ".join(ran.err.split())


def test_an_archive_that_is_not_there_or_cannot_be_loaded_is_exit_code_3(mar, pack, tmp_path):
    ran = mar("test", tmp_path / "no.mar")
    assert (ran.code, ran.out) == (3, "")
    assert "no.mar" in ran.err
    ran = mar("test", pack(handler="import no_such_module_anywhere\n"), *QUICK)
    assert (ran.code, ran.out) == (3, "")
    assert "no_such_module_anywhere" in ran.err


def test_without_samples_it_says_what_to_do_and_judges_what_needs_none(mar, pack):
    ran = mar("test", pack(samples=()), *QUICK, "--only", "everything_it_needs_is_there")
    assert ran.code == 1
    table, summary = ran.out.split("\n\n")
    assert [row.split()[0] for row in table.splitlines()[1:]] == ["everything_it_needs_is_there"]
    assert "scales.mar: 1 kept; 2 skipped" in summary
    assert "scales.mar holds no samples to judge by: give a folder with --samples" in summary
    ran = mar("test", pack(samples=()), "--record")
    assert (ran.code, ran.out) == (1, "")
    assert "mar: scales.mar holds no samples to judge by" in ran.err


def test_a_folder_of_samples_stands_in_for_the_archive_s(mar, pack, samples):
    folder = samples(one="[4]", two="[8]")
    ran = mar("test", pack(samples=()), "--samples", folder, *QUICK, "--json")
    assert ran.code == 0
    (said,) = ran.lines
    assert (said["samples"], said["passed"]) == (2, True)
    assert [each["sample"] for each in said["goldens"]] == ["one.json", "two.json"]


@pytest.mark.parametrize("place", ["archive", "folder"])
def test_recorded_answers_pass_until_the_model_answers_otherwise(mar, pack, samples, place):
    words = ["--samples", samples(one="[4]", two="[8]")] if place == "folder" else []
    archive = pack()
    ran = mar("test", archive, "--record", *words)
    assert ran.code == 0
    target = words[1] if words else archive
    names = "one.json, two.json" if words else "0.json, 1.json"
    assert ran.out == f"recorded the answers to {names} in {target}, for float32 on cpu\n"

    ran = mar("test", archive, *QUICK, *words)
    assert ran.code == 0
    assert ran.out.endswith(f"{archive}: 2 kept; 2 of 2 answers as recorded\n")

    other = pack("other.mar", weight=3.0)
    if place == "archive":
        with zipfile.ZipFile(archive) as old, zipfile.ZipFile(other, "a") as new:
            for name in old.namelist():
                if name.endswith(".golden.json"):
                    new.writestr(name, old.read(name))
    ran = mar("test", other, *QUICK, *words)
    assert ran.code == 1
    first = names.partition(",")[0]
    got, expected = ("12", "8") if words else ("3", "2")
    assert f"{first}: 1 difference from the golden answer for float32 on cpu:" in ran.out
    assert f"  $.scaled: got {got}, expected {expected}: " in ran.out
    assert "  it was made in an environment like this one: python " in ran.out
    assert "other.mar: 2 kept; 0 of 2 answers as recorded" in ran.out


def test_recording_keeps_the_archive_s_other_members(mar, pack):
    archive = pack()
    with zipfile.ZipFile(archive) as before:
        old = {name: before.read(name) for name in before.namelist()}
    assert mar("test", archive, "--record").code == 0
    with zipfile.ZipFile(archive) as after:
        new = {name: after.read(name) for name in after.namelist()}
    assert {name: new[name] for name in old} == old
    assert {name for name in new if name.endswith(".golden.json")} == {
        "MAR-INF/samples/0.json.golden.json",
        "MAR-INF/samples/1.json.golden.json",
    }


def test_what_is_refused_is_told_when_it_is_recorded_and_must_be_refused_from_then_on(
    mar, pack, samples
):
    folder = samples(bad='"no list"', good="[1]")
    archive = pack(samples=())
    ran = mar("test", archive, "--samples", folder, "--record")
    assert ran.code == 0
    assert "mar: bad.json was not answered, which is recorded: " in ran.err
    assert "400: a list of numbers, please" in ran.err
    only = ("--only", "a_bad_request_is_told_so", "--only", "a_bad_request_fails_alone")
    ran = mar("test", archive, "--samples", folder, *only)
    assert ran.code == 0
    assert "2 kept; 2 of 2 answers as recorded" in ran.out


def test_a_sample_that_is_refused_is_named_with_the_way_to_say_that_it_should_be(
    mar, pack, samples
):
    folder = samples(bad='"no list"', good="[1]")
    ran = mar("test", pack(samples=()), "--samples", folder, *QUICK)
    assert ran.out.splitlines()[-1] == (
        "bad.json is refused with status 400 (a list of numbers, please): if it should be, "
        "--record keeps that, and asks for it from then on"
    )


def test_of_what_a_handler_prints_the_first_lines_are_shown(mar, pack):
    loud = PRINTS.replace("print('a batch of', len(data))", "print('line\\n' * 30)")
    ran = mar("test", pack(handler=loud), *QUICK)
    assert ran.err.count("line\n") == MOST_LINES
    assert ran.err.count("mar: the handler prints more, which is not shown\n") == 1


def test_a_crash_is_not_recorded(mar, pack, samples):
    folder = samples(bad='{"crash": "now"}', good="[1]")
    ran = mar("test", pack(samples=()), "--samples", folder, "--record")
    assert ran.code == 1
    assert "the answer to bad.json: the handler fails on it, so nothing was recorded" in ran.err
    assert "handler.py" in ran.err
    assert not list(folder.glob("*.golden.json"))


def test_samples_that_are_all_to_be_refused_are_nothing_to_judge_by(mar, pack, samples):
    folder = samples(bad='"no list"')
    archive = pack(samples=())
    mar("test", archive, "--samples", folder, "--record")
    ran = mar("test", archive, "--samples", folder, *QUICK)
    assert ran.code == 1
    assert "none of the samples is one that the handler answers: add one that it does" in ran.out


def test_the_precision_is_the_one_asked_for_and_the_nearest_answer_is_compared_with(mar, pack):
    archive = pack(samples=("[1.0001]",))
    assert mar("test", archive, "--record").code == 0
    ran = mar("test", archive, *QUICK, "--precision", "float16")
    assert ran.code == 0
    assert (
        "0.json: as the golden answer for float32 on cpu (none was recorded for float16 on cpu)"
        in ran.out
    )
    ran = mar("test", archive, "--record", "--precision", "float16")
    assert ran.out.endswith(", for float16 on cpu\n")
    ran = mar("test", archive, *QUICK, "--precision", "float16")
    assert ran.code == 0
    assert "none was recorded" not in ran.out


def test_json_has_it_all(mar, pack):
    archive = pack(handler=PRINTS)
    mar("test", archive, "--record")
    ran = mar("test", archive, *QUICK, "--json")
    assert ran.code == 1
    (said,) = ran.lines
    assert (said["name"], said["passed"], said["samples"]) == ("scales.mar", False, 2)
    kept, broken = said["results"]
    assert (kept["check"], kept["verdict"], kept["message"]) == ("answers_are_finite", "kept", "")
    assert broken["verdict"] == "broken"
    assert broken["promise"] == "Loading the model and answering requests prints nothing."
    assert broken["elapsed_ms"] > 0
    assert [each["passed"] for each in said["goldens"]] == [True, True]


def test_junit_says_the_same_as_the_table(mar, pack, tmp_path):
    config = 'testing: {expected_failures: {answers_have_one_shape: "a bell, \\a, in it"}}\n'
    archive = pack(handler=PRINTS, config=config)
    mar("test", archive, "--record")
    report = tmp_path / "report.xml"
    only = ("--only", "metrics_are_as_declared", "--only", "answers_have_one_shape")
    ran = mar("test", archive, *QUICK, *only, "--junit", report)
    assert ran.code == 1
    root = ET.fromstring(report.read_bytes())  # noqa: S314 - our own
    (suite,) = root.findall("testsuite")
    assert suite.get("name") == "scales.mar"
    counts = {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")}
    assert counts == {"tests": "6", "failures": "2", "skipped": "1", "errors": "0"}
    cases = {(each.get("classname"), each.get("name")): each for each in suite}
    assert sorted(cases) == [
        ("scales.golden", "0.json"),
        ("scales.golden", "1.json"),
        ("scales.promise", "answers_are_finite"),
        ("scales.promise", "answers_have_one_shape"),
        ("scales.promise", "metrics_are_as_declared"),
        ("scales.promise", "nothing_is_printed"),
    ]
    odd = cases["scales.promise", "answers_have_one_shape"].find("failure")
    assert "(a bell, \ufffd, in it)" in odd.text  # which XML cannot hold
    failure = cases["scales.promise", "nothing_is_printed"].find("failure")
    assert failure.get("message").startswith("nothing_is_printed: it printed")
    assert "The promise: " in failure.text
    skipped = cases["scales.promise", "metrics_are_as_declared"].find("skipped")
    assert skipped.get("message") == "there is no metrics.yaml"
    assert not [*cases["scales.golden", "0.json"]]
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".part")] == []


def test_what_the_config_declares_is_as_declared(mar, pack):
    config = """
    testing:
      expected_failures:
        nothing_is_printed: a banner
        answers_are_finite: it divides by zero
    """
    ran = mar("test", pack(handler=PRINTS, config=config), *QUICK)
    assert ran.code == 1
    table, message, summary = ran.out.split("\n\n")
    finite, printed = table.splitlines()[1:]
    assert finite.startswith("answers_are_finite  kept, not as declared")
    assert printed.startswith("nothing_is_printed  broken, as declared")
    assert printed.endswith("a banner")
    assert "take it out of expected_failures" in message
    assert "1 kept, not as declared; 1 broken, as declared" in summary


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{expected_failures: {nothing_is_prnted: x}}", "did you mean 'nothing_is_printed'"),
        ("{deterministc: false}", "did you mean deterministic"),
        ("{precisions: half}", "testing.precisions must be a list of float32"),
        ("[1]", "testing must be a section"),
    ],
)
def test_a_wrong_section_of_the_config_is_exit_code_3(mar, pack, section, message):
    ran = mar("test", pack(config=f"testing: {section}\n"), *QUICK)
    assert (ran.code, ran.out) == (3, "")
    assert "model-config.yaml: " in ran.err
    assert message in ran.err


def test_a_tolerance_that_is_declared_is_recorded(mar, pack):
    archive = pack(config="testing: {tolerance: {rtol: 0.5, atol: 0.25}}\n")
    mar("test", archive, "--record")
    with zipfile.ZipFile(archive) as kept:
        golden = json.loads(kept.read("MAR-INF/samples/0.json.golden.json"))
    (answer,) = golden["answers"]
    assert (answer["tolerance"]["rtol"], answer["tolerance"]["atol"]) == (0.5, 0.25)
