"""The real TorchServe 0.12 server on the loopback address, for the archives of a test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.benchmarks.peer_server import Server, running_server


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start a server on a folder of archives: ``start_server(folder, "a.mar", "b.mar")``.

    Keyword arguments are further properties of the server.
    """
    with ExitStack() as running:

        def start(store: Path, *archives: str, **properties: str) -> Server:
            folder = tmp_path_factory.mktemp("server")
            return running.enter_context(running_server(folder, store, archives, properties))

        yield start
