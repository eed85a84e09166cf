"""What is measured of the machine."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import psutil

from ts_sdk.metrics import Metrics, SystemMetrics, system_metrics

HOST = {
    "CPUUtilization": "Percent",
    "MemoryUsed": "Megabytes",
    "MemoryAvailable": "Megabytes",
    "MemoryUtilization": "Percent",
    "DiskUsage": "Gigabytes",
    "DiskUtilization": "Percent",
    "DiskAvailable": "Gigabytes",
}


class FakeNvml(SimpleNamespace):
    """The driver of two GPUs, of which one is divided and tells no utilisation."""

    class NVMLError(Exception):
        pass

    def __init__(self):
        super().__init__(open=0)

    def nvmlInit(self):  # noqa: N802 - NVML's name; so are the others
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, device):  # noqa: N802
        return SimpleNamespace(used=(1 << 30) * (device + 1), total=1 << 32)

    def nvmlDeviceGetUtilizationRates(self, device):  # noqa: N802
        if device == 1:
            raise self.NVMLError
        return SimpleNamespace(gpu=70)


def of_host(samples):
    return [each for each in samples if each.dimensions == (("Level", "Host"),)]


def test_the_host_is_told_with_torchserves_names_and_units():
    samples = of_host(system_metrics(interval_s=0.01))
    assert {each.name: each.unit for each in samples} == HOST
    assert {each.type.value for each in samples} == {"gauge"}
    values = {each.name: each.value for each in samples}
    assert (
        0
        < values["MemoryUsed"] + values["MemoryAvailable"]
        <= (psutil.virtual_memory().total / (1 << 20) * 1.1)
    )
    assert all(0 <= values[name] <= 100 for name, unit in HOST.items() if unit == "Percent")


def test_gpus_are_told_apart_by_their_numbers(monkeypatch):
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    samples = [each for each in system_metrics(interval_s=0.01) if len(each.dimensions) == 2]
    assert [(each.name, each.value, each.unit, each.dimensions[1][1]) for each in samples] == [
        ("GPUMemoryUtilization", 25, "Percent", "0"),
        ("GPUMemoryUsed", 1024, "Megabytes", "0"),
        ("GPUUtilization", 70, "Percent", "0"),
        ("GPUMemoryUtilization", 50, "Percent", "1"),
        ("GPUMemoryUsed", 2048, "Megabytes", "1"),
    ]
    assert {each.dimensions[1][0] for each in samples} == {"DeviceId"}
    assert nvml.open == 0


def test_a_machine_without_the_library_has_no_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    samples = system_metrics(interval_s=0.01)
    assert samples == of_host(samples)


def test_samples_can_be_recorded_and_a_source_measures_at_each_look():
    metrics = Metrics("cat", sinks=[])
    for sample in system_metrics(interval_s=0.01):
        metrics.record(sample)
    assert metrics["MemoryUsed"].unit == "Megabytes"
    looking = Metrics("cat", sinks=[])
    looking.add_source(SystemMetrics())
    assert set(HOST) <= set(looking)
    assert looking["DiskAvailable"].value > 0
    assert len(looking) == len(list(looking))


def test_what_the_cpu_did_is_seen_from_any_thread():
    source = SystemMetrics()
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    with ThreadPoolExecutor(1) as pool:
        views = pool.submit(lambda: {each.name: each for each in source.views()}).result()
    assert 0 < views["CPUUtilization"].value <= 100


def test_without_the_package_it_says_what_to_install():
    program = """
import sys
sys.modules["psutil"] = None
from ts_sdk.metrics import MetricDependencyError, system_metrics
try:
    system_metrics()
except MetricDependencyError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'ts-sdk[metrics]'" in ran.stdout
