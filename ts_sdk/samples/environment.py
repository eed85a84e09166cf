"""What answers depend on besides the model: versions, processor, system; nothing of whose it is."""

import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_DISTRIBUTIONS = ("torch", "torchvision", "numpy", "ts-sdk")


def environment_of(device: "torch.device") -> dict[str, str]:
    """Describe this environment: no names of hosts or users, no paths.

    Args:
        device: Where the model runs, whose name is told when it is a CUDA device.

    Returns:
        Python's and the libraries' versions (of those that are installed), the system, the
        processor and the GPU.
    """
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        version = _version(name)
        if version is not None:
            found[name] = version
    found["system"] = f"{platform.system()} {platform.machine()}"
    found["processor"] = processor_name()
    if device.type == "cuda":
        import torch

        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def changes_since(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say in what an environment differs from an earlier one, such as ``torch 2.14.0 -> 2.15.0``.

    Args:
        then: The earlier one.
        now: The other one.
    """
    names = dict.fromkeys([*then, *now])
    return [
        f"{name} {then.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in names
        if then.get(name) != now.get(name)
    ]


@cache
def processor_name() -> str:
    """The processor's model, such as ``AMD EPYC 7B13``; its architecture where nothing tells."""
    found = ""
    if sys.platform == "linux":
        found = _named_in(_text_of(Path("/proc/cpuinfo")))
    elif sys.platform == "darwin":
        found = _answer_of(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"])
    return found or platform.processor() or platform.machine()


def _named_in(text: str) -> str:
    """The name in what Linux tells of processors; that of an ARM processor is not there."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _answer_of(command: list[str]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 - a fixed command
    except (OSError, subprocess.SubprocessError):
        return ""
    return ran.stdout.strip()


def _version(distribution: str) -> str | None:
    # A library that is loaded tells its build too, such as 2.14.0+cu130.
    loaded = getattr(sys.modules.get(distribution), "__version__", None)
    if loaded is not None:
        return str(loaded)
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
