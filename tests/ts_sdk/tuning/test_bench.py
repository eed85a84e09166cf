"""The bench, with real pools: who is out, and who is measured how often."""

import json
import re
from contextlib import closing

import pytest

import ts_sdk
from ts_sdk.tuning.accuracy import Reference
from ts_sdk.tuning.bench import Bench
from ts_sdk.tuning.forms import Forms
from ts_sdk.tuning.inputs import Inputs
from ts_sdk.tuning.journal import Journal, Subject
from ts_sdk.tuning.measuring import Effort
from ts_sdk.tuning.space import Candidate, Variant

HANDLER = """
import time

from ts_sdk import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        self.initialized = True

    def preprocess(self, data):
        return [row["body"] for row in data]

    def inference(self, numbers):
        BODY

    def postprocess(self, numbers):
        return numbers
"""
BRIEF = Effort(0.2, rounds=1, warm_up_s=0.0, least=5)
FOUR = Candidate(batch_size=4, concurrency=8)


@pytest.fixture
def bench_of(write_folder, tmp_path, monkeypatch):
    """A bench for a handler whose inference is the given code."""
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))
    served = []

    def serve(*arguments, **settings):
        served.append(settings)
        return ts_sdk.serve_locally(*arguments, **settings)

    def make(body, **options):
        manifest = {"model": {"modelName": "net", "handler": "handler.py"}}
        files = {
            "handler.py": HANDLER.replace("BODY", body),
            "MAR-INF/MANIFEST.json": json.dumps(manifest),
        }
        inputs = Inputs([1.0, 2.0])
        bench = Bench(
            Forms(write_folder(files, "net"), "digest", inputs, tmp_path / "archives"),
            Reference([1.0, 2.0], 0.02),
            inputs,
            Journal.started(tmp_path / "journal.jsonl", Subject("a", "i", "h")),
            serve,
            **options,
        )
        return bench, served

    return make


def test_one_pool_is_measured_under_several_loads(bench_of):
    bench, served = bench_of("return numbers")
    with closing(bench):
        for concurrency in (2, 4):
            candidate = Candidate(batch_size=4, concurrency=concurrency)
            assert bench.measure(candidate, BRIEF).failed == 0
        assert bench.measure(Candidate(batch_size=2), BRIEF) is not None
    assert [each["batch_size"] for each in served] == [4, 2]
    assert served[0]["queue_size"] > 1000


def test_what_the_journal_knows_is_not_measured_again(bench_of):
    bench, served = bench_of("return numbers")
    with closing(bench):
        first = bench.measure(FOUR, BRIEF)
        assert bench.measure(FOUR, BRIEF) == first
    assert len(served) == 1


def test_answers_that_go_wrong_under_load_are_found_out(bench_of):
    """It answers as it should until it has had more than two at once, and never again then."""
    bench, _ = bench_of(
        "self.most = max(len(numbers), getattr(self, 'most', 0))\n"
        "        return numbers if self.most < 3 else [-each for each in numbers]"
    )
    with closing(bench):
        assert bench.measure(Candidate(batch_size=2, concurrency=4), BRIEF) is not None
        assert bench.measure(FOUR, BRIEF) is None
    assert "under load, input" in bench.journal.excluded[FOUR]
    assert Variant() not in bench.journal.excluded


def test_a_pool_that_does_not_get_going_is_out(bench_of):
    slow = "time.sleep(self.context.system_properties['batch_size'] > 2 and 1); return numbers"
    bench, _ = bench_of(slow, patience_s=0.5)
    with closing(bench):
        assert bench.measure(FOUR, BRIEF) is None
        assert bench.measure(Candidate(batch_size=2), BRIEF) is not None
    assert (
        bench.journal.excluded[FOUR]
        == "it cannot be served: its first batches take longer than 0 s"
    )


@pytest.mark.parametrize("keeps_slow", [False, True])
def test_a_variant_that_is_far_slower_is_out_before_it_is_served(bench_of, keeps_slow):
    body = "time.sleep('fast_decode' in str(self.context.model_yaml_config)); return numbers"
    bench, served = bench_of(body, keeps_slow=keeps_slow, patience_s=0.1)
    slow = Candidate(fast_decode=True)
    with closing(bench):
        assert bench.measure(Candidate(), BRIEF) is not None
        assert bench.measure(slow, BRIEF) is None
    if keeps_slow:
        assert "its first batches take longer" in bench.journal.excluded[slow]
    else:
        assert re.fullmatch(
            r"a request takes 1\d\d\d ms, \d+ times as long as in the fastest form before it",
            bench.journal.excluded[slow.variant],
        )
    assert len(served) == 1 + keeps_slow


def test_a_variant_whose_archive_does_not_load_is_out_as_a_whole(bench_of):
    bench, served = bench_of("return numbers")
    with closing(bench):
        on_gpu = Candidate(precision="float16")
        assert bench.measure(on_gpu, BRIEF) is None
    (reason,) = bench.journal.excluded.values()
    assert list(bench.journal.excluded) == [on_gpu.variant]
    assert "the handler keeps no torch module in self.model" in reason
    assert served == []
