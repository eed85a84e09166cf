"""Serving: a pool in this process against the real TorchServe server, the same archive and load."""

import http.client
import io
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from PIL import Image

import archiver
import ts_sdk
from tests.benchmarks.measuring import installed_environment, markdown_table
from tests.benchmarks.peer_server import Server, running_server

_HEADER = ["", "TorchServe", "pool", "times", "p99 TorchServe", "p99 pool"]
_NOOP = "def handle(data, context):\n    return None if data is None else ['ok'] * len(data)\n"
_DELAY_MS = 50
_ROUNDS = 3
_SECONDS = {"resnet18": 3.0, "eager": 3.0, "noop": 1.0}
_COLD_STARTS = 5
_FIRST_ANSWER = """\
import sys
from pathlib import Path
import ts_sdk
with ts_sdk.serve_locally(sys.argv[1], workers=1, device="cpu") as pool:
    pool.predict(Path(sys.argv[2]).read_bytes())
"""

_TUNING_S = 180
_RESNET = """\
from torchvision.models.resnet import BasicBlock, ResNet


class ResNet18(ResNet):
    def __init__(self):
        super().__init__(BasicBlock, [2, 2, 2, 2])
"""

Call = Callable[[], object]
"""Sends one request and waits for its answer."""


@dataclass
class _Load:
    """What one side did under one load.

    Attributes:
        rates: Requests a second, one a round.
        latencies_s: How long each request of all rounds took.
    """

    rates: list[float]
    latencies_s: list[float]

    @property
    def rate(self) -> float:
        """The middle round's."""
        return statistics.median(self.rates)

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 requests did not exceed."""
        return statistics.quantiles(self.latencies_s, n=100)[98] * 1e3


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(dir="build") as name:
        folder = Path(name)
        jpeg = folder / "picture.jpg"
        jpeg.write_bytes(_jpeg())
        print(
            "One worker, closed loop, a JPEG of 640 x 480. The server is reached over HTTP on the"
        )
        print(
            f"loopback address, the pool is called. Batches of 8 wait {_DELAY_MS} ms at most. The"
        )
        print(f"medians of {_ROUNDS} rounds, taken in turns.\n")
        print(_loads(folder, jpeg.read_bytes()))
        print("\nFrom a cold process to the first answer of ResNet-18:\n")
        print(_cold_starts(folder, jpeg))
        _print_tuned(folder, jpeg)


def _loads(folder: Path, jpeg: bytes) -> str:
    rows = []
    for model in ("resnet18", "noop"):
        for batch in (1, 8):
            archive = _packed(folder, model, batch)
            with _server(folder, archive) as server, _pool(archive) as pool:
                for clients in (1, 10):
                    theirs, ours = _measured(server, pool, archive.stem, jpeg, clients)
                    title = f"{model}, batches of {batch}, {clients} client{'s' * (clients > 1)}"
                    rows.append(_row(title, theirs, ours))
    return markdown_table(_HEADER, rows)


def _print_tuned(folder: Path, jpeg: Path) -> None:
    """The archive as it is on both sides, then what `mar tune --pack` makes of it here."""
    archive, data = _packed(folder, "eager", 8), jpeg.read_bytes()
    report = ts_sdk.tune(
        archive, [data], budget_s=_TUNING_S, output=folder / "tuning", concurrencies=[10]
    )
    tuned = report.pack(folder / "tuned.mar")
    sides = {"as it is": archive, f"tuned: {report.best and report.best.name}": tuned}
    with _server(folder, archive) as server, ExitStack() as pools:
        served = {name: pools.enter_context(_pool(path)) for name, path in sides.items()}
        rows = [
            _row(name, *_measured(server, pool, archive.stem, data, 10))
            for name, pool in served.items()
        ]
    print(
        "\nResNet-18 as a model file with a state dict, 10 clients, batches of 8, one worker; and"
    )
    print(f"the archive that `mar tune --budget {_TUNING_S}s --concurrency 10 --pack` writes:\n")
    print(markdown_table(_HEADER, rows))


def _row(title: str, theirs: _Load, ours: _Load) -> list[str]:
    return [
        title,
        f"{theirs.rate:,.1f}/s",
        f"{ours.rate:,.1f}/s",
        f"{ours.rate / theirs.rate:.2f}",
        f"{theirs.p99_ms:,.1f} ms",
        f"{ours.p99_ms:,.1f} ms",
    ]


def _measured(
    server: Server, pool: ts_sdk.Pool, model: str, jpeg: bytes, clients: int
) -> tuple[_Load, _Load]:
    def of_server() -> Call:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

        def call() -> None:
            connection.request("POST", f"/predictions/{model}", jpeg, _TYPE)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"the server answered {answer.status}: {body[:200]!r}")

        return call

    def of_pool() -> Call:
        return lambda: pool.predict(jpeg)

    seconds = _SECONDS[model.partition("-")[0]]
    sides = {"theirs": of_server, "ours": of_pool}
    loads = {name: _Load([], []) for name in sides}
    for make in sides.values():
        _drive(make, clients, seconds / 3)
    for _ in range(_ROUNDS):
        for name, make in sides.items():
            latencies, elapsed_s = _drive(make, clients, seconds)
            loads[name].rates.append(len(latencies) / elapsed_s)
            loads[name].latencies_s += latencies
    return loads["theirs"], loads["ours"]


_TYPE = {"Content-Type": "image/jpeg"}


def _drive(make: Callable[[], Call], clients: int, seconds: float) -> tuple[list[float], float]:
    """Let *clients* ask one request after the other; each one's latency, and how long it took."""
    latencies: list[list[float]] = [[] for _ in range(clients)]
    started = time.perf_counter()

    def client(own: list[float]) -> None:
        call = make()
        while (sent := time.perf_counter()) - started < seconds:
            call()
            own.append(time.perf_counter() - sent)

    threads = [threading.Thread(target=client, args=(own,)) for own in latencies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [each for own in latencies for each in own], time.perf_counter() - started


def _cold_starts(folder: Path, jpeg: Path) -> str:
    archive = _packed(folder, "resnet18", 1)
    times: dict[str, list[float]] = {"TorchServe": [], "pool": []}
    command = [sys.executable, "-c", _FIRST_ANSWER, str(archive), str(jpeg)]
    for number in range(_COLD_STARTS + 1):
        started = time.perf_counter()
        with _server(folder, archive) as server:
            server.predict(archive.stem, jpeg.read_bytes(), "image/jpeg")
            theirs_s = time.perf_counter() - started
        started = time.perf_counter()
        subprocess.run(command, check=True, env=installed_environment())
        ours_s = time.perf_counter() - started
        if number:  # the first of each compiles its modules
            times["TorchServe"].append(theirs_s)
            times["pool"].append(ours_s)
    theirs, ours = map(statistics.median, times.values())
    return markdown_table(
        ["", "TorchServe", "pool", "times as soon"],
        [["first answer", f"{theirs:.1f} s", f"{ours:.1f} s", f"{theirs / ours:.1f}"]],
    )


@contextmanager
def _server(folder: Path, archive: Path) -> Iterator[Server]:
    with (
        tempfile.TemporaryDirectory(dir=folder) as own,
        running_server(Path(own), archive.parent, [archive.name], {}) as server,
    ):
        yield server


@contextmanager
def _pool(archive: Path) -> Iterator[ts_sdk.Pool]:
    with ts_sdk.serve_locally(archive, device="cpu", queue_size=100) as pool:
        yield pool


def _packed(folder: Path, model: str, batch: int) -> Path:
    """An archive whose config both sides read: one worker, and how it batches."""
    name = f"{model}-{batch}"
    target = folder / f"{name}.mar"
    if target.exists():
        return target
    config = folder / f"{name}.yaml"
    config.write_text(
        f"minWorkers: 1\nmaxWorkers: 1\nbatchSize: {batch}\nmaxBatchDelay: {_DELAY_MS}\n"
    )
    if model == "noop":
        handler = folder / "noop_handler.py"
        handler.write_text(_NOOP)
        archiver.pack(
            model_name=name, version="1.0", handler=handler, config_file=config, export_path=folder
        )
        return target
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    model_file, weights = None, folder / f"{model}.pt"
    if model == "eager":
        model_file = folder / "model.py"
        model_file.write_text(_RESNET)
        torch.save(network.state_dict(), weights)
    else:
        torch.jit.script(network).save(str(weights))
    archiver.pack(
        model_name=name,
        version="1.0",
        handler="image_classifier",
        model_file=model_file,
        serialized_file=weights,
        config_file=config,
        export_path=folder,
    )
    return target


def _jpeg() -> bytes:
    """A smooth picture with some detail, as photographs are."""
    torch.manual_seed(0)
    small = torch.rand(1, 3, 48, 64)
    pixels = torch.nn.functional.interpolate(small, (480, 640), mode="bicubic").clamp(0, 1)
    image = Image.fromarray((pixels[0] * 255).byte().permute(1, 2, 0).numpy())
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
