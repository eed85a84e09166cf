"""How far one tensor is from another."""

import math

import torch

from ts_sdk.comparison.report import TensorChange, TensorFacts

_AT_ONCE = 1 << 20
"""Numbers that are compared at once, so that a large tensor takes no more memory."""
_MOST_WRITTEN_OUT = 1 << 24
"""Numbers of a tensor that has fewer in memory; in float32 they take 64 MiB."""


def change_of(name: str, old: torch.Tensor, new: torch.Tensor) -> TensorChange | None:
    """What changed between two tensors of one name; None when they are the same, bit for bit."""
    before, after = facts_of(old), facts_of(new)
    if before.shape != after.shape:
        return TensorChange(name, before, after)
    try:
        old_numbers, new_numbers = _numbers(old), _numbers(new)
        if before.dtype == after.dtype and _same_bits(old_numbers, new_numbers):
            return None
        largest, relative = _distance(old_numbers, new_numbers)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        first = str(error).partition("\n")[0]
        return TensorChange(name, before, after, note=f"the numbers cannot be compared: {first}")
    return TensorChange(name, before, after, largest, relative)


def facts_of(tensor: torch.Tensor) -> TensorFacts:
    """What *tensor* is."""
    return TensorFacts(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def _numbers(tensor: torch.Tensor) -> torch.Tensor:
    """All numbers of a tensor, in one dimension."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.numel() > _MOST_WRITTEN_OUT and _is_larger_than_held(tensor):
        raise RuntimeError("the file describes more of them than it holds")
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.reshape(-1)


def _is_larger_than_held(tensor: torch.Tensor) -> bool:
    """Whether a tensor is sparse, or repeats numbers: a small file can describe one of any size."""
    if tensor.layout != torch.strided:
        return True
    return tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes()


def _same_bits(old: torch.Tensor, new: torch.Tensor) -> bool:
    return all(
        torch.equal(one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8))
        for one, other in zip(_pieces(old), _pieces(new), strict=True)
    )


def _distance(old: torch.Tensor, new: torch.Tensor) -> tuple[float, float]:
    """The largest absolute change, and the length of the change as a share of that of *old*."""
    largest, changed, length = 0.0, 0.0, 0.0
    for one, other in zip(_pieces(old), _pieces(new), strict=True):
        before, after = _wide(one), _wide(other)
        same = (before == after) | (before.isnan() & after.isnan())
        difference = (after - before).abs().masked_fill(same, 0.0)
        if not bool(difference.isfinite().all()):
            return math.inf, math.inf
        finite = before.abs().masked_fill(~before.isfinite(), 0.0)
        largest = max(largest, float(difference.max())) if difference.numel() else largest
        changed += float(difference.square().sum())
        length += float(finite.square().sum())
    if length == 0:
        return largest, math.inf if changed else 0.0
    return largest, math.sqrt(changed / length)


def _pieces(numbers: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.split(numbers, _AT_ONCE)


def _wide(numbers: torch.Tensor) -> torch.Tensor:
    return numbers.to(torch.complex128 if numbers.is_complex() else torch.float64)
