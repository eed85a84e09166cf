"""`write_tests` makes a module that anybody can run, read and format."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from ts_sdk.recording import RecordingError, read_recorded, replay, write_tests

HANDLER = """
    def handle(data, context):
        return data and [answer(row["body"], context, index) for index, row in enumerate(data)]

    def answer(body, context, index):
        if body == "":
            context.set_response_status(422, "it is empty", index)
            return None
        return {"half": 1 / int(body), "raw": b"abc"}
"""
FIXED = HANDLER.replace("1 / int(body)", "0.5")


def run_pytest(module):
    """Run a module as a user does; returns the outcome of each test by its name."""
    report = module.parent / "report.xml"
    arguments = ["-p", "no:cacheprovider", "-q", "-W", "error", f"--junitxml={report}"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, module.name],
        cwd=module.parent,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    )
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest has just written it
    return {case.get("name"): "passed" if not len(case) else case[0].tag for case in cases}


@pytest.fixture
def written(load, load_folder, folder, tmp_path):
    """Record bodies with a handler, replay them with another, and write tests of them."""

    def writing(*bodies, now=HANDLER, archive="now", **options):
        load(HANDLER, settings={"keep": "all"}, name="old").predict_batch(bodies)
        model = load_folder({"handler.py": now}, name=archive)
        replayed = replay(folder, model)
        target = tmp_path / "tests/test_recorded.py"
        return write_tests(replayed, target, tmp_path / archive, **options)

    return writing


class TestRunning:
    def test_what_should_hold_passes_and_what_still_fails_fails(self, written):
        outcomes = run_pytest(written("2", "", "zero"))
        by_kind = {re.sub(r"_\d+_\d+_[0-9a-f]+$", "", n): each for n, each in outcomes.items()}
        assert by_kind == {
            "test_answered": "passed",
            "test_status_422": "passed",
            "test_value_error": "failure",
        }

    @pytest.mark.slow
    def test_after_the_repair_all_pass(self, written, tmp_path):
        module = written("2", "zero", "0")
        (tmp_path / "now/handler.py").write_text(
            (tmp_path / "now/handler.py").read_text().replace("1 / int(body)", "0.5")
        )
        assert list(run_pytest(module).values()) == ["passed"] * 3

    def test_another_answer_than_the_recorded_one_fails(self, written):
        assert list(run_pytest(written("4", now=FIXED)).values()) == ["failure"]

    @pytest.mark.slow
    def test_a_rejection_that_is_answered_now_must_be_answered(self, written):
        module = written("", now="def handle(data, context): return data and ['well']")
        assert "pytest.raises" not in module.read_text()
        assert list(run_pytest(module).values()) == ["passed"]

    @pytest.mark.slow
    def test_options_of_load_are_those_that_were_asked_for(self, written):
        options = {"device": "cpu", "isolation": "process", "trust_pickle": True}
        module = written("2", options=options)
        text = module.read_text()
        for line in ('device="cpu",', 'isolation="process",', "trust_pickle=True,"):
            assert f"        {line}\n" in text
        assert list(run_pytest(module).values()) == ["passed"]

    @pytest.mark.slow
    def test_the_recording_is_needed_no_more(self, written, folder):
        module = written("2", "")
        folder.rename(folder.parent / "elsewhere")
        assert list(run_pytest(module).values()) == ["passed"] * 2


class TestReading:
    def test_a_test_says_when_and_what_became_of_its_request(self, written, folder):
        text = written("zero", "0").read_text()
        first, _ = read_recorded(folder)
        assert f'"""Recorded on {first.time:%Y-%m-%d at %H:%M:%S} UTC in a batch of 2: ' in text
        assert "    the handler failed: ValueError: invalid literal for int()" in text
        assert text.count("\ndef test_") == 2

    @pytest.mark.parametrize("width", ["88", "100", "120"])
    def test_it_is_formatted(self, written, width):
        module = written("2", "", "zero", "0", archive="a-folder-whose-name-is-" + "long" * 15)
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", width]
        command = [*ruff, "--diff", str(module)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout) == (0, "")
        assert max(map(len, module.read_text().splitlines())) < 100

    def test_nothing_that_a_request_holds_can_become_code(self, written, tmp_path, folder):
        """The message quotes the body, which tries to leave the docstring."""
        evil = f'"""\nopen({str(tmp_path / "evil")!r}, "w")\n"""\\\u202e\x00{{body}}'
        module = written(evil, evil[:-1] + "\\")
        assert list(run_pytest(module).values()) == ["failure"] * 2
        assert not (tmp_path / "evil").exists()
        assert [each.request().parts["body"] for each in read_recorded(folder)] == [
            evil,
            evil[:-1] + "\\",
        ]

    def test_a_folder_s_own_name_is_the_test_s(self, written, load, load_folder, folder, tmp_path):
        load(HANDLER).predict_batch(["zero", "zero", "zero"])
        names = ["The dark one, with 1 moon", "the-dark-one with 1 moon", "ünïcödé " * 20]
        for path, name in zip(sorted(folder.iterdir()), names, strict=True):
            path.rename(folder / name)
        model = load_folder({"handler.py": HANDLER}, name="now")
        target = tmp_path / "tests/test_them.py"
        text = write_tests(replay(folder, model), target, tmp_path / "now").read_text()
        tests = re.findall(r"\ndef (test_\w+)\(model\):\n", text)
        assert tests[:2] == ["test_the_dark_one_with_1_moon", "test_the_dark_one_with_1_moon_2"]
        assert len(tests) == 3
        assert len(tests[2]) < 62
        folders = {path.name for path in (tmp_path / "tests/recorded").iterdir()}
        assert folders == {name.removeprefix("test_") for name in tests}


class TestWhatIsThere:
    def test_is_not_replaced_and_nothing_is_written(self, written, tmp_path):
        module = written("2")
        module.write_text("# changed by hand\n")
        before = sorted(tmp_path.joinpath("tests").rglob("*"))
        with pytest.raises(RecordingError, match=r"test_recorded\.py and 1 more is there already"):
            written("2")
        assert sorted(tmp_path.joinpath("tests").rglob("*")) == before
        assert module.read_text() == "# changed by hand\n"

    def test_is_replaced_when_asked_for_and_others_stay(self, written, tmp_path):
        module = written("2")
        (request,) = tmp_path.joinpath("tests/recorded").iterdir()
        (request / "body.txt").write_text("changed")
        (tmp_path / "tests/recorded/mine").mkdir()
        module.write_text("# changed by hand\n")
        written("zero", force=True)
        assert (request / "body.txt").read_text() == "2"
        assert module.read_text().count("\ndef test_") == 2
        assert (tmp_path / "tests/recorded/mine").is_dir()
        assert not [path for path in (tmp_path / "tests").iterdir() if path.name.startswith(".")]

    def test_a_place_that_cannot_be_written_to_is_an_error(self, written, tmp_path):
        (tmp_path / "tests").write_text("a file")
        with pytest.raises(RecordingError, match=r"test_recorded\.py cannot be written: "):
            written("2")
        assert (tmp_path / "tests").read_text() == "a file"
