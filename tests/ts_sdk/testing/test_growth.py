"""How much the process holds, and what is made of it."""

import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import pytest
import torch

from ts_sdk.testing.watching.growth import Footprint

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="the system does not tell"
)


def grown(work):
    """What the process holds more after *work*, whose result is kept for so long."""
    before = Footprint.now()
    kept = work()
    after = Footprint.now()
    del kept
    return after - before


def test_tensors_are_counted_wherever_they_are():
    assert (
        grown(lambda: {"a": [torch.zeros(1)], "b": torch.nn.Parameter(torch.zeros(1))}).tensors == 2
    )


def test_what_only_waits_to_be_collected_is_not_counted():
    def ring():
        first = [torch.zeros(1)]
        first.append(first)

    assert grown(ring).tensors == 0


@pytest.mark.slow
def test_objects_that_are_kept_are_counted_and_others_are_not():
    assert grown(lambda: [[number] for number in range(500)]).objects >= 500
    assert abs(grown(lambda: [[number] for number in range(500)] and None).objects) < 100


def test_open_files_and_threads_are_counted(tmp_path):
    def opened():
        return [(tmp_path / str(number)).open("w") for number in range(3)]

    before = Footprint.now()
    files = opened()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    more = Footprint.now() - before
    stop.set()
    thread.join()
    for file in files:
        file.close()
    assert (more.open_files, more.threads) == (3, 1)


def test_memory_is_measured_in_bytes():
    """In a new process: the system may take cold pages from one that has run for long."""
    program = """
from ts_sdk.testing.watching.growth import Footprint
before = Footprint.now()
kept = bytearray(b"x") * (64 << 20)
print((Footprint.now() - before).resident_bytes)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (60 << 20) < int(ran.stdout) < (70 << 20)


@pytest.mark.slow
def test_a_deque_that_fills_up_to_its_bound_has_not_grown_and_an_endless_one_has():
    def fill(values):
        values.extend(([number], {"name": (number, str(number), [])}) for number in range(1_000))

    bounded, endless = deque(maxlen=2_000), deque()
    assert grown(lambda: fill(bounded)).objects < 100
    assert grown(lambda: fill(endless)).objects >= 1_000
