"""Run cases of the corpus under the original."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torchserve_corpus import Case, Outcome
from torchserve_corpus.outcome import of_worker

from tests.benchmarks import peer

_PROGRAM = Path(__file__).with_name("original.py")
_ALL_S = 500


def run_original(cases: Iterable[Case], folder: Path) -> dict[str, Outcome]:
    """What becomes of each case under TorchServe's worker, by the case's name.

    Args:
        cases: The cases.
        folder: Where their archives, and the workers' logs, are written.
    """
    jobs = {
        case.name: _job(case, case.write(folder / "archives" / str(number)))
        for number, case in enumerate(cases)
    }
    logs = folder / "logs"
    logs.mkdir()
    asked, answered = folder / "jobs.json", folder / "results.json"
    asked.write_text(json.dumps(jobs))
    environment = peer.environment() | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(_PROGRAM), str(asked), str(answered), str(logs)]
    subprocess.run(command, env=environment, check=True, timeout=_ALL_S)
    results = json.loads(answered.read_text())
    return {name: of_worker(result) for name, result in results.items()}


def _job(case: Case, folder: Path) -> dict[str, Any]:
    config = case.config or ""
    return {
        "folder": str(folder.resolve()),
        "handler": case.handler,
        "envelope": case.model.get("envelope", ""),
        "batch_size": 1,
        "asynchronous": "asyncCommunication: true" in config,
        "continuous": "continuousBatching: true" in config,
        "environment": dict(case.environment),
        "batches": [
            [
                {
                    "headers": dict(request.headers),
                    "parts": [
                        [name, kind, base64.b64encode(content).decode()]
                        for name, kind, content in request.parts
                    ],
                }
                for request in batch
            ]
            for batch in case.batches
        ],
    }
