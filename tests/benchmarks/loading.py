"""Loading: against `torch.load(mmap=True)` and building the module by hand."""

import shutil
import sys
import tempfile
from pathlib import Path

import torch

import archiver
import ts_sdk
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


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir="build") as folder:
        timings = _measure(Path(folder))
    by_hand = timings["by hand"]
    first = timings["first load"]
    second = timings["second load"]
    copied = timings["copying the weights"]
    print("An eager model of 503 MB, 30 linear layers; PyTorch imported, files in the page cache.\n")
    rows = [
        ["by hand: build the module, `load_state_dict(torch.load(mmap=True))`", *_cells(by_hand)],
        ["`ts_sdk.load`, archive in the cache", *_cells(second), _of(second, by_hand)],
        ["`ts_sdk.load`, first time", *_cells(first), _of(first, by_hand)],
        ["`cp` of the weights", *_cells(copied)],
    ]
    rows = [[*row, *[""] * (3 - len(row))] for row in rows]
    print(markdown_table(["", "time", "of by hand"], rows))
    extra = first.median - second.median
    print(
        f"\nThe first load costs {extra * 1e3:,.0f} ms more than the second: "
        f"{extra / copied.median:.2f} × the copy."
    )


def _cells(timing: Timing) -> list[str]:
    return [milliseconds(timing)]


def _of(timing: Timing, by_hand: Timing) -> str:
    return f"{timing.median / by_hand.median:.2f} ×"


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
    cache = ts_sdk.ExtractionCache(folder / "cache")

    def by_hand() -> None:
        net = Net()
        net.load_state_dict(torch.load(weights, mmap=True, weights_only=True))
        net.eval()

    def second() -> None:
        ts_sdk.load(packed.path, cache=cache, device="cpu").close()

    def first() -> None:
        cache.clear()
        second()

    def copy() -> None:
        shutil.copyfile(weights, folder / "copy.pt")
        (folder / "copy.pt").unlink()

    return interleaved(
        {
            "by hand": by_hand,
            "first load": first,
            "second load": second,
            "copying the weights": copy,
        },
        repeats=9,
    )


if __name__ == "__main__":
    main()
