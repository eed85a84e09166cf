"""Packing 1 GB of weights: against `cp` with `fsync`, and against the original archiver."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

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
    return interleaved(
        {
            "cp + fsync": lambda: _copy(weights, folder / "copy.bin"),
            "mar-pack": lambda: _pack(folder),
            "torch-model-archiver, zip-store": _original(folder, "zip-store"),
            "torch-model-archiver, default": _original(folder, "default"),
        },
        repeats=3,  # each deflates for most of a minute
        # What a candidate leaves unwritten must not be written at the next one's cost.
        before_each=os.sync,
    )


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
    # A process of its own, as the original archiver has it.
    command = [Path(sys.executable).with_name("mar-pack"), *_arguments(folder)]
    subprocess.run([*command, "--export-path", folder / "ours"], check=True, capture_output=True)


def _arguments(folder: Path) -> list[str]:
    """What both archivers are given."""
    weights, handler = folder / "weights.safetensors", folder / "handler.py"
    named = ["--model-name", "big", "--version", "1"]
    return [*named, "--handler", str(handler), "--serialized-file", str(weights)]


def _original(folder: Path, archive_format: str) -> Callable[[], None]:
    environment = peer.environment()
    command = [sys.executable, "-m", "model_archiver.model_packaging", *_arguments(folder)]
    command += ["--force", "--archive-format", archive_format, "--export-path", str(folder)]

    def run() -> None:
        subprocess.run(command, check=True, env=environment, capture_output=True)

    return run


if __name__ == "__main__":
    main()
