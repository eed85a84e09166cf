"""Pool: what it costs a request, and what its batches and workers bring."""

import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import skimage
import torch
from PIL import Image
from torchvision.models import resnet18

import archiver
import ts_sdk
from default_handlers.decoding import decode
from default_handlers.presets import IMAGENET
from tests.benchmarks.measuring import interleaved, markdown_table

_ECHO = "def handle(data, context):\n    return data and [row['body'] for row in data]\n"
_NETWORK = '''
from torch import nn
from torchvision.models import resnet18


class Network(nn.Module):
    """ResNet-18 with random weights."""

    def __init__(self):
        super().__init__()
        self.network = resnet18(weights=None)

    def forward(self, pictures):
        return self.network(pictures)
'''
_PICTURE = (640, 480)
_REQUESTS = 60
_CASES = ((1, 1, 1), (1, 1, 8), (1, 10, 1), (1, 10, 8), (1, 32, 8), (2, 10, 1), (2, 10, 8))
"""Workers, clients and the size of a batch."""
_FURTHER_WORKERS = 4
_MEMORY = "--memory"


def main() -> None:
    """Print the tables."""
    if sys.argv[1:2] == [_MEMORY]:
        _measure_memory(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory(dir="build") as folder:
        echo = Path(folder, "echo")
        echo.mkdir()
        (echo / "handler.py").write_text(_ECHO)
        _print_overhead(echo)
        _print_rates(echo)
        network = _packed(Path(folder))
        _print_network(network)
        _print_memory(network)


@dataclass(frozen=True)
class _Load:
    """What became of requests that clients sent as soon as they were answered.

    Attributes:
        a_second: How many were answered in a second.
        p50_ms: The median of their latencies.
        p99_ms: The 99th percentile.
        fill: How full the batches were.
    """

    a_second: float
    p50_ms: float
    p99_ms: float
    fill: float


def _print_overhead(echo: Path) -> None:
    rows = []
    for batch_size in (1, 8):
        with _both(echo, batch_size) as (model, pool):
            timings = interleaved(
                {"predict": lambda: model.predict({}), "pool": lambda: pool.predict({})},
                repeats=5000,
                warm_up=200,
            )
        alone, pooled = timings.values()
        pairs = zip(pooled.seconds, alone.seconds, strict=True)
        added = statistics.median(one - other for one, other in pairs)
        cells = [f"{each * 1e6:,.0f} µs" for each in (alone.median, pooled.median, added)]
        rows.append([_upto(batch_size), *cells])
    print("A handler that does nothing, asked by one client.\n")
    print(markdown_table(["", "`model.predict`", "`pool.predict`", "added"], rows))


def _print_rates(echo: Path) -> None:
    rows = []
    for clients, batch_size in ((1, 1), (1, 8), (10, 1), (10, 8), (32, 8)):
        with ts_sdk.serve_locally(echo, device="cpu", batch_size=batch_size) as pool:
            load = _loaded(pool, {}, clients, 20_000 // max(clients, 4))
        rate, fill = f"{load.a_second:,.0f}", f"{load.fill:.0%}"
        rows.append([f"{_several(clients, 'client')}, {_upto(batch_size)}", rate, fill])
    print("\nThe same, asked by clients in threads that send again as soon as they are answered.\n")
    print(markdown_table(["", "requests/s", "batches full"], rows))


def _print_network(network: Path) -> None:
    picture = _jpeg()
    rows = [
        _row(f"bare torch, batches of {size}", _bare(network, picture, size)) for size in (1, 8)
    ]
    for workers, clients, batch_size in _CASES:
        with ts_sdk.serve_locally(
            network, device="cpu", workers=workers, batch_size=batch_size
        ) as pool:
            _loaded(pool, picture, clients, 2)
            load = _loaded(pool, picture, clients, _REQUESTS // clients)
        title = ", ".join(
            (_several(clients, "client"), _upto(batch_size), _several(workers, "worker"))
        )
        rows.append(_row(title, load))
    width, height = _PICTURE
    print(
        f"\nResNet-18 on a JPEG of {width} x {height}. Bare torch has {torch.get_num_threads()} "
        "threads, which the pool divides among\nits workers.\n"
    )
    print(markdown_table(["", "requests/s", "median", "p99", "batches full"], rows))


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _upto(batch_size: int) -> str:
    return f"batches of up to {batch_size}"


def _row(title: str, load: _Load) -> list[str]:
    latencies = [f"{each:,.0f} ms" for each in (load.p50_ms, load.p99_ms)]
    return [title, f"{load.a_second:.1f}", *latencies, f"{load.fill:.0%}"]


def _print_memory(network: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.pool", _MEMORY, str(network)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    lines = [list(map(int, line.split())) for line in ran.stdout.splitlines()]
    ((weights,), *further) = lines
    loaded, answered = (statistics.median(each) for each in zip(*further, strict=True))
    print(
        f"\nEach further worker takes {loaded / 1e6:.1f} MB when it is ready, which is "
        f"{loaded / weights:.1%} of the weights' {weights / 1e6:.1f} MB;\nwhat it "
        f"computes in, and keeps for the next time, is {answered / 1e6:.0f} MB more."
    )


def _measure_memory(network: Path) -> None:
    """In a process of its own: the weights' size, then a line for each further worker, in bytes."""
    picture = _jpeg()
    with ts_sdk.load(network, device="cpu") as model:
        print(sum(tensor.nbytes for tensor in model.handler.model.state_dict().values()))
    with ts_sdk.serve_locally(network, device="cpu", threads_per_worker=1) as pool:
        _loaded(pool, picture, 4, 2)
        before = _private_bytes()
        for workers in range(2, _FURTHER_WORKERS + 2):
            pool.scale(workers)
            ready = _private_bytes()
            _loaded(pool, picture, 2 * workers, 3)
            after = _private_bytes()
            print(ready - before, after - ready)
            before = after


def _private_bytes() -> int:
    used: int = psutil.Process(os.getpid()).memory_full_info().uss
    return used


def _loaded(pool: ts_sdk.Pool, body: object, clients: int, requests: int) -> _Load:
    """Let *clients* send so many *requests* each."""
    latencies: list[float] = []

    def client() -> None:
        for _ in range(requests):
            sent = time.perf_counter()
            pool.predict(body)
            latencies.append(time.perf_counter() - sent)

    before = pool.stats()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    after = pool.stats()
    places = (after.batches - before.batches) * pool.models[0].batch_size
    return _summary(latencies, elapsed, (after.answered - before.answered) / places)


def _bare(network: Path, picture: bytes, batch_size: int) -> _Load:
    """The same work by hand, one batch after the other."""
    latencies: list[float] = []
    with ts_sdk.load(network, device="cpu") as model:
        answer = _by_hand(model.handler.model, [picture] * batch_size)
        answer()
        started = time.perf_counter()
        for _ in range(_REQUESTS // batch_size):
            begun = time.perf_counter()
            answer()
            latencies += [time.perf_counter() - begun] * batch_size
        elapsed = time.perf_counter() - started
    return _summary(latencies, elapsed, 1.0)


def _by_hand(module: torch.nn.Module, pictures: list[bytes]) -> Callable[[], object]:
    def answer() -> object:
        crops = [IMAGENET.crop(decode(picture)) for picture in pictures]
        with torch.inference_mode():
            scores = module(IMAGENET.normalise(crops, torch.device("cpu")))
        return scores.softmax(1).topk(5)

    return answer


def _summary(latencies: list[float], elapsed: float, fill: float) -> _Load:
    ordered = sorted(latencies)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return _Load(len(ordered) / elapsed, statistics.median(ordered) * 1e3, p99 * 1e3, fill)


@contextmanager
def _both(archive: Path, batch_size: int) -> Iterator[tuple[ts_sdk.Model, ts_sdk.Pool]]:
    with (
        ts_sdk.load(archive, device="cpu") as model,
        ts_sdk.serve_locally(archive, device="cpu", batch_size=batch_size) as pool,
    ):
        yield model, pool


def _jpeg() -> bytes:
    with Image.open(Path(skimage.data_dir) / "chelsea.png") as image:
        scaled = image.convert("RGB").resize(_PICTURE, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    scaled.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _packed(folder: Path) -> Path:
    (folder / "network.py").write_text(_NETWORK)
    torch.manual_seed(0)
    state = {f"network.{name}": each for name, each in resnet18(weights=None).state_dict().items()}
    torch.save(state, folder / "weights.pt")
    packed = archiver.pack(
        model_name="resnet18",
        version="1",
        handler="image_classifier",
        model_file=folder / "network.py",
        serialized_file=folder / "weights.pt",
        export_path=folder,
    )
    return packed.path


if __name__ == "__main__":
    main()
