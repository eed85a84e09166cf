"""Input tensors of the Open Inference Protocol as the rows that a handler sees."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ts_sdk.envelopes.datatypes import (
    BYTES,
    FORMATS,
    elements_from_bytes,
    numbers_from_bytes,
    size_of,
)
from ts_sdk.envelopes.request_body import kind_of
from ts_sdk.errors import RequestError

_BINARY_SIZE = "binary_data_size"
_ALL_DATATYPES = (*FORMATS, BYTES)


class BinaryData:
    """What follows the JSON object in a body: the binary tensors, one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, size: object, name: str) -> bytes:
        """The next *size* bytes, which are those of input *name*.

        Raises:
            RequestError: There are fewer.
        """
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise RequestError(f"{name}: {_BINARY_SIZE} must be a number of bytes, not {size!r}")
        taken = self._content[self._at : self._at + size]
        if len(taken) < size:
            raise RequestError(
                f"{name}: {_BINARY_SIZE} is {size}, and {len(taken)} bytes are left in the body; "
                "the header Inference-Header-Content-Length says where its JSON ends"
            )
        self._at += size
        return taken

    def end(self) -> None:
        """Check that nothing is left.

        Raises:
            RequestError: Something is.
        """
        left = len(self._content) - self._at
        if left:
            raise RequestError(f"the body has {left} bytes more than its inputs say")


def row_of(given: object, position: int, binary: BinaryData) -> dict[str, Any]:
    """Input *given* with its data as nested lists of its shape.

    A `BYTES` tensor of one element has that element as its data, as TorchServe gave it: text, or
    bytes where it came in binary form or as base64.

    Args:
        given: ``{name, shape, datatype, data or parameters.binary_data_size}``.
        position: Which input of the request it is.
        binary: The binary tensors of the request.

    Raises:
        RequestError: It is no such thing, or its data does not fit its shape or datatype.
    """
    if not isinstance(given, Mapping):
        raise RequestError(f"input {position} must be an object, not {kind_of(given)}")
    if not isinstance(given.get("name"), str):
        raise RequestError(f"input {position} has no name")
    name = f"input {given['name']!r}"
    datatype, shape = _datatype_of(given, name), _shape_of(given, name)
    parameters = given.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise RequestError(f"{name}: parameters must be an object, not {kind_of(parameters)}")
    if _BINARY_SIZE in parameters:
        if "data" in given:
            raise RequestError(f"{name} has both data and {_BINARY_SIZE}; send one of them")
        content = binary.take(parameters[_BINARY_SIZE], name)
        data = _from_bytes(content, datatype, shape, name)
    elif "data" not in given:
        raise RequestError(f"{name} has no data")
    elif datatype == BYTES:
        decode = parameters.get("content_type") == "base64"
        data = _from_texts(given["data"], shape, name, decode=decode)
    else:
        data = _from_numbers(given["data"], datatype, shape, name)
    return {**given, "data": data}


def _datatype_of(given: Mapping[str, Any], name: str) -> str:
    datatype = given.get("datatype")
    if datatype not in _ALL_DATATYPES:
        raise RequestError(
            f"{name}: datatype must be one of {', '.join(_ALL_DATATYPES)}, not {datatype!r}"
        )
    return str(datatype)


def _shape_of(given: Mapping[str, Any], name: str) -> list[int]:
    shape = given.get("shape")
    sizes = [shape] if isinstance(shape, int) else shape  # TorchServe's own examples say -1
    if not isinstance(sizes, list) or not all(
        isinstance(size, int) and not isinstance(size, bool) and size >= -1 for size in sizes
    ):
        raise RequestError(f"{name}: shape must be a list of sizes, not {shape!r}")
    return sizes


def _from_bytes(content: bytes, datatype: str, shape: list[int], name: str) -> Any:  # noqa: ANN401 - nested lists, or one element
    if datatype == BYTES:
        try:
            elements = elements_from_bytes(content)
        except ValueError as error:
            raise RequestError(f"{name}: {error}") from error
        return _element_or_lists(elements, shape, name)
    if len(content) % size_of(datatype):
        raise RequestError(
            f"{name}: {len(content)} bytes are no whole number of {datatype} elements, which have "
            f"{size_of(datatype)} bytes each"
        )
    return _shaped(numbers_from_bytes(content, datatype), shape, name).tolist()


def _from_texts(given: object, shape: list[int], name: str, *, decode: bool) -> Any:  # noqa: ANN401 - as above
    elements = list(_leaves(given))
    if decode:
        elements = [_from_base64(element, name) for element in elements]
    elif len(elements) > 1:
        for element in elements:
            if not isinstance(element, str):
                raise RequestError(f"{name}: BYTES holds text, and there is {kind_of(element)}")
    return _element_or_lists(elements, shape, name)


def _leaves(given: object) -> Iterator[object]:
    pending = [given]  # lists may be nested deeper than functions may
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(reversed(item))
        else:
            yield item


def _from_base64(element: object, name: str) -> bytes:
    if not isinstance(element, str):
        raise RequestError(f"{name}: base64 is text, and there is {kind_of(element)}")
    try:
        return b64decode(element, validate=True)
    except ValueError as error:
        raise RequestError(f"{name}: an element is not base64: {error}") from error


def _element_or_lists(elements: list[Any], shape: list[int], name: str) -> Any:  # noqa: ANN401 - as above
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    shaped = _shaped(array, shape, name)
    return elements[0] if len(elements) == 1 else shaped.tolist()


def _from_numbers(given: object, datatype: str, shape: list[int], name: str) -> Any:  # noqa: ANN401 - as above
    try:
        array = np.array(given)
    except (ValueError, OverflowError) as error:  # OverflowError: an integer of many digits
        raise RequestError(f"{name}: its data is a ragged nest of lists: {error}") from error
    if datatype in {"INT64", "UINT64"} and array.dtype.kind in "fO":
        # NumPy takes floats for integers that need 64 bits, and loses their last digits.
        exact = np.array(given, dtype=object)
        array = exact if all(isinstance(each, int) for each in exact.flat) else array
    _check_held(array, datatype, name)
    return _shaped(array, shape, name).tolist()


def _check_held(array: NDArray[Any], datatype: str, name: str) -> None:
    """Check that *datatype* can hold the numbers of *array*, which may be of a wider one."""
    if array.dtype.kind not in "biuf" and not all(isinstance(each, int) for each in array.flat):
        raise RequestError(f"{name}: its datatype is {datatype}, and its data holds no numbers")
    format_ = np.dtype(FORMATS[datatype])
    if format_.kind == "f" or not array.size:
        return
    low, high = (0, 1) if format_.kind == "b" else _bounds(format_)
    held = (array >= low) & (array <= high)
    if array.dtype.kind == "f":
        held &= array == np.floor(array)
    if not held.all():
        worst = array[~held].flat[0]
        raise RequestError(f"{name}: its datatype is {datatype}, which cannot hold {worst}")


def _bounds(format_: np.dtype[Any]) -> tuple[int, int]:
    information = np.iinfo(format_)
    return int(information.min), int(information.max)


def _shaped(array: NDArray[Any], shape: list[int], name: str) -> NDArray[Any]:
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError) as error:
        raise RequestError(
            f"{name}: {array.size} elements do not fill its shape {shape}"
        ) from error
