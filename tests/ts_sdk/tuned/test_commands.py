"""What `mar run` and `mar inspect` make of an archive with profiles."""

import json

import pytest
from tuned_documents import profile_document

from ts_sdk.cli import main


@pytest.fixture
def mar(capfd):
    """Run `mar` in this process; returns what it prints."""

    def run(*arguments):
        assert main([str(argument) for argument in arguments]) == 0
        return capfd.readouterr().out

    return run


def test_run_applies_what_was_tuned_unless_it_is_told_not_to(mar, pack, tuned_here):
    path = pack(tuned_here(precision="bfloat16"))
    wanted = ("run", path, "--body", "3", "--json")
    assert json.loads(mar(*wanted))["answer"]["dtype"] == "torch.bfloat16"
    assert json.loads(mar(*wanted, "--no-tuned"))["answer"]["dtype"] == "torch.float32"


def test_inspect_says_which_settings_are_for_this_machine(mar, pack, tuned_here, here):
    other = {**here, "cpu": "An abacus", "cores": 10}
    path = pack(tuned_here(), profile_document(other, {"workers": 2}))
    lines = [line.split(maxsplit=1) for line in mar("inspect", path).splitlines() if line]
    told = [line[1] for line in lines if line[0] == "tuned"]
    theirs, ours = sorted(told, key=lambda line: "An abacus" not in line)
    assert ours.startswith(f"cpu float32 eager, 1 worker, batch 4, for {here['cpu']}, ")
    assert ours.endswith(" (this machine)")
    assert theirs.startswith("cpu float32 eager, 2 workers, batch 4, for An abacus, 10 cores")
    assert theirs.endswith(" (not this machine)")
    kinds = [each["kind"] for each in json.loads(mar("inspect", path, "--json"))["members"]]
    assert kinds.count("profile") == 2


@pytest.mark.parametrize("command", ["bench", "profile"])
def test_what_measures_applies_it_too_unless_it_is_told_not_to(
    command, mar, pack, tuned_here, tmp_path
):
    path, body = pack(tuned_here(workers=1)), tmp_path / "body.json"
    body.write_text("3")
    wanted = [command, path, "--input", body, "--device", "cpu", "--json"]
    wanted += {"bench": ["--requests", 20], "profile": ["--time", "100ms"]}[command]
    wanted += {"bench": [], "profile": ["-o", tmp_path / "out"]}[command]

    def batch_size(*more):
        told = json.loads(mar(*wanted, *more))
        return told["results"][0]["batch_size"] if command == "bench" else told["batch_size"]

    assert (batch_size(), batch_size("--no-tuned")) == (4, 1)
