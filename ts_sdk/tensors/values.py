"""One value of a request as a tensor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ts_sdk.errors import RequestError
from ts_sdk.tensors.files import read_content, read_json

EXPECTED = "expected numbers: nested lists, an array, a tensor, or a file of one"

_WIDER = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}
"""NumPy's types that torch knows and hardly computes with, and those that hold their numbers."""


def decoded(value: Any) -> Any:  # noqa: ANN401 - a request holds anything
    """*value*, or what it holds if it is bytes or text.

    Raises:
        RequestError: The bytes are of no form that is known, or the text is not JSON.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return read_content(bytes(value))
    return read_json(value) if isinstance(value, str) else value


def tensor_of(value: Any) -> torch.Tensor:  # noqa: ANN401 - as above
    """The tensor that *value* stands for.

    Args:
        value: A number, nested lists of numbers, an array, a tensor, or bytes or text that hold
            one.

    Returns:
        A tensor without gradients, int64 and float32 where the value does not say more.

    Raises:
        RequestError: It stands for none.
    """
    value = decoded(value)
    if isinstance(value, torch.Tensor):
        tensor = value.detach()
    elif isinstance(value, np.ndarray | np.generic):
        tensor = _from_array(np.asarray(value))
    elif isinstance(value, int | float):
        tensor = _from_lists(value)
    elif isinstance(value, list | tuple):
        tensor = _from_items(value) if _has_tensors(value) else _from_lists(value)
        if not tensor.numel():
            raise RequestError(f"{EXPECTED}, got an empty list")
    else:
        raise RequestError(f"{EXPECTED}, got {described(value)}")
    return tensor


def described(value: object) -> str:
    """What *value* is, for telling the sender what arrived in place of numbers."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        names = ", ".join(map(repr, list(value)[:5]))
        return f"an object with the keys {names}" if names else "an empty object"
    return "text" if isinstance(value, str) else f"a {type(value).__name__}"


def _has_tensors(value: list[Any] | tuple[Any, ...]) -> bool:
    return any(isinstance(item, torch.Tensor | np.ndarray) for item in value)


def _from_items(value: list[Any] | tuple[Any, ...]) -> torch.Tensor:
    items = [tensor_of(item) for item in value]
    shapes = dict.fromkeys(tuple(item.shape) for item in items)
    if len(shapes) > 1:
        raise RequestError(f"expected tensors of one shape, got {', '.join(map(str, shapes))}")
    return torch.stack(items)


def _from_lists(value: Any) -> torch.Tensor:  # noqa: ANN401 - nested lists
    # NumPy is faster, and would give every number the length of the longest text beside it.
    try:
        return torch.tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RequestError(
            f"expected nested lists of numbers, those of a level of equal length: {error}"
        ) from error


def _from_array(array: NDArray[Any]) -> torch.Tensor:
    if array.dtype.kind not in "biufc":
        raise RequestError(f"{EXPECTED}, got an array of {array.dtype}")
    wanted = _WIDER.get(array.dtype.name, array.dtype.newbyteorder("="))
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise RequestError("expected whole numbers that int64 can hold")
    if array.dtype == np.longdouble:
        wanted = np.dtype(np.float64)
    array = array.astype(wanted, order="C", copy=not array.flags.writeable)
    return torch.from_numpy(array)
