"""Answers as JSON that people can review, and back again, exactly.

JSON values stand for themselves. Everything else is an object with one key that begins with ``$``:
bytes as base64 beside what they are, arrays and tensors as their numbers, or, where those are many
or no plain numbers, as a ``.npy`` file in base64. Tuples become lists.
"""

import base64
import binascii
import sys
from collections.abc import Callable
from typing import Any

from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.kept_values import KeptValue, content_type_of, keep, restore

_BYTES = "$bytes"
_ARRAY = "$array"
_TENSOR = "$tensor"
_OBJECT = "$object"

_MOST_NUMBERS = 1 << 14
"""How many numbers of an array are written as such."""
_PLAIN_TYPES = frozenset(
    {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}
)


def answer_to_json(answer: object) -> object:
    """Bring an answer into JSON's types.

    Args:
        answer: JSON values, bytes, arrays and tensors, nested in lists, tuples and dicts.

    Raises:
        SampleError: It holds something else.
    """
    try:
        return _to_json(answer)
    except RecursionError as error:
        raise SampleError("the answer is nested too deeply to be kept") from error


def answer_from_json(kept: object) -> object:
    """The answer that `answer_to_json` has made *kept* of.

    Raises:
        SampleError: It is not what that function makes.
    """
    try:
        return _from_json(kept)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise SampleError(f"an answer is damaged: {type(error).__name__}: {error}") from error


def _to_json(value: Any) -> object:  # noqa: ANN401 - an answer holds anything
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, dict):
        if any(not isinstance(key, str) or key.startswith("$") for key in value):
            return {_OBJECT: [[_key(key), _to_json(item)] for key, item in value.items()]}
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        return {_BYTES: {"content_type": content_type_of(content), "base64": _base64(content)}}
    return _numbers_to_json(value)


def _key(key: object) -> object:
    if key is None or isinstance(key, str | int | float):
        return key
    raise SampleError(f"an answer with the key {key!r} cannot be kept: keys are texts or numbers")


def _numbers_to_json(value: Any) -> object:  # noqa: ANN401 - as above
    # Without the library there is none of its arrays or tensors.
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        tag, dtype = _TENSOR, str(value.dtype).removeprefix("torch.")
    elif numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        tag, value = _ARRAY, numpy.asarray(value)
        dtype = value.dtype.name if value.dtype.isnative else ""
    else:
        raise SampleError(
            f"an answer with a {type(value).__name__} in it cannot be kept: return JSON values, "
            "bytes, arrays or tensors from postprocess()"
        )
    kept = keep(value, None)
    shape = list(value.shape)
    if dtype not in _PLAIN_TYPES or kept.dtype or value.nbytes > _MOST_NUMBERS * 8:
        told = {"dtype": dtype, "shape": shape, "npy": _base64(kept.content)}
        return {tag: {**told, "kept_dtype": kept.dtype} if kept.dtype else told}
    array = restore(KeptValue(kept.content, ".npy", "array"))
    return {tag: {"dtype": dtype, "shape": shape, "numbers": _shortest(array)}}


def _shortest(array: Any) -> object:  # noqa: ANN401 - an array
    """The numbers, nested as they are, with as many digits as tell each from its neighbours."""
    if array.dtype.kind != "f":
        return array.tolist()
    if array.ndim == 0:
        return float(str(array[()]))
    if array.ndim == 1:
        return [float(str(number)) for number in array]
    return [_shortest(row) for row in array]


def _from_json(kept: Any) -> object:  # noqa: ANN401 - what a file holds
    if isinstance(kept, list):
        return [_from_json(item) for item in kept]
    if not isinstance(kept, dict):
        return kept
    if len(kept) == 1:
        [(tag, told)] = kept.items()
        if tag in _READERS:
            return _READERS[tag](told)
    return {key: _from_json(item) for key, item in kept.items()}


def _object(told: Any) -> dict[Any, object]:  # noqa: ANN401 - as above
    return {_from_json(key): _from_json(item) for key, item in told}


def _bytes(told: Any) -> bytes:  # noqa: ANN401 - as above
    return _from_base64(told["base64"])


def _array(told: dict[str, Any]) -> Any:  # noqa: ANN401 - an array
    import numpy as np

    if "npy" in told:
        return restore(KeptValue(_from_base64(told["npy"]), ".npy", "array"))
    if told["dtype"] not in _PLAIN_TYPES:
        raise SampleError(f"an array of {told['dtype']!r} is not kept as numbers")
    return np.array(told["numbers"], told["dtype"]).reshape(told["shape"])


def _tensor(told: dict[str, Any]) -> object:
    import torch

    if "npy" not in told:
        return torch.from_numpy(_array(told))
    content = _from_base64(told["npy"])
    return restore(KeptValue(content, ".npy", "tensor", told.get("kept_dtype")))


_READERS: dict[str, Callable[[Any], object]] = {
    _BYTES: _bytes,
    _OBJECT: _object,
    _ARRAY: _array,
    _TENSOR: _tensor,
}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise SampleError(f"an answer's bytes are no base64: {error}") from error
