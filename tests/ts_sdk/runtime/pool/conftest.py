"""Pools whose handlers do what their requests say."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ts_sdk
import ts_sdk.runtime.pool.settings
from ts_sdk import Pool

CALLING = """
    def handle(data, context):
        return data and [row["body"]() for row in data]
"""
"""In this process a request may be a function: the handler calls it."""


@pytest.fixture
def archive(write_folder: Callable[..., Path]) -> Callable[..., Path]:
    """Write a folder of sources with a handler: the text of one, or the name of an installed one.

    Further keyword arguments name its files as the manifest does.
    """

    def write(
        handler: str = CALLING,
        *,
        name: str = "sources",
        version: str = "1.0",
        config: str | None = None,
        files: dict[str, str | bytes] | None = None,
        **entry: str,
    ) -> Path:
        is_text = " " in handler
        named = "handler.py" if is_text else handler
        model = {"modelName": name, "modelVersion": version, "handler": named, **entry}
        more: dict[str, str | bytes] = {**({named: handler} if is_text else {}), **(files or {})}
        if config is not None:
            model["configFile"] = "model-config.yaml"
            more["model-config.yaml"] = config
        more["MAR-INF/MANIFEST.json"] = json.dumps({"model": model})
        return write_folder(more, f"{name}-{version}")

    return write


@pytest.fixture
def serve(archive: Callable[..., Path]) -> Iterator[Callable[..., Pool]]:
    """Serve a folder with this handler; the pool is closed after the test."""
    pools: list[Pool] = []

    def serving(handler: str = CALLING, *, seed: int | None = None, **given: Any) -> Pool:
        known = ts_sdk.runtime.pool.settings.ServingSettings.__annotations__
        settings = {name: given.pop(name) for name in list(given) if name in known}
        folder = archive(handler, **given)
        pools.append(ts_sdk.serve_locally(folder, seed=seed, **{"device": "cpu", **settings}))
        return pools[-1]

    yield serving
    for pool in pools:
        pool.close(drain=False)


class Held:
    """A request that keeps its worker until it is released."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.released.wait(60), "the test has forgotten to release it"
        return "released"


@pytest.fixture
def hold() -> Iterator[Callable[[Pool], Held]]:
    """Keep a worker of a pool busy; it is released after the test at the latest."""
    all_held: list[Held] = []

    def holding(pool: Pool, **options: Any) -> Held:
        held = Held()
        all_held.append(held)
        held.answer = pool.submit(held, **options)
        assert held.begun.wait(60)
        return held

    yield holding
    for held in all_held:
        held.released.set()
