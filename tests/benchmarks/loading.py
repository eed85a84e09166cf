"""Loading: against `torch.load(mmap=True)`, and safetensors against extracting them first."""

import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import archiver
import ts_sdk
from tests.benchmarks import peer
from tests.benchmarks.measuring import Timing, interleaved, markdown_table, milliseconds

_MODEL = '''
from torch import nn


class Net(nn.Module):
    """Thirty layers of 2048 x 2048: 503 MB of weights."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(30)))

    def forward(self, x):
        return self.layers(x)
'''


_SMALLER = _MODEL.replace("Thirty", "Sixteen").replace("503", "268").replace("30", "16")
_SETTLED_S = 2.5


def main() -> None:
    """Print the tables."""
    _print_state_dict()
    print()
    _print_safetensors()


def _print_state_dict() -> None:
    with tempfile.TemporaryDirectory(dir="build") as folder:
        timings = _measure(Path(folder))
    by_hand = timings["by hand"]
    first = timings["first load"]
    second = timings["second load"]
    original = timings["original's archive"]
    copied = timings["copying the weights"]
    print(
        "An eager model of 503 MB, 30 linear layers; PyTorch imported, files in the page cache.\n"
    )
    rows = [
        ["by hand: build the module, `load_state_dict(torch.load(mmap=True))`", *_cells(by_hand)],
        ["`ts_sdk.load`, archive in the cache", *_cells(second), _of(second, by_hand)],
        ["`ts_sdk.load`, first time", *_cells(first), _of(first, by_hand)],
        [
            "`ts_sdk.load`, in the cache, packed by `torch-model-archiver`",
            *_cells(original),
            _of(original, by_hand),
        ],
        ["`cp` of the weights", *_cells(copied)],
    ]
    rows = [[*row, *[""] * (3 - len(row))] for row in rows]
    print(markdown_table(["", "time", "of by hand"], rows))
    extra = first.median - second.median
    print(
        f"\nThe first load costs {extra * 1e3:,.0f} ms more than the second: "
        f"{extra / copied.median:.2f} x the copy."
    )


def _print_safetensors() -> None:
    with tempfile.TemporaryDirectory(dir="build") as folder:
        timings = _measure_safetensors(Path(folder))
    by_hand = timings["extract and load"]
    print(
        "The same with 268 MB of safetensors and `base_handler`, which are mapped in the archive.\n"
    )
    rows = [
        [label, *_cells(timing), f"{by_hand.median / timing.median:,.1f} x"]
        for label, timing in (
            ("by hand: extract the member, `load_file`, `load_state_dict`", by_hand),
            ("`ts_sdk.load`", timings["mapped"]),
            ("by hand, and a first answer", timings["extract, load and answer"]),
            ("`ts_sdk.load`, and a first answer", timings["mapped, and an answer"]),
        )
    ]
    print(markdown_table(["", "time", "extract-and-load is"], rows))


def _measure_safetensors(folder: Path) -> dict[str, Timing]:
    (folder / "smaller.py").write_text(_SMALLER)
    sys.path.insert(0, str(folder))
    from smaller import Net  # type: ignore[import-not-found] # written a line above

    weights = folder / "weights.safetensors"
    save_file(Net().state_dict(), weights)
    packed = archiver.pack(
        model_name="mapped",
        version="1",
        handler="base_handler",
        model_file=folder / "smaller.py",
        serialized_file=weights,
        export_path=folder,
    ).path
    cache = ts_sdk.ExtractionCache(folder / "cache")
    row = [0.0] * 2048
    time.sleep(_SETTLED_S)  # until then a file counts as one that may still change

    def by_hand() -> "torch.nn.Module":
        with zipfile.ZipFile(packed) as archive:
            archive.extract(weights.name, folder / "extracted")
        net: torch.nn.Module = Net()
        net.load_state_dict(load_file(folder / "extracted" / weights.name))
        return net.eval()

    def by_hand_and_answer() -> None:
        with torch.inference_mode():
            by_hand()(torch.tensor([row])).tolist()

    def load(*, answer: bool = False) -> None:
        with ts_sdk.load(packed, cache=cache, device="cpu") as model:
            if answer:
                model.predict(row)

    return interleaved(
        {
            "extract and load": by_hand,
            "mapped": load,
            "extract, load and answer": by_hand_and_answer,
            "mapped, and an answer": lambda: load(answer=True),
        },
        repeats=9,
    )


def _cells(timing: Timing) -> list[str]:
    return [milliseconds(timing)]


def _of(timing: Timing, by_hand: Timing) -> str:
    return f"{timing.median / by_hand.median:.2f} x"


def _measure(folder: Path) -> dict[str, Timing]:
    (folder / "model.py").write_text(_MODEL)
    sys.path.insert(0, str(folder))
    from model import Net  # type: ignore[import-not-found] # written a line above

    weights = folder / "weights.pt"
    torch.save(Net().state_dict(), weights)
    packed = archiver.pack(
        model_name="big",
        version="1",
        handler="base_handler",
        model_file=folder / "model.py",
        serialized_file=weights,
        export_path=folder,
    )
    original = _pack_with_the_original(folder)
    cache = ts_sdk.ExtractionCache(folder / "cache")

    def by_hand() -> None:
        net = Net()
        net.load_state_dict(torch.load(weights, mmap=True, weights_only=True))
        net.eval()

    def second() -> None:
        ts_sdk.load(packed.path, cache=cache, device="cpu").close()

    def first() -> None:
        cache.clear(packed.digest)
        second()

    def load_original() -> None:
        ts_sdk.load(original, cache=cache, device="cpu").close()

    def copy() -> None:
        shutil.copyfile(weights, folder / "copy.pt")
        (folder / "copy.pt").unlink()

    return interleaved(
        {
            "by hand": by_hand,
            "second load": second,
            "first load": first,
            "original's archive": load_original,
            "copying the weights": copy,
        },
        repeats=9,
    )


def _pack_with_the_original(folder: Path) -> Path:
    """Pack with TorchServe's own archiver, whose archives have no RECORD."""
    command = [sys.executable, "-m", "model_archiver.model_packaging"]
    command += ["--model-name", "original", "--version", "1", "--handler", "base_handler"]
    command += ["--model-file", str(folder / "model.py"), "--export-path", str(folder)]
    command += ["--serialized-file", str(folder / "weights.pt")]
    subprocess.run(command, check=True, env=peer.environment(), capture_output=True)
    return folder / "original.mar"


if __name__ == "__main__":
    main()
