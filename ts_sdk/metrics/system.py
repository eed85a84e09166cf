"""CPU, memory, disks and GPUs, with TorchServe's names and units; through psutil and NVML."""

import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar

from ts_sdk.metrics.errors import MetricDependencyError
from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample
from ts_sdk.metrics.views import MetricView, Recorded

_MEGABYTE = 1 << 20
_GIGABYTE = 1 << 30
_HOST: Dimensions = (("Level", "Host"),)

_UNITS = {
    "CPUUtilization": "Percent",
    "MemoryUsed": "Megabytes",
    "MemoryAvailable": "Megabytes",
    "MemoryUtilization": "Percent",
    "DiskUsage": "Gigabytes",
    "DiskUtilization": "Percent",
    "DiskAvailable": "Gigabytes",
    "GPUUtilization": "Percent",
    "GPUMemoryUtilization": "Percent",
    "GPUMemoryUsed": "Megabytes",
}


def system_metrics(*, interval_s: float = 0.1) -> list[Sample]:
    """How busy and how full this machine is, now.

    A machine without an NVIDIA driver, or without nvidia-ml-py, has no samples of GPUs.

    Args:
        interval_s: How long the CPU is watched, in seconds; with 0, what it did since this
            thread's last call counts.

    Returns:
        Gauges: ``CPUUtilization``, ``MemoryUtilization`` and ``DiskUtilization`` in percent,
        ``MemoryUsed`` and ``MemoryAvailable`` in MB, ``DiskUsage`` and ``DiskAvailable`` of the
        root in GB; of each GPU, told apart by ``DeviceId``, ``GPUUtilization`` and
        ``GPUMemoryUtilization`` in percent and ``GPUMemoryUsed`` in MB.

    Raises:
        MetricDependencyError: psutil is not installed.
    """
    psutil = _psutil()
    return [*_of_host(psutil, psutil.cpu_percent(interval_s or None)), *_of_gpus()]


class SystemMetrics:
    """Shows `system_metrics` beside what a model records, measured whenever somebody looks.

    ``model.metrics.add_source(SystemMetrics())`` adds it.

    Raises:
        MetricDependencyError: psutil is not installed.
    """

    metrics: ClassVar = {name: (MetricTypes.GAUGE, unit) for name, unit in _UNITS.items()}

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_times = _busy_and_all(_psutil())
        self._cpu_percent = 0.0

    def views(self) -> Iterator[MetricView]:
        """Each metric as it stands now; of the CPU, since the last look."""
        recorded: dict[str, Recorded] = {}
        psutil = _psutil()
        for sample in (*_of_host(psutil, self._cpu(psutil)), *_of_gpus()):
            recorded.setdefault(sample.name, Recorded()).add(sample)
        for name, kept in recorded.items():
            yield kept.view(name, _UNITS[name], MetricTypes.GAUGE)

    def _cpu(self, psutil: Any) -> float:  # noqa: ANN401 - the module
        # psutil compares with the last call of the same thread, and each scrape has a new one.
        busy, total = _busy_and_all(psutil)
        with self._lock:
            last_busy, last_total = self._last_times
            if total > last_total:
                share = (busy - last_busy) / (total - last_total)
                self._cpu_percent = min(max(100 * share, 0.0), 100.0)
                self._last_times = busy, total
            return self._cpu_percent


def _busy_and_all(psutil: Any) -> tuple[float, float]:  # noqa: ANN401 - the module
    """Seconds that the CPUs have worked, and seconds that they have run, since the start."""
    times = psutil.cpu_times()._asdict()
    # On Linux, what guests take is part of the user's time already.
    total = sum(times.values()) - times.get("guest", 0) - times.get("guest_nice", 0)
    return total - times["idle"] - times.get("iowait", 0), total


def _of_host(psutil: Any, cpu_percent: float) -> Iterator[Sample]:  # noqa: ANN401 - the module
    memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
    yield _gauge("CPUUtilization", cpu_percent)
    yield _gauge("MemoryUsed", memory.used / _MEGABYTE)
    yield _gauge("MemoryAvailable", memory.available / _MEGABYTE)
    yield _gauge("MemoryUtilization", memory.percent)
    yield _gauge("DiskUsage", disk.used / _GIGABYTE)
    yield _gauge("DiskUtilization", disk.percent)
    yield _gauge("DiskAvailable", disk.free / _GIGABYTE)


def _of_gpus() -> Iterator[Sample]:
    try:
        import pynvml
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # there is no driver
        return
    try:
        for index in range(pynvml.nvmlDeviceGetCount()):
            yield from _of_gpu(pynvml, index)
    finally:
        pynvml.nvmlShutdown()


def _of_gpu(pynvml: ModuleType, index: int) -> Iterator[Sample]:
    place = (*_HOST, ("DeviceId", str(index)))
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(device)
        used_percent = 100 * memory.used / memory.total
        yield _gauge("GPUMemoryUtilization", used_percent, place)
        yield _gauge("GPUMemoryUsed", memory.used / _MEGABYTE, place)
        busy = pynvml.nvmlDeviceGetUtilizationRates(device).gpu
        yield _gauge("GPUUtilization", busy, place)
    except pynvml.NVMLError:  # part of a divided GPU tells less
        return


def _gauge(name: str, value: float, dimensions: Dimensions = _HOST) -> Sample:
    return Sample(name, value, _UNITS[name], MetricTypes.GAUGE, dimensions)


def _psutil() -> Any:  # noqa: ANN401 - the module
    try:
        import psutil
    except ImportError as error:
        raise MetricDependencyError(
            "system metrics need psutil: pip install 'ts-sdk[metrics]'"
        ) from error
    return psutil
