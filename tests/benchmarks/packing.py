"""Packing 1 GB of weights: against `cp` with `fsync`, and against the original archiver."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import archiver
from tests.benchmarks import peer
from tests.benchmarks.measuring import Timing, interleaved, markdown_table, seconds

_SIZE = 10**9
_CHUNK = 10**7
_HANDLER = "def handle(data, context):\n    return data\n"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir="build") as folder:
        timings = _measure(Path(folder))
    copied = timings["cp + fsync"]
    packed = timings["mar-pack"]
    print("Packing 1 GB of random weights with a handler; the last columns are ratios.\n")
    header = ["", "time", "of cp + fsync", "mar-pack is faster by"]
    print(
        markdown_table(header, [_row(name, one, copied, packed) for name, one in timings.items()])
    )


def _row(name: str, timing: Timing, copied: Timing, packed: Timing) -> list[str]:
    return [
        name,
        seconds(timing),
        f"{timing.median / copied.median:.2f} x",
        f"{timing.median / packed.median:.1f} x",
    ]


def _measure(folder: Path) -> dict[str, Timing]:
    weights = folder / "weights.safetensors"
    _write_weights(weights)
    (folder / "handler.py").write_text(_HANDLER)
    original = {
        "torch-model-archiver, zip-store": _original(folder, "zip-store"),
        "torch-model-archiver, default": _original(folder, "default"),
    }
    timings = interleaved(
        {
            "cp + fsync": lambda: _copy(weights, folder / "copy.bin"),
            "mar-pack": lambda: _pack(folder),
            **{name: run for name, run in original.items() if "zip" in name},
        },
        repeats=5,
    )
    # Deflating takes most of a minute: fewer rounds, beside one of ours each.
    slow = {name: run for name, run in original.items() if "default" in name}
    return timings | interleaved(slow, repeats=2, warm_up=0)


def _write_weights(path: Path) -> None:
    header = b'{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (_SIZE, _SIZE)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _ in range(_SIZE // _CHUNK):
            file.write(os.urandom(_CHUNK))


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _pack(folder: Path) -> None:
    (folder / "ours" / "big.mar").unlink(missing_ok=True)
    archiver.pack(
        model_name="big",
        version="1",
        handler=folder / "handler.py",
        serialized_file=folder / "weights.safetensors",
        export_path=folder / "ours",
    )


def _original(folder: Path, archive_format: str) -> Callable[[], None]:
    environment = peer.environment()
    command = [sys.executable, "-m", "model_archiver.model_packaging", "--force"]
    command += ["--model-name", "big", "--version", "1", "--archive-format", archive_format]
    command += ["--handler", str(folder / "handler.py"), "--export-path", str(folder)]
    command += ["--serialized-file", str(folder / "weights.safetensors")]

    def run() -> None:
        subprocess.run(command, check=True, env=environment, capture_output=True)

    return run


if __name__ == "__main__":
    main()
