"""Several processes that pack one name at once: each archive is whole, and none is lost unasked."""

import subprocess
import sys
from pathlib import Path

import pytest
from packing import contents, torch_zip, write_sources

# Waits for the starting signal after everything is imported, so that the packs really meet.
RACE = """
import sys
from archiver import TargetExistsError, pack
from archiver import writer
sources, archive_format, force, rounds = sys.argv[1:]
for number in range(int(rounds)):
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        pack(model_name=f"cat{number}", version="1", handler=f"{sources}/handler.py",
             serialized_file=f"{sources}/weights.pt", export_path="out",
             archive_format=archive_format, force=force == "force")
        print("packed", flush=True)
    except TargetExistsError:
        print("exists", flush=True)
"""
ROUNDS = 6
PROCESSES = 3
TARGETS = {"default": "cat{}.mar", "no-archive": "cat{}"}


def race(archive_format, force):
    """Let processes pack one name after the other; yield how each round ended for each."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, name, archive_format, force, str(ROUNDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in map(str, range(PROCESSES))
    ]
    for number in range(ROUNDS):
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        yield number, [racer.stdout.readline().strip() for racer in racers]
    for racer in racers:
        racer.communicate(timeout=60)
        assert racer.returncode == 0


@pytest.fixture
def rivals(tmp_path, monkeypatch):
    """A folder of sources for each process, which differ in their weights."""
    monkeypatch.chdir(tmp_path)
    weights = []
    for number in range(PROCESSES):
        folder = write_sources(tmp_path / str(number))
        weights.append(torch_zip(100_000 + number))
        (folder / "weights.pt").write_bytes(weights[number])
    return weights


@pytest.mark.parametrize("archive_format", TARGETS)
def test_without_force_one_wins_and_the_others_hear_of_it(rivals, archive_format):
    for number, outcomes in race(archive_format, "no force"):
        assert sorted(outcomes) == ["exists"] * (PROCESSES - 1) + ["packed"]
        target = Path("out", TARGETS[archive_format].format(number))
        assert contents(target)["weights.pt"] == rivals[outcomes.index("packed")]
    assert len(list(Path("out").iterdir())) == ROUNDS


@pytest.mark.parametrize("archive_format", TARGETS)
def test_with_force_all_succeed_and_the_last_one_stays(rivals, archive_format):
    for number, outcomes in race(archive_format, "force"):
        assert outcomes == ["packed"] * PROCESSES
        target = Path("out", TARGETS[archive_format].format(number))
        assert contents(target)["weights.pt"] in rivals
    assert len(list(Path("out").iterdir())) == ROUNDS
