"""What a compiled model takes, read from the source code that its package carries.

AOTInductor writes a check of each input into the code and leaves it out of the run. Switched on, it
refuses a batch of one where the example had two; so what it compares with is read here instead.
Where the source has another shape than is known here, nothing is read from it.
"""

import re

import torch

from ts_sdk.formats.signature import Signature, TensorInput

_CHECK = re.compile(r"static void check_input_(\d+)\((.*?)\n\}\n", re.DOTALL)
_DTYPE = re.compile(r"= aoti_torch_dtype_(\w+)\(\);")
_DIMENSION = re.compile(r"_(?:size|stride)\[(\d+)\]")
_FIXED_SIZE = re.compile(r"if \((\d+) != \w+_size\[(\d+)\]\)")
_LARGEST_SIZE = re.compile(r"if \(\w+_size\[(\d+)\] > (\d+)\)")
_FIXED_STRIDE = re.compile(r"if \((\d+) != \w+_stride\[(\d+)\]\)")
_HANDLE = re.compile(r"ConstantHandle (\w+) = ConstantHandle\(input_handles\[\d+\]\);")
_NAMED_SIZE = re.compile(r"int64_t (\w+) = (\w+)_size\[(\d+)\];")


def signature_in(source: str) -> Signature | None:
    """The signature that the checks in *source* hold inputs to; None when they are not found."""
    checks = sorted((int(number), body) for number, body in _CHECK.findall(source))
    if not checks or [number for number, _ in checks] != list(range(len(checks))):
        return None
    named = {(handle, int(place)): size for size, handle, place in _NAMED_SIZE.findall(source)}
    inputs: list[TensorInput | None] = []
    ranges: dict[str, tuple[int, int | None]] = {}
    for number, body in checks:
        dtype, handle = _DTYPE.search(body), _HANDLE.search(body)
        if dtype is None or handle is None or not hasattr(torch, dtype[1]):
            return None
        places = {int(place) for place in _DIMENSION.findall(body)}
        fixed = {int(place): int(size) for size, place in _FIXED_SIZE.findall(body)}
        names = {place: named.get((handle[1], place), f"n{number}_{place}") for place in places}
        ranges |= {
            names[int(place)]: (0, int(largest)) for place, largest in _LARGEST_SIZE.findall(body)
        }
        shape = tuple(fixed.get(place, names.get(place)) for place in range(len(places)))
        order = _order(len(shape), body)
        inputs.append(TensorInput(str(number), getattr(torch, dtype[1]), shape, order))
    return Signature(tuple(inputs), ranges)


def _order(dimensions: int, body: str) -> tuple[int, ...]:
    """The dimensions by the widths of their steps; those that vary are the outermost."""
    strides = {int(place): int(stride) for stride, place in _FIXED_STRIDE.findall(body)}
    widest = max(strides.values(), default=0) + 1
    return tuple(sorted(range(dimensions), key=lambda place: -strides.get(place, widest)))
