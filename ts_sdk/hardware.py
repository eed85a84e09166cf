"""The fingerprint of a machine: what its speed depends on, and nothing that names it."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ts_sdk.cores import available_cores

_PACKAGES = ("ts-sdk", "torch", "torchvision", "onnxruntime", "onnxruntime-gpu", "openvino")
_CPU_FACTS = Path("/proc/cpuinfo")
_GPU_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/nvmap"), Path("/dev/kfd"))
"""Where a driver of GPUs for torch is: of NVIDIA, in WSL, on a Jetson, of AMD."""

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Hardware:
    """What a machine computes with.

    Attributes:
        system: The kind of system and processor, such as ``Linux x86_64``.
        cpu: The processor's model.
        cores: How many processors this process may really use.
        memory_mb: The memory that there is, in MiB, to the nearest 256.
        gpus: The models of the GPUs.
        gpu_driver: The version of their driver, None without one.
        python: The version of Python.
        packages: Package → version, of those that compute.
    """

    system: str
    cpu: str
    cores: int
    memory_mb: int | None
    gpus: tuple[str, ...]
    gpu_driver: str | None
    python: str
    packages: dict[str, str]

    @classmethod
    def here(cls) -> "Hardware":
        """That of the machine that this runs on."""
        gpus, driver = _gpus()
        return cls(
            system=f"{platform.system()} {platform.machine()}",
            cpu=_cpu_model(),
            cores=available_cores(),
            memory_mb=_memory_mb(),
            gpus=gpus,
            gpu_driver=driver,
            python=platform.python_version(),
            packages=dict(_versions()),
        )

    @property
    def fingerprint(self) -> str:
        """A short text that differs where anything above does."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """The facts and the fingerprint, as JSON values."""
        return {**asdict(self), "gpus": list(self.gpus), "fingerprint": self.fingerprint}

    def describe(self) -> str:
        """The facts in a line."""
        memory = "" if self.memory_mb is None else f", {self.memory_mb / 1024:.1f} GiB"
        gpus = f"; {', '.join(self.gpus)}" if self.gpus else ""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return f"{self.cpu}, {self.cores} cores{memory}{gpus}; {packages}"


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _cpu_model() -> str:
    try:
        lines = _CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        return platform.processor() or "unknown"
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _memory_mb() -> int | None:
    """Rounded, since kernels of one machine differ in what they keep for themselves."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return round(total / _MEBIBYTE / 256) * 256


def _gpus() -> tuple[tuple[str, ...], str | None]:
    """The names of the CUDA devices that torch sees, and the driver's version."""
    if not _may_have_gpus():
        return (), None
    import torch

    if not torch.cuda.is_available():
        return (), None
    names = tuple(
        torch.cuda.get_device_properties(index).name for index in range(torch.cuda.device_count())
    )
    return names, _driver()


def _may_have_gpus() -> bool:
    """Whether torch, which takes seconds to import, has to be asked for GPUs."""
    return platform.system() != "Linux" or any(path.exists() for path in _GPU_DRIVERS)


def _driver() -> str | None:
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        told = pynvml.nvmlSystemGetDriverVersion()
    finally:
        pynvml.nvmlShutdown()
    return told.decode() if isinstance(told, bytes) else str(told)
