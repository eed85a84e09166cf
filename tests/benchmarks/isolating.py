"""Isolating: what a process of its own adds to a request."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import ts_sdk
from tests.benchmarks.measuring import Timing, interleaved, markdown_table, seconds

_ECHO = "def handle(data, context):\n    return data and [row['body'] for row in data]\n"
_BODIES = {
    "nothing": (b"", 3000),
    "100 KB": (bytearray(100_000), 1000),
    "1 MB": (bytearray(1_000_000), 300),
    "10 MB": (bytearray(10_000_000), 40),
}
_COPIES = 4
_STARTS = 7


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(dir="build") as folder:
        archive = Path(folder, "echo")
        archive.mkdir()
        (archive / "handler.py").write_text(_ECHO)
        _print_requests(archive)
        _print_starts(archive)


def _print_requests(archive: Path) -> None:
    rows = []
    with (
        ts_sdk.load(archive, device="cpu") as here,
        ts_sdk.load(archive, device="cpu", isolation="process") as there,
    ):
        for name, (body, repeats) in _BODIES.items():
            timings = interleaved(
                {
                    "copies": _copying(body),
                    "here": _asking(here, body),
                    "there": _asking(there, body),
                },
                repeats=repeats,
                warm_up=10,
            )
            pairs = zip(timings["there"].seconds, timings["here"].seconds, strict=True)
            added = statistics.median(one - other for one, other in pairs)
            times = [_microseconds(each) for each in timings.values()]
            rows.append([name, *times, f"{added * 1e6:,.0f} µs"])
    print("A handler that gives back the body that it was sent.\n")
    copies = f"{_COPIES} copies of it"
    print(markdown_table(["body", copies, "`archive`", "`process`", "added"], rows))


def _print_starts(archive: Path) -> None:
    def start() -> None:
        ts_sdk.load(archive, device="cpu", isolation="process").close()

    timing = interleaved({"start": start}, repeats=_STARTS)["start"]
    print(f"\nTo start such a process and to end it again takes {seconds(timing)}.")


def _asking(model: ts_sdk.Model, body: object) -> Callable[[], object]:
    return lambda: model.predict(body)


def _copying(body: bytes | bytearray) -> Callable[[], object]:
    """What shared memory cannot spare: into it and out of it, there and back."""
    shared = bytearray(len(body))

    def copy() -> None:
        for _ in range(_COPIES // 2):
            shared[:] = body
            bytearray(shared)

    return copy


def _microseconds(timing: Timing) -> str:
    return f"{timing.median * 1e6:,.0f} µs ± {timing.spread:.0%}"


if __name__ == "__main__":
    main()
