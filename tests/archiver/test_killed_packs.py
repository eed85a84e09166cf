"""A pack that is killed leaves the old archive or the new one, and no litter that stays."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from packing import contents, pack_cat, torch_zip

from archiver import TargetExistsError

PACK = """
import sys
from archiver.cli import main
sys.exit(main([
    "--model-name", "cat", "--version", "1.0", "--handler", "handler.py",
    "--serialized-file", "weights.pt", "--export-path", "out", *sys.argv[1:],
]))
"""
# Kills itself instead of taking the step that is named.
KILLED_AT = """
import importlib, os, signal, sys
module, name = sys.argv.pop(1).rsplit(".", 1)
def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(importlib.import_module(module), name, die)
"""
STEPS = [
    "archiver.writer._open",
    "archiver.writer.render_record",
    "archiver.writer.publish",
    "archiver.publishing.publication.sync_folder",
    "archiver.publishing.draft._remove",
]
FORMATS = {"default": "cat.mar", "tgz": "cat.tar.gz", "no-archive": "cat"}


def start(*arguments, code=PACK):
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process):
    error = process.communicate(timeout=60)[1].decode()
    return process.returncode, error


def names_in_out():
    return {path.name for path in Path("out").iterdir()}


@pytest.mark.parametrize("archive_format", FORMATS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_of_the_first_pack(sources, archive_format, step):
    killed = start(step, "--archive-format", archive_format, code=KILLED_AT + PACK)
    assert finish(killed)[0] == -signal.SIGKILL
    target = Path("out", FORMATS[archive_format])
    if target.exists():
        assert contents(target)["weights.pt"] == torch_zip()

    if target.exists():
        with pytest.raises(TargetExistsError):
            pack_cat(archive_format=archive_format)
    else:
        pack_cat(archive_format=archive_format)
    assert names_in_out() == {target.name}


@pytest.mark.parametrize("archive_format", FORMATS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_of_replacing(sources, archive_format, step):
    old = contents(pack_cat(archive_format=archive_format, extra_files=()).path)
    Path("weights.pt").write_bytes(torch_zip(9000))
    arguments = ("--archive-format", archive_format, "--force")
    assert finish(start(step, *arguments, code=KILLED_AT + PACK))[0] == -signal.SIGKILL

    target = Path("out", FORMATS[archive_format])
    left = contents(target)
    assert left["weights.pt"] in (torch_zip(9000), old["weights.pt"])
    if left["weights.pt"] == old["weights.pt"]:
        assert left == old

    pack_cat(archive_format=archive_format, force=True)
    assert contents(target)["weights.pt"] == torch_zip(9000)
    assert names_in_out() == {target.name}


@pytest.mark.parametrize("archive_format", ["default", "no-archive"])
def test_killed_at_random_moments(sources, archive_format):
    seed = random.randrange(2**32)  # noqa: S311 -- nothing to keep secret
    print("seed", seed)
    chance = random.Random(seed)  # noqa: S311 -- nothing to keep secret
    target = Path("out", FORMATS[archive_format])
    arguments = ("--archive-format", archive_format, "--force")
    weights = [chance.randbytes(1 << 10) * (20 << 10) for _ in range(2)]

    Path("weights.pt").write_bytes(weights[0])
    began = time.monotonic()
    assert finish(start(*arguments))[0] == 0
    duration = time.monotonic() - began

    for attempt in range(1, 9):
        Path("weights.pt").write_bytes(weights[attempt % 2])
        process = start(*arguments)
        time.sleep(chance.uniform(0, 1.1) * duration)
        process.kill()
        finish(process)
        assert contents(target)["weights.pt"] in weights
        # What the last one left is cleared by the next, so that it never adds up.
        assert len(names_in_out() - {target.name}) <= 1

    assert finish(start(*arguments))[0] == 0
    assert contents(target)["weights.pt"] == weights[0]
    assert names_in_out() == {target.name}


def test_an_interrupt_leaves_nothing_and_no_traceback(sources):
    with Path("weights.pt").open("wb") as file:
        file.truncate(1 << 30)
    process = start("--archive-format", "tgz")
    while not (Path("out").exists() and names_in_out()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, error = finish(process)
    assert code == 130
    assert error == "mar-pack: interrupted\n"
    assert names_in_out() == set()
