"""Archives that answer as fast as their names say, and results with chosen figures."""

from pathlib import Path

import pytest

from ts_sdk.benchmarking import Case, Load, Result
from ts_sdk.hardware import Hardware
from ts_sdk.tuning.measurement import Measurement, quantiles_of
from ts_sdk.tuning.space import Candidate

HANDLER = """
import time

SECONDS = 0.0


def handle(data, context):
    if data is None:  # as TorchServe initialises a function
        return None
    time.sleep(SECONDS)
    return [{"bytes": len(row["body"])} for row in data]
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def sleeper(tmp_path):
    """A folder of sources whose handler takes so long for a batch."""

    def write(name, seconds=0.0, handler=HANDLER):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "handler.py").write_text(handler.replace("SECONDS = 0.0", f"SECONDS = {seconds}"))
        return folder

    return write


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8 not really a picture")
    return path


@pytest.fixture
def hardware():
    return Hardware("Linux x86_64", "A Processor", 4, 8192, (), None, "3.11.0", {"torch": "2.14"})


@pytest.fixture
def result():
    """A result with the figures that are given."""

    def make(throughput_rps=100.0, p99_ms=20.0, name="cat", requests=100, **others):
        latencies_ms = [p99_ms * place / 99 for place in range(1, 101)]
        values = {
            "load": "closed",
            "rate_rps": None,
            "seconds": 1.0,
            "rounds": 1,
            "answered": 100,
            "failed": 0,
            "refused": 0,
            "unanswered": 0,
            "throughput_rps": throughput_rps,
            "noise": 0.0,
            "mean_ms": p99_ms / 2,
            "quantiles_ms": quantiles_of(latencies_ms),
        }
        case = Case(
            name, Path("cat.mar"), ("a",), Load(10, requests), {}, "file:///store/cat.mar", "a.jpg"
        )
        candidate = Candidate(workers=2, batch_size=4, max_batch_delay_ms=5, concurrency=10)
        measured = Measurement(**{**values, **others})
        return Result(case, candidate, measured)

    return make
