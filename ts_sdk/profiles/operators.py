"""What torch's profiler tells of some batches: operators, memory and a trace."""

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_MEBIBYTE = 1 << 20
_MEMORY = "[memory]"
_CPU = 0
"""The number of the CPU among the kinds of devices of a trace."""


@dataclass(frozen=True)
class Operator:
    """An operator of torch, over all batches that were traced.

    Attributes:
        name: Its name, such as ``aten::addmm``.
        calls: How often it ran.
        self_ms: Milliseconds of the CPU in itself, without what it called.
        total_ms: With what it called.
        device_ms: Milliseconds of a GPU in itself; 0 without one.
        memory_mb: MiB that it allocated itself and has not given back.
    """

    name: str
    calls: int
    self_ms: float
    total_ms: float
    device_ms: float
    memory_mb: float


@dataclass(frozen=True)
class OperatorProfile:
    """What the profiler saw.

    Attributes:
        operators: Each operator, that with the most time in itself first.
        trace: The trace, as JSON that Chrome and Perfetto read.
        tensors_mb: The most memory that tensors took beyond what they took at first; None where
            nothing was allocated.
        batches: How many batches there were.
    """

    operators: tuple[Operator, ...]
    trace: str
    tensors_mb: float | None
    batches: int

    @property
    def total_ms(self) -> float:
        """Milliseconds in all operators."""
        return sum(each.self_ms + each.device_ms for each in self.operators)


def profile_operators(run_batch: Callable[[], object], batches: int) -> OperatorProfile:
    """Run *batches* batches under the profiler; twice where other threads run the operators."""
    found = _profile(run_batch, batches, all_threads=False)
    return found if found.operators else _profile(run_batch, batches, all_threads=True)


def _profile(
    run_batch: Callable[[], object], batches: int, *, all_threads: bool
) -> OperatorProfile:
    import torch
    from torch._C._profiler import _ExperimentalConfig

    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    # With all threads it sees no memory, so it is not how it begins.
    config = _ExperimentalConfig(profile_all_threads=True) if all_threads else None
    with torch.profiler.profile(
        activities=activities,
        record_shapes=True,
        profile_memory=True,
        acc_events=True,
        experimental_config=config,
    ) as profile:
        for _ in range(batches):
            run_batch()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    trace = _trace_of(profile)
    operators = _operators_in(profile.key_averages())
    return OperatorProfile(operators, trace, peak_of(json.loads(trace)), batches)


def peak_of(trace: dict[str, Any]) -> float | None:
    """The most that the CPU's tensors took beyond what they took at the start, in MiB."""
    notes = [
        (event["ts"], event["args"])
        for event in trace.get("traceEvents", ())
        if event.get("name") == _MEMORY and event["args"].get("Device Type") == _CPU
    ]
    if not notes:
        return None
    notes.sort(key=lambda note: note[0])
    first = notes[0][1]
    at_first = first["Total Allocated"] - first["Bytes"]
    most = max(arguments["Total Allocated"] for _, arguments in notes)
    return float((most - at_first) / _MEBIBYTE)


def _trace_of(profile: "torch.profiler.profile") -> str:
    with tempfile.TemporaryDirectory(prefix="ts-sdk-profile-") as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        return path.read_text(encoding="utf-8")


def _operators_in(averages: Iterable[Any]) -> tuple[Operator, ...]:
    found = [
        Operator(
            name=each.key,
            calls=each.count,
            self_ms=each.self_cpu_time_total / 1e3,
            total_ms=each.cpu_time_total / 1e3,
            device_ms=each.self_device_time_total / 1e3,
            memory_mb=(each.self_cpu_memory_usage + each.self_device_memory_usage) / _MEBIBYTE,
        )
        for each in averages
        if not each.is_user_annotation and each.key != _MEMORY
    ]
    return tuple(sorted(found, key=lambda each: -(each.self_ms + each.device_ms)))
