"""Tensors as a client of the Open Inference Protocol sends them."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

Values = Any
"""An array, a tensor, numbers, text or bytes, nested in lists or not."""

_PAIR = 2


def inference_message(
    inputs: Mapping[str, Values], *, binary: bool
) -> tuple[dict[str, Any], bytes]:
    """The JSON object for *inputs*, and the bytes that follow it.

    Args:
        inputs: Name → values, or a pair of values and their datatype.
        binary: Whether the tensors are in the bytes; otherwise these are empty.

    Raises:
        ValueError: The protocol has no datatype for a value, or not the one given.
    """
    described, behind = [], b""
    for name, given in inputs.items():
        array, datatype = _array(name, given)
        tensor: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": datatype}
        if binary:
            content = _binary(array, datatype)
            tensor["parameters"] = {"binary_data_size": len(content)}
            behind += content
        else:
            tensor.update(_in_json(array, datatype))
        described.append(tensor)
    return {"inputs": described}, behind


def _array(name: str, given: Any) -> "tuple[NDArray[Any], str]":  # noqa: ANN401 - values in any form
    """The values as an array of at least one dimension, and their datatype."""
    import numpy as np

    from ts_sdk.envelopes.datatypes import BF16, BYTES, FORMATS, datatype_of

    values, wanted = given, None
    if isinstance(given, tuple) and len(given) == _PAIR and given[1] in (*FORMATS, BYTES):
        values, wanted = given
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":
            values, wanted = values.float(), wanted or BF16
        values = values.numpy()
    if isinstance(values, bytes | bytearray | str):
        values = [values]
    is_text = isinstance(values, Sequence) and all(
        isinstance(each, str | bytes | bytearray) for each in values
    )
    array = np.atleast_1d(np.array(values, dtype=object if is_text else None))
    datatype = wanted or datatype_of(array)
    if datatype is None or (datatype == BYTES) != (array.dtype.kind in "OSU"):
        raise ValueError(
            f"input {name!r}: the Open Inference Protocol has no tensor of {array.dtype}"
            f"{f' as {wanted}' if wanted else ''}"
        )
    return array, datatype


def _in_json(array: "NDArray[Any]", datatype: str) -> dict[str, Any]:
    from ts_sdk.envelopes.datatypes import BYTES, FORMATS

    if datatype != BYTES:
        # Not rounded to BF16, which is an array of float32 here: that is the reader's part.
        return {"data": array.astype(FORMATS[datatype]).reshape(-1).tolist()}
    elements = array.reshape(-1).tolist()
    if all(isinstance(element, str) for element in elements):
        return {"data": elements}
    texts = [base64.b64encode(_encoded(element)).decode() for element in elements]
    return {"data": texts, "parameters": {"content_type": "base64"}}


def _binary(array: "NDArray[Any]", datatype: str) -> bytes:
    from ts_sdk.envelopes.datatypes import BYTES, elements_to_bytes, numbers_to_bytes

    if datatype == BYTES:
        return elements_to_bytes(map(_encoded, array.reshape(-1).tolist()))
    return numbers_to_bytes(array, datatype)


def _encoded(element: Any) -> bytes:  # noqa: ANN401 - text or bytes
    return element.encode() if isinstance(element, str) else bytes(element)
