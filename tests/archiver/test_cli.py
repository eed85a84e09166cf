"""``mar-pack``: its arguments, what it prints, and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packing import contents

from archiver.cli import main, make_parser
from archiver.packed import PackResult
from archiver.plan import PackRequest

MAR_PACK = Path(sys.executable).with_name("mar-pack")
CAT = ("--model-name", "cat", "--version", "1.0", "--handler", "handler.py")
# What torch-model-archiver 0.12 understands.
ORIGINAL_FLAGS = {
    "--model-name": "cat",
    "--serialized-file": "weights.pt",
    "--model-file": "model.py",
    "--handler": "handler.py",
    "--extra-files": "index_to_name.json",
    "--runtime": "python3",
    "--export-path": "out",
    "--archive-format": "zip-store",
    "--version": "1.0",
    "-v": "1.0",
    "--requirements-file": "requirements.txt",
    "-r": "requirements.txt",
    "--config-file": "model-config.yaml",
    "-c": "model-config.yaml",
}


def mar_pack(*arguments, **options):
    """Run the command as users do."""
    return subprocess.run(
        [MAR_PACK, *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_the_command_packs_and_says_what_and_where(sources):
    ran = mar_pack(*CAT, "--serialized-file", "weights.pt", "--extra-files", "index_to_name.json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("packed cat.mar: 5 members, ")
    assert "index_to_name.json" in contents(Path("cat.mar"))


def test_the_command_tells_all_problems_and_packs_nothing(sources):
    ran = mar_pack(*CAT, "--serialized-file", "nowhere.pt", "--model-file", "gone.py")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr == (
        "mar-pack: nothing was packed: 2 problems\n"
        "- the serialized file nowhere.pt does not exist\n"
        "- the model file gone.py does not exist\n"
    )
    assert not Path("cat.mar").exists()


def test_the_command_explains_wrong_usage(sources):
    ran = mar_pack("--model-name", "cat")
    assert ran.returncode == 2
    assert "-v/--version, --handler" in ran.stderr


def test_the_help_has_examples_and_the_exit_status():
    ran = mar_pack("--help")
    assert ran.returncode == 0
    assert "examples:" in ran.stdout
    assert "exit status:" in ran.stdout


def test_names_in_any_script_are_printed_in_any_locale(sources):
    Path("größe.txt").write_text("1")
    ran = mar_pack(
        *CAT,
        "--extra-files",
        "größe.txt",
        "--dry-run",
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"},
    )
    assert ran.returncode == 0
    assert "gr\\xf6\\xdfe.txt" in ran.stdout


def test_a_reader_that_has_seen_enough_is_no_error_to_speak_of(sources):
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [MAR_PACK, *CAT, "--dry-run"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert ran.returncode == 141
    assert ran.stderr == b""


@pytest.mark.parametrize("flag", ORIGINAL_FLAGS)
def test_every_flag_of_the_original_is_understood(flag):
    assert flag in make_parser().format_help()


def test_all_flags_of_the_original_together_pack(sources, capsys):
    Path("requirements.txt").write_text("numpy\n")
    Path("model-config.yaml").write_text("batchSize: 4\n")
    arguments = [part for pair in ORIGINAL_FLAGS.items() for part in pair]
    assert main([*arguments, "--force"]) == 0
    packed = contents(Path("out/cat.mar"))
    manifest = json.loads(packed["MAR-INF/MANIFEST.json"])
    assert manifest["runtime"] == "python3"
    assert manifest["model"] == {
        "modelName": "cat",
        "modelVersion": "1.0",
        "handler": "handler.py",
        "serializedFile": "weights.pt",
        "modelFile": "model.py",
        "requirementsFile": "requirements.txt",
        "configFile": "model-config.yaml",
    }


def test_flags_can_be_shortened_as_with_the_original(sources):
    arguments = [
        "--model-n",
        "cat",
        "--ver",
        "1",
        "--hand",
        "handler.py",
        "--exp",
        "out",
        "--arch",
        "tgz",
    ]
    assert main([*arguments, "--serial", "weights.pt", "--extra", "index_to_name.json"]) == 0
    assert Path("out/cat.tar.gz").exists()


def test_the_defaults_are_those_of_the_original(sources):
    assert main([*CAT]) == 0
    manifest = json.loads(contents(Path("cat.mar"))["MAR-INF/MANIFEST.json"])
    assert manifest["runtime"] == "python"


def test_extra_files_may_be_given_repeatedly(sources):
    Path("a.txt").touch()
    assert main([*CAT, "--extra-files", "a.txt=b.txt", "--extra-files", "index_to_name.json"]) == 0
    assert {"b.txt", "index_to_name.json"} <= set(contents(Path("cat.mar")))


def test_paths_are_kept_when_that_is_asked_for(sources):
    Path("data").mkdir()
    Path("data/a.txt").touch()
    assert main([*CAT, "--extra-files", "data/a.txt", "--keep-paths"]) == 0
    assert "data/a.txt" in contents(Path("cat.mar"))


def test_a_dry_run_lists_what_would_be_packed_and_writes_nothing(sources, capsys):
    assert main([*CAT, "--serialized-file", "weights.pt", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("would pack cat.mar: 2 files, ")
    assert lines[1].split() == ["handler.py", "136", "B", "deflated", "handler.py"]
    assert lines[2].split() == ["weights.pt", "5.0", "KiB", "stored", "weights.pt"]
    assert not Path("cat.mar").exists()


def test_a_dry_run_refuses_what_a_pack_would_refuse(sources, capsys):
    assert main([*CAT, "--model-file", "gone.py", "--dry-run"]) == 1
    assert "gone.py" in capsys.readouterr().err


def test_json_tells_programs_what_was_packed(sources, capsys):
    assert main([*CAT, "--serialized-file", "weights.pt", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == "cat.mar"
    assert document["archive_format"] == "default"
    assert document["size_bytes"] == Path("cat.mar").stat().st_size
    assert document["manifest"]["model"]["modelName"] == "cat"
    assert [member["name"] for member in document["members"]] == [
        "MAR-INF/MANIFEST.json",
        "handler.py",
        "weights.pt",
        "MAR-INF/RECORD",
    ]
    assert document["members"][2]["source"] == "weights.pt"
    assert document["members"][3]["sha256"] == document["digest"]


def test_json_tells_programs_what_would_be_packed(sources, capsys):
    assert main([*CAT, "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["members"] == [
        {"name": "handler.py", "source": "handler.py", "size": 136, "method": "deflated"}
    ]


def test_json_tells_programs_what_is_wrong(sources, capsys):
    assert main([*CAT, "--model-file", "gone.py", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["problems"] == ["the model file gone.py does not exist"]


def test_an_existing_archive_needs_force(sources, capsys):
    assert main([*CAT]) == 0
    assert main([*CAT]) == 1
    assert "mar-pack: cat.mar already exists: give --force" in capsys.readouterr().err
    assert main([*CAT, "-f"]) == 0


def test_a_handler_for_special_hardware_is_packed_with_a_note(sources, capsys):
    assert main(["--model-name", "llm", "--version", "1", "--handler", "vllm_handler"]) == 0
    captured = capsys.readouterr()
    assert "mar-pack: note: vllm_handler comes with TorchServe only" in captured.err
    assert captured.out.startswith("packed llm.mar")


def test_the_arguments_are_those_of_the_python_call(sources):
    """Else one of the two could do what the other cannot."""
    given = vars(make_parser().parse_args([*CAT]))
    assert set(given) - {"dry_run", "json"} == set(PackRequest.__dataclass_fields__)


def test_a_result_reads_as_one_line(sources):
    assert "\n" not in str(
        PackResult(Path("cat.mar"), "default", None, (), size_bytes=2048, notes=())
    )
