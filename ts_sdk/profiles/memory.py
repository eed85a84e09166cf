"""How much memory a model takes while it answers."""

import sys
from dataclasses import dataclass
from typing import Any

_MEBIBYTE = 1 << 20
_KIBIBYTE = 1 << 10


@dataclass(frozen=True)
class Memory:
    """Memory, in MiB; None where it could not be seen.

    Attributes:
        weights_mb: The model's parameters and buffers.
        tensors_mb: The most that tensors took while batches were answered, beyond what was there.
        process_mb: The most that the process has ever taken.
        gpu_mb: The most that tensors on GPUs took, weights and all.
    """

    weights_mb: float | None
    tensors_mb: float | None
    process_mb: float | None
    gpu_mb: float | None


def weights_mb(model: object) -> float | None:
    """What the parameters and buffers of a torch module take, each once; None without any."""
    from torch import nn

    if not isinstance(model, nn.Module):
        return None
    tensors = {id(each): each for each in (*model.parameters(), *model.buffers())}
    if not tensors:  # it only stands for a model of another runtime
        return None
    return sum(each.numel() * each.element_size() for each in tensors.values()) / _MEBIBYTE


def process_mb() -> float | None:
    """The most that this process has taken since it began."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (_MEBIBYTE if sys.platform == "darwin" else _KIBIBYTE)


def forget_gpu_peak() -> None:
    """Let the peak of the GPUs' memory count from now on."""
    for cuda, device in _gpus():
        cuda.reset_peak_memory_stats(device)


def gpu_mb() -> float | None:
    """The most that tensors on all GPUs took; None without one."""
    peaks = [cuda.max_memory_allocated(device) for cuda, device in _gpus()]
    return sum(peaks) / _MEBIBYTE if peaks else None


def _gpus() -> list[tuple[Any, int]]:
    import torch

    if not torch.cuda.is_available():
        return []
    return [(torch.cuda, device) for device in range(torch.cuda.device_count())]
