"""How many rows go through the model at once: what free memory allows, and half of it when not."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from ts_sdk.explain.subject import Subject

_T = TypeVar("_T")
_SHARE = 0.25
"""Of the free memory, that explanations take."""
_UNKNOWN_BYTES = 2 << 30
"""What is taken for free where the system does not say."""


def in_memory(
    run: Callable[[int], _T],
    subject: "Subject",
    asked: int | None,
    *,
    most: int,
    gradients: bool = True,
) -> _T:
    """What *run* gives, with as many rows at once as there is memory for.

    Args:
        run: Is given the number of rows; it is called again with half of them when memory ends.
        subject: What is explained.
        asked: The number that was asked for; None for what fits.
        most: How many there are at all.
        gradients: Whether what the layers give is kept, for gradients.
    """
    rows = max(1, min(most, asked or _fitting(subject, gradients=gradients)))
    while True:
        try:
            return run(rows)
        except (torch.OutOfMemoryError, MemoryError):
            if rows == 1:
                raise
            rows //= 2


def _fitting(subject: "Subject", *, gradients: bool) -> int:
    free = free_bytes(subject.inputs[0].device)
    return max(1, int(free * _SHARE / max(1, _bytes_of_one(subject, gradients=gradients))))


def free_bytes(device: torch.device) -> int:
    """The memory that is free on *device*."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN_BYTES


def _bytes_of_one(subject: "Subject", *, gradients: bool) -> int:
    """What one row takes: all that gradients need of it, or a few times its input."""
    inputs = [each.detach() for each in subject.inputs]
    sizes = sum(each.numel() * each.element_size() for each in inputs)
    if not gradients or subject.is_tokens:
        return sizes * 64
    seen: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    quiet, subject.on_rows = subject.on_rows, lambda _rows: None
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            subject.scores(*(each.clone().requires_grad_() for each in inputs))
    finally:
        subject.on_rows = quiet
    return 2 * sum(seen.values()) + sizes
