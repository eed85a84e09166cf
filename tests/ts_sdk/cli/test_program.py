"""``mar`` as a whole: its help, its commands, its errors."""

import subprocess
import sys

import pytest

from ts_sdk.cli.program import COMMANDS


def test_help_names_every_command_and_exit_code(mar):
    ran = mar("--help")
    assert ran.code == 0
    assert all(f"  {name} " in ran.out for name in COMMANDS)
    assert all(f"  {code} " in ran.out for code in (0, 1, 2, 3, 130, 141))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_exit_codes(mar, command):
    ran = mar(command, "--help")
    assert ran.code == 0
    assert f"usage: mar {command} " in ran.out
    assert "exit codes:" in ran.out
    assert "--json" in ran.out


def test_the_version_is_that_of_the_package(mar):
    ran = mar("--version")
    assert ran.code == 0
    assert ran.out.startswith("mar 0.")


@pytest.mark.parametrize("words", [[], ["rum"], ["--frobnicate"], ["inspect"], ["verify"]])
def test_a_command_line_without_a_known_command_is_exit_code_2(mar, words):
    ran = mar(*words)
    assert ran.code == 2
    assert "usage: mar" in ran.err


def test_a_missing_command_is_asked_for_by_its_name(mar):
    assert mar().err.endswith("the following arguments are required: COMMAND\n")


@pytest.mark.parametrize("words", [["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_imports_nothing_heavy(words):
    code = (
        "import sys\nfrom ts_sdk.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'rich', 'PIL', 'yaml'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_name_that_the_output_s_encoding_does_not_know_is_escaped(
    mar_process, monkeypatch, tmp_path
):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    process = mar_process(
        "verify", "schön.mar", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = process.communicate()
    assert out.startswith(rb"sch\xf6n.mar: not sound")
    assert err == b""


def test_a_defect_is_told_from_a_failed_request(mar, doubler, monkeypatch):
    monkeypatch.setattr("ts_sdk.cli.run.find_inputs", lambda *_: 1 / 0)
    ran = mar("run", doubler, "x")
    assert ran.code == 70
    assert "ZeroDivisionError" in ran.err
    assert "please report it" in ran.err
