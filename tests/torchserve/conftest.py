"""The real TorchServe 0.12 server on the loopback address, for the archives of a test."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.benchmarks import peer

_START_S = 120
_REQUEST_S = 60


@dataclass(frozen=True)
class Server:
    """A running server; *log* is what it prints."""

    port: int
    log: Path

    def predict(self, model: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        """The status and the body of the answer to one request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/predictions/{model}",
            data=body,
            headers={"Content-Type": content_type},
        )
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_S) as answer:  # noqa: S310 - as above
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start a server on a folder of archives: ``start_server(folder, "a.mar", "b.mar")``."""
    running: list[subprocess.Popen[bytes]] = []

    def start(store: Path, *archives: str) -> Server:
        folder = tmp_path_factory.mktemp("server")
        ports = [_free_port() for _ in range(3)]
        (folder / "config.properties").write_text(_config(ports))
        log = folder / "log.txt"
        models = [f"{Path(name).stem}={name}" for name in archives]
        command = [sys.executable, "-c", "from ts.model_server import start; start()"]
        command += ["--start", "--foreground", "--disable-token-auth", "--no-config-snapshots"]
        command += ["--ts-config", str(folder / "config.properties")]
        command += ["--model-store", str(store), "--models", *models]
        environment = peer.environment() | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LOG_LOCATION": str(folder),
            "METRICS_LOCATION": str(folder),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
        running.append(process)
        server = Server(ports[0], log)
        _wait_until_ready(server, process)
        return server

    yield start
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _config(ports: list[int]) -> str:
    names = ("inference_address", "management_address", "metrics_address")
    lines = [f"{name}=http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)]
    return "\n".join([*lines, "default_workers_per_model=1", "default_response_timeout=60", ""])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, ValueError):
            url = f"http://127.0.0.1:{server.port}/ping"
            with urllib.request.urlopen(url, timeout=5) as answer:
                if json.load(answer)["status"] == "Healthy":
                    return
        time.sleep(0.5)
    pytest.fail(f"the server did not start:\n{server.log.read_text()[-3000:]}")
