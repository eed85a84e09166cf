"""What a profile has found, and the files that tell it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ts_sdk.benchmarking import Result
from ts_sdk.hardware import Hardware
from ts_sdk.profiles.memory import Memory
from ts_sdk.profiles.operators import OperatorProfile
from ts_sdk.profiles.stacks import Frame, Stacks, hottest
from ts_sdk.tuning.measurement import PHASES

MOST_ROWS = 20
PHASE_COLUMNS = ("phase", "ms of a request", "share")
_OPERATOR_COLUMNS = ("operator", "calls", "self ms", "share", "total ms", "memory MiB", "GPU ms")
FUNCTION_COLUMNS = ("function", "self ms", "share")
MEMORY_COLUMNS = ("memory", "MiB")
_MEMORY_WORDS = {
    "weights_mb": "weights",
    "tensors_mb": "tensors of a batch, at most",
    "process_mb": "process, at most",
    "gpu_mb": "GPU tensors, at most",
}


@dataclass(frozen=True)
class Profile:
    """Where an archive's time and memory go.

    Attributes:
        path: The archive.
        name: What it is called in files.
        batch_size: Requests in a batch while stacks and operators were looked at.
        served: What it does when it is served: its phases, with the queue.
        operators: What torch's profiler saw.
        stacks: What Python ran, by samples.
        memory: How much it took.
        hardware: What it ran on.
    """

    path: Path
    name: str
    batch_size: int
    served: Result
    operators: OperatorProfile
    stacks: Stacks
    memory: Memory
    hardware: Hardware

    @property
    def phases_ms(self) -> dict[str, float]:
        """Phase → milliseconds of a request, on average: queue, preprocess, ...

        A handler that is no `BaseHandler` has one phase, ``handle``.
        """
        found = self.served.measured.phases_ms
        if found:
            return {name: found[name] for name in PHASES if name in found}
        handle_ms = self.served.measured.model_ms.get("mean")
        if handle_ms is None:
            return {}
        return {"queue": max(0.0, self.served.measured.mean_ms - handle_ms), "handle": handle_ms}

    @property
    def operator_columns(self) -> tuple[str, ...]:
        """The head of the table of operators; the time of GPUs only where there was any."""
        on_gpu = any(each.device_ms for each in self.operators.operators)
        return _OPERATOR_COLUMNS if on_gpu else _OPERATOR_COLUMNS[:-1]

    def phase_rows(self) -> list[list[str]]:
        """The table of phases, under `PHASE_COLUMNS`."""
        total_ms = sum(self.phases_ms.values())
        return [[name, f"{ms:.3f}", _share(ms, total_ms)] for name, ms in self.phases_ms.items()]

    def operator_rows(self, most: int = MOST_ROWS) -> list[list[str]]:
        """The table of operators, under `operator_columns`."""
        total_ms = self.operators.total_ms
        rows = [
            (
                each.name,
                str(each.calls),
                f"{each.self_ms:.3f}",
                _share(each.self_ms + each.device_ms, total_ms),
                f"{each.total_ms:.3f}",
                f"{round(each.memory_mb, 2) + 0.0:.2f}",  # never -0.00
                f"{each.device_ms:.3f}",
            )
            for each in self.operators.operators[:most]
        ]
        return [list(row[: len(self.operator_columns)]) for row in rows]

    def function_rows(self, most: int = MOST_ROWS) -> list[list[str]]:
        """The table of Python functions, under `FUNCTION_COLUMNS`."""
        total_s = self.stacks.total_s
        return [
            [frame.name, f"{seconds * 1e3:.1f}", _share(seconds, total_s)]
            for frame, seconds in hottest(self.stacks, most)
        ]

    def memory_rows(self) -> list[list[str]]:
        """The table of memory, under `MEMORY_COLUMNS`."""
        return [
            [_MEMORY_WORDS[name], f"{value:.1f}"]
            for name, value in asdict(self.memory).items()
            if value is not None
        ]

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values, without the trace and the stacks."""
        functions = hottest(self.stacks, MOST_ROWS)
        return {
            "path": str(self.path),
            "batch_size": self.batch_size,
            "phases_ms": self.phases_ms,
            "served": self.served.to_dict(),
            "operators": [asdict(each) for each in self.operators.operators],
            "traced_batches": self.operators.batches,
            "functions": [{**_function(frame), "self_s": s} for frame, s in functions],
            "samples": self.stacks.samples,
            "sampled_s": self.stacks.total_s,
            "memory": asdict(self.memory),
            "hardware": self.hardware.to_dict(),
        }

    def write(self, folder: Path) -> list[Path]:
        """Write the profile's files into *folder*, and return their paths.

        ``profile.md``, ``profile.json``, ``trace.json``, ``flame.html`` and
        ``flame.speedscope.json``.
        """
        from ts_sdk.profiles.files import write_files

        return write_files(self, folder)


def _function(frame: Frame) -> dict[str, Any]:
    return {"function": frame.function, "file": frame.file, "line": frame.line}


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def remarks_of(profile: Profile) -> Sequence[str]:
    """What to know of the figures."""
    measured, candidate = profile.served.measured, profile.served.candidate
    plural = "" if candidate.workers == 1 else "s"
    served = (
        f"Served with {candidate.workers} worker{plural}, batch {candidate.batch_size} and "
        f"{candidate.concurrency} requests at a time on {candidate.device}: "
        f"{measured.throughput_rps:.1f} requests/s, p99 {measured.p99_ms:.1f} ms."
    )
    looked = (
        f"Operators are those of {profile.operators.batches} batches of {profile.batch_size}, "
        "slowed down by the profiler; functions are those of batches without it."
    )
    return [served, looked]
