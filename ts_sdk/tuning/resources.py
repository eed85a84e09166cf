"""How much memory and how busy, while a load runs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from types import TracebackType
from typing import Any, Self

_EVERY_S = 0.2
_MEBIBYTE = 1 << 20
_HOST_NAMES = {"CPUUtilization": "cpu_percent", "MemoryUtilization": "memory_percent"}
_GPU_NAMES = {
    "GPUUtilization": "gpu_percent",
    "GPUMemoryUtilization": "gpu_memory_percent",
    "GPUMemoryUsed": "gpu_memory_mb",
}


@dataclass
class ResourceWatch:
    """Looks at this process and its children, and at the machine, until its block is left.

    Without psutil it sees nothing.

    Attributes:
        device: Where the model runs, such as ``cuda:1``: of GPUs only that one is looked at.
        every_s: How often, in seconds.
        samples: What was seen: name → values.
    """

    device: str = "cpu"
    every_s: float = _EVERY_S
    samples: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._done = threading.Event()
        self._look = _looking(self.device)
        self._thread = threading.Thread(target=self._watch, name="tuning-resources", daemon=True)

    def means(self) -> dict[str, float]:
        """Name → mean; of ``memory_mb``, what this process takes, the most."""
        return {
            name: max(values) if name == "memory_mb" else fmean(values)
            for name, values in self.samples.items()
        }

    def __enter__(self) -> Self:
        if self._look is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._look is not None:
            self._thread.join()

    def _watch(self) -> None:
        if self._look is None:
            return
        self._look()  # of the CPU, the next one tells what was done since
        while not self._done.wait(self.every_s):
            for name, value in self._look().items():
                self.samples.setdefault(name, []).append(value)


def _looking(device: str) -> Callable[[], dict[str, float]] | None:
    """A function that looks once; None where psutil is missing."""
    try:
        import psutil
    except ImportError:
        return None
    from ts_sdk.metrics.system import system_metrics

    names = {**_HOST_NAMES, **_GPU_NAMES}
    kind, _, index = device.partition(":")
    gpu = (index or "0") if kind == "cuda" else None

    def look() -> dict[str, float]:
        seen = {"memory_mb": _memory_mb(psutil)}
        for sample in system_metrics(interval_s=0):
            if sample.name in names and dict(sample.dimensions).get("DeviceId") in (None, gpu):
                seen[names[sample.name]] = sample.value
        return seen

    return look


def _memory_mb(psutil: Any) -> float:  # noqa: ANN401 - the module
    process = psutil.Process()
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return float(total / _MEBIBYTE)
