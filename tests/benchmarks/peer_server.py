"""The real TorchServe 0.12 server, started on the loopback address."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import peer

_START_S = 150
_REQUEST_S = 60


@dataclass(frozen=True)
class Answer:
    """What the server sent."""

    status: int
    phrase: str
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str | None:
        """The header of that name."""
        return self.headers.get("content-type")


@dataclass(frozen=True)
class Server:
    """A running server; *log* is what it prints, *pid* its process group."""

    port: int
    management_port: int
    log: Path
    pid: int

    def predict(
        self, model: str, body: bytes, content_type: str, *, task: str = "predictions"
    ) -> Answer:
        """The answer to one request."""
        headers = {"Content-Type": content_type}
        return ask(self.port, "POST", f"/{task}/{model}", body, headers)

    def description(self, model: str) -> Any:
        """What the model's handler says of itself."""
        path = f"/models/{model}/1.0?customized=true"
        answer = ask(self.management_port, "GET", path)
        assert answer.status == 200, answer
        return json.loads(answer.body)[0]["customizedMetadata"]


class ServerNotReadyError(Exception):
    """The server did not start; the message is the end of its log."""


@contextmanager
def running_server(
    folder: Path, store: Path, archives: Sequence[str], properties: Mapping[str, str]
) -> Iterator[Server]:
    """A server on a folder of archives, until the block ends.

    Args:
        folder: An empty folder for its files.
        store: Where the archives are.
        archives: Their names.
        properties: Further lines of its config.properties.

    Raises:
        ServerNotReadyError: It did not start.
    """
    process, server = _start(folder, store, archives, properties)
    try:
        _wait_until_ready(server, process)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: Any = None
) -> Answer:
    """The answer to one HTTP request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_REQUEST_S)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        sent = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, answer.reason, sent, answer.read())
    finally:
        connection.close()


def _start(
    folder: Path, store: Path, archives: Sequence[str], properties: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], Server]:
    folder = folder.resolve()
    ports = [_free_port() for _ in range(5)]
    (folder / "config.properties").write_text(_config(ports, properties))
    log = folder / "log.txt"
    models = [f"{Path(name).stem}={name}" for name in archives]
    command = [sys.executable, "-c", "from ts.model_server import start; start()"]
    command += ["--start", "--foreground", "--disable-token-auth", "--no-config-snapshots"]
    command += ["--ts-config", str(folder / "config.properties")]
    command += ["--model-store", str(store.resolve()), "--models", *models]
    environment = peer.environment() | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(folder),  # where the number of its process is
        "TEMP": str(folder),  # and where its sockets are
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
    return process, Server(ports[0], ports[1], log, process.pid)


def _config(ports: list[int], properties: Mapping[str, str]) -> str:
    names = ("inference_address", "management_address", "metrics_address")
    addresses = [f"http://127.0.0.1:{port}" for port in ports[:3]]
    of_grpc = ("grpc_inference_port", "grpc_management_port")
    named = {
        **dict(zip(names, addresses, strict=True)),
        **dict(zip(of_grpc, ports[3:], strict=True)),
        "default_workers_per_model": 1,
        "default_response_timeout": 60,
        **properties,
    }
    return "".join(f"{name}={value}\n" for name, value in named.items())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, ValueError):
            if json.loads(ask(server.port, "GET", "/ping").body)["status"] == "Healthy":
                return
        time.sleep(0.1)
    raise ServerNotReadyError(server.log.read_text()[-3000:])
