"""What the commands make of an archive with samples and golden answers."""

import json
from pathlib import Path

import pytest

from archiver.cli import main as mar_pack
from ts_sdk.cli import main as mar
from ts_sdk.samples import record_goldens, samples_of

SAMPLES = {
    "MAR-INF/samples/cat.jpg",
    "MAR-INF/samples/cat.jpg.golden.json",
    "MAR-INF/samples/red/data.jpg",
    "MAR-INF/samples/red/request.json",
    "MAR-INF/samples/red.golden.json",
}


@pytest.fixture(params=["default", "tgz", "no-archive"])
def packed(folder, request, load, capsys):
    """An archive that the command has packed, with golden answers."""
    words = "--model-name net --version 1 --handler image_classifier --model-file net.py"
    words += " --serialized-file w.pt --sample samples/cat.jpg --sample samples/red --json"
    assert mar_pack([*words.split(), "--archive-format", request.param]) == 0
    path = Path(json.loads(capsys.readouterr().out)["path"])
    record_goldens(load(path), samples_of(path), path)
    return path


def test_inspect_tells_samples_from_the_rest(packed, capsys):
    assert mar(["inspect", str(packed), "--json"]) == 0
    members = json.loads(capsys.readouterr().out)["members"]
    assert {each["name"] for each in members if each["kind"] == "sample"} == SAMPLES


def test_verify_finds_it_sound(packed, capsys):
    assert mar(["verify", str(packed)]) == 0
    assert "sound" in capsys.readouterr().out


def test_unpack_writes_them(packed, capsys):
    assert mar(["unpack", str(packed), "-o", "unpacked"]) == 0
    found = {path.relative_to("unpacked").as_posix() for path in Path("unpacked").rglob("*")}
    assert found >= SAMPLES
    assert samples_of("unpacked") == samples_of(packed)


def test_the_doctor_sees_nothing_in_them_to_complain_about(packed, capsys):
    mar(["doctor", str(packed), "--json"])
    assert "MAR-INF/samples" not in capsys.readouterr().out


def test_convert_keeps_them(packed, capsys):
    words = f"convert {packed} --to safetensors --sample samples/cat.jpg -o new.mar --device cpu"
    assert mar(words.split()) == 0
    assert samples_of("new.mar") == samples_of(packed)


def test_run_answers_as_if_there_were_none(packed, capsys):
    assert mar(["run", str(packed), "samples/cat.jpg", "--device", "cpu", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["answer"]
    assert answer == samples_of(packed)[0].goldens[0].answer
