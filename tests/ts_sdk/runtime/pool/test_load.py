"""Load: clients of all kinds at once, for seconds and, in the long run, for ten minutes."""

import gc
import random
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError

import psutil
import pytest
from torch import nn

import ts_sdk
from ts_sdk import DeadlineError, QueueFullError, RequestError

HANDLER = """
    import torch
    from ts_sdk import BaseHandler

    class Sums(BaseHandler):
        def preprocess(self, data):
            rows = []
            for index, row in enumerate(data):
                if row["body"] == "poison":
                    raise RuntimeError("poison")
                if not isinstance(row["body"], list):
                    self.reject(index, "no list")
                else:
                    rows.append(row["body"])
            return torch.tensor(rows, dtype=torch.float32)

        def postprocess(self, output):
            return output[:, 0].tolist()
"""
NETWORK = """
    import torch
    from torch import nn

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1, bias=False)

        def forward(self, x):
            return self.layer(x)
"""
STREAMS = 12
LONGEST_S = [3, pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]


class Clients:
    """Clients that send, cancel, dawdle and misbehave, and check what they are told."""

    def __init__(self, pool):
        self.pool = pool
        self.over = threading.Event()
        self.outcomes = Counter()
        self.wrong = []
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send, args=(seed,)) for seed in range(STREAMS)
        ]

    def run(self, longest_s, meanwhile):
        """Send for so long; gives how often each kind of thing happened."""
        for thread in self._threads:
            thread.start()
        until = time.monotonic() + longest_s
        while time.monotonic() < until:
            meanwhile(until - time.monotonic())
        self.over.set()
        for thread in self._threads:
            thread.join()
        return self.outcomes

    def _send(self, seed):
        chance = random.Random(seed)  # noqa: S311 - nothing is to be kept secret
        while not self.over.is_set():
            waiting = [self._one(chance) for _ in range(chance.choice([1, 1, 1, 30]))]
            if chance.random() < 0.02:
                time.sleep(chance.random() / 20)  # it is in no hurry to read its answers
            for expected, answer in waiting:
                self._judge(expected, answer)

    def _one(self, chance):
        kind = chance.random()
        if kind < 0.02:
            return "poison", self.pool.submit("poison")
        if kind < 0.05:
            return "rejected", self.pool.submit({"no": "list"})
        row = [chance.randint(0, 9) for _ in range(3)]
        deadline_ms = chance.choice([None, None, None, 0, 1, 50])
        answer = self.pool.submit(row, deadline_ms=deadline_ms)
        if chance.random() < 0.05:
            answer.cancel()
        return sum(row), answer

    def _judge(self, expected, answer):
        try:
            outcome = answer.result(60)
        except (RequestError, CancelledError) as error:
            outcome = error
        kind = type(outcome).__name__
        right = isinstance(outcome, QueueFullError | DeadlineError | CancelledError)
        if isinstance(outcome, float):
            right = outcome == expected
        elif type(outcome) is RequestError:
            kind = outcome.message if expected == "rejected" else "RequestError"
            right = expected in ("poison", "rejected")
        with self._lock:
            self.outcomes[kind] += 1
            if not right:
                self.wrong.append((expected, outcome))


@pytest.mark.parametrize("longest_s", LONGEST_S)
def test_every_client_gets_its_own_answer_or_is_told_why_not(archive, saved, longest_s):
    layer = nn.Linear(3, 1, bias=False)
    nn.init.ones_(layer.weight)
    weights = saved({"layer.weight": layer.weight.data})
    folder = archive(
        HANDLER,
        files={"network.py": NETWORK, "weights.pt": weights},
        modelFile="network.py",
        serializedFile="weights.pt",
    )
    with ts_sdk.serve_locally(
        folder, device="cpu", workers=2, batch_size=8, queue_size=150, max_batch_delay_ms=2
    ) as pool:
        clients, sizes = Clients(pool), []

        def meanwhile(left_s):
            pool.scale(len(sizes) % 3 + 1)
            clients.over.wait(min(left_s, longest_s / 12))
            gc.collect()
            sizes.append(psutil.Process().memory_info().rss)

        outcomes = clients.run(longest_s, meanwhile)
        stats = pool.stats()
    assert clients.wrong == []
    assert stats.received == sum(outcomes.values()) > 500
    assert stats.answered == outcomes["float"]
    assert stats.failed == outcomes["no list"] + outcomes["RequestError"]
    assert stats.refused == outcomes["QueueFullError"]
    assert stats.expired == outcomes["DeadlineError"]
    assert stats.cancelled == outcomes["CancelledError"]
    assert (stats.queued, stats.running) == (0, 0)
    assert {"float", "no list", "RequestError", "CancelledError"} <= outcomes.keys()
    if longest_s > 60:  # so that what is made once is no growth
        assert sizes[-1] - sizes[len(sizes) // 2] < 20 << 20
