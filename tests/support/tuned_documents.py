"""Profiles as `mar tune` writes them, for machines that a test makes up or for this one."""

import json
from typing import Any

HARDWARE = {
    "system": "Linux x86_64",
    "cpu": "A Processor(R) 9000 @ 2.10GHz",
    "cores": 4,
    "memory_mb": 8192,
    "gpus": [],
    "gpu_driver": None,
    "python": "3.11.0",
    "packages": {"torch": "2.14.0"},
    "fingerprint": "0123456789abcdef",
}
SETTINGS = {
    "device": "cpu",
    "precision": "float32",
    "form": "eager",
    "fast_decode": False,
    "threads": None,
    "workers": 1,
    "batch_size": 4,
    "max_batch_delay_ms": 10,
    "concurrency": 4,
}


def profile_document(
    hardware: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A profile; of *hardware* and *settings*, what is given replaces what is above."""
    chosen = {**SETTINGS, **(settings or {})}
    lines = {
        "minWorkers": chosen["workers"],
        "maxWorkers": chosen["workers"],
        "batchSize": chosen["batch_size"],
        "maxBatchDelay": chosen["max_batch_delay_ms"],
        "deviceType": "gpu" if chosen["device"].startswith("cuda") else chosen["device"],
        "precision": chosen["precision"],
    }
    return {
        "version": 1,
        "fingerprint": "0123456789abcdef",
        "hardware": {**HARDWARE, **(hardware or {})},
        "archive": {"name": "cat", "version": "1.0", "digest": "ab" * 32},
        "model_digest": None,
        "settings": chosen,
        "config": {**lines, **(config or {})},
        **changes,
    }


def profile_text(**given: Any) -> str:
    """`profile_document` as a file holds it."""
    return json.dumps(profile_document(**given))
