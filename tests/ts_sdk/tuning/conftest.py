"""Measurements with chosen numbers, and a report of them."""

import math
from pathlib import Path

import pytest

from ts_sdk.hardware import Hardware
from ts_sdk.tuning.measurement import Measurement, quantiles_of
from ts_sdk.tuning.objective import Objective
from ts_sdk.tuning.report import Exclusion, TuningReport
from ts_sdk.tuning.space import Candidate, Form


@pytest.fixture
def measurement():
    """A measurement of a throughput and a p99; anything else by name."""

    def make(throughput_rps=10.0, p99_ms=50.0, **others):
        latencies_ms = [p99_ms * (0.5 + place / 200) for place in range(100)]
        latencies_ms = [each * p99_ms / quantiles_of(latencies_ms)[99] for each in latencies_ms]
        values = {
            "load": "closed",
            "rate_rps": None,
            "seconds": 3.0,
            "rounds": 3,
            "answered": 100,
            "failed": 0,
            "refused": 0,
            "unanswered": 0,
            "throughput_rps": throughput_rps,
            "noise": 0.01,
            "mean_ms": math.fsum(latencies_ms) / 100,
            "quantiles_ms": quantiles_of(latencies_ms),
        }
        return Measurement(**{**values, **others})

    return make


HARDWARE = Hardware(
    system="Linux x86_64",
    cpu="A Processor <fast>",
    cores=4,
    memory_mb=8192,
    gpus=("A GPU",),
    gpu_driver="555.42",
    python="3.11.0",
    packages={"ts-sdk": "1.0", "torch": "2.14.0"},
)
BASELINE = Candidate()
BEST = Candidate(
    form=Form.ONNX, workers=2, batch_size=8, max_batch_delay_ms=5, concurrency=16, threads=1
)


@pytest.fixture
def report(measurement):
    """A report with a best candidate, one that misses the target, and two that are out."""
    phases = {"queue": 20.0, "preprocess": 5.0, "inference": 14.0, "postprocess": 1.0}
    measured = {
        BASELINE: measurement(20.0, 55.0, phases_ms={**phases, "queue": 0.0}, batch_fill=1.0),
        BEST: measurement(
            100.0,
            80.0,
            phases_ms=phases,
            batch_fill=0.97,
            model_ms={"mean": 21.0, "p50": 20.0, "p90": 23.0, "p99": 25.0},
            waiting_ms=19.0,
            worker_ms=0.25,
            resources={"memory_mb": 512.0, "cpu_percent": 93.0, "memory_percent": 30.0},
        ),
        Candidate(workers=4, batch_size=8, concurrency=64): measurement(120.0, 250.0),
    }
    arrivals = (
        measurement(50.0, 70.0, load="open", rate_rps=50.0, rounds=1),
        measurement(68.0, 140.0, load="open", rate_rps=70.0, rounds=1),
    )

    def make(**others):
        values = {
            "path": Path("models/cat.mar"),
            "name": "cat",
            "version": "1.0",
            "digest": "ab" * 32,
            "config": {"batchSize": 1, "deviceIds": [1], "handler": {"topk": 2}},
            "inputs": 3,
            "hardware": HARDWARE,
            "objective": Objective("throughput", 100.0),
            "tolerance": 0.02,
            "budget_s": 600.0,
            "used_s": 590.5,
            "baseline": BASELINE,
            "best": BEST,
            "archive": Path("tuning/archives/cpu-float32-onnx-1234.mar"),
            "measured": measured,
            "arrivals": arrivals,
            "differences": {BEST.variant: 1e-5, BASELINE.variant: 0.0},
            "excluded": (
                Exclusion("cpu bfloat16 eager", "input 0: the answer differs by 3.10% <|>"),
                Exclusion("aoti", "there is no C++ compiler"),
            ),
            "unmeasured": 0,
        }
        return TuningReport(**{**values, **others})

    return make
