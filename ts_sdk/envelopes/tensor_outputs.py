"""A handler's answers as output tensors of the Open Inference Protocol."""

import json
import sys
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ts_sdk.envelopes.base import Answer
from ts_sdk.envelopes.datatypes import (
    BF16,
    BYTES,
    FORMATS,
    datatype_of,
    elements_to_bytes,
    numbers_to_bytes,
)
from ts_sdk.errors import RequestError

_HANDLER_FAILED = 503


@dataclass(frozen=True)
class OutputTensor:
    """One tensor of a response.

    Attributes:
        name: Its name.
        array: Its elements, as objects where the datatype is `BYTES`.
        datatype: Its datatype.
        parameters: What the handler says of it besides.
    """

    name: str
    array: NDArray[Any]
    datatype: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The tensor with its data: flat, row-major.

        Elements of `BYTES` that are bytes are text; where one of them is no UTF-8 all are base64,
        and the parameter ``content_type`` says so.
        """
        data, parameters = self.array.ravel().tolist(), dict(self.parameters)
        if self.datatype == BYTES:
            try:
                data = [_as_text(element) for element in data]
            except UnicodeDecodeError:
                data = [b64encode(_as_bytes(element)).decode() for element in data]
                parameters["content_type"] = "base64"
        return self._described(data, parameters)

    def to_binary(self) -> tuple[dict[str, Any], bytes]:
        """The tensor without its data, and the data in binary form."""
        if self.datatype == BYTES:
            content = elements_to_bytes(_as_bytes(element) for element in self.array.flat)
        else:
            content = numbers_to_bytes(self.array, self.datatype)
        parameters = {**self.parameters, "binary_data_size": len(content)}
        return self._described(None, parameters), content

    def _described(self, data: list[Any] | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": self.name,
            "datatype": self.datatype,
            **({} if data is None else {"data": data}),
            "shape": list(self.array.shape),
            **({"parameters": dict(parameters)} if parameters else {}),
        }


@dataclass(frozen=True)
class OutputTensors:
    """The tensors that one answer of a handler stands for.

    Attributes:
        tensors: They.
        named: Whether the handler named them itself.
        parameters: What the handler says of the response besides.
    """

    tensors: list[OutputTensor]
    named: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)


def tensors_in(answer: Answer, name: str) -> OutputTensors:
    """The output tensors that *answer* stands for.

    Args:
        answer: ``{"outputs": [{name, data, datatype?, shape?, parameters?}], "parameters"?}``; or
            a dict from name to array or tensor; or the data of one tensor, called *name*.
        name: What a tensor is called that the handler does not name.

    Raises:
        RequestError: It is no data of a tensor.
    """
    if isinstance(answer, Mapping):
        listed = answer.get("outputs")
        if isinstance(listed, list) and all(map(_is_output, listed)):
            parameters = answer.get("parameters") or {}
            return OutputTensors([_from_output(each) for each in listed], parameters=parameters)
        if answer and all(map(_is_array, answer.values())):
            return OutputTensors([_tensor(str(key), value) for key, value in answer.items()])
    return OutputTensors([_tensor(name, answer)], named=False)


def _is_output(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("name"), str) and "data" in value


def _is_array(value: object) -> bool:
    if isinstance(value, np.generic):  # a number, as in {label: probability}
        return False
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _from_output(given: Mapping[str, Any]) -> OutputTensor:
    """The tensor that a handler describes as the protocol does."""
    tensor = _tensor(given["name"], given["data"])
    array, datatype = tensor.array, given.get("datatype") or tensor.datatype
    shape = given.get("shape")
    try:
        if datatype != tensor.datatype:
            array = array.astype(object if datatype == BYTES else FORMATS[datatype])
        if shape is not None:
            array = array.reshape(shape)
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(
            tensor.name, f"cannot be {datatype}{'' if shape is None else f' of shape {shape}'}"
        ) from error
    return OutputTensor(tensor.name, array, datatype, given.get("parameters") or {})


def _tensor(name: str, data: object) -> OutputTensor:
    data, datatype = _outside_torch(data)
    try:
        array = _array_of(data)
    except (TypeError, ValueError, RuntimeError) as error:
        problem = f"is no tensor ({error}); give nested lists of equal lengths"
        raise _unusable(name, problem) from error
    datatype = datatype or datatype_of(array)
    if datatype is None:
        raise _unusable(name, f"has numbers of the type {array.dtype}, for which there is none")
    return OutputTensor(name, array.reshape(array.shape or (1,)), datatype)


def _outside_torch(data: object) -> tuple[object, str | None]:
    """*data* where NumPy can read it, and its datatype where NumPy has none for it."""
    torch = sys.modules.get("torch")  # without it there is no tensor
    if torch is None or not isinstance(data, torch.Tensor):
        return data, None
    tensor = data.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        return tensor.float().numpy(), BF16
    return tensor.numpy(), None


def _array_of(data: object) -> NDArray[Any]:
    if isinstance(data, bytes | bytearray | memoryview):
        array = np.empty(1, dtype=object)
        array[0] = bytes(data)
        return array
    with suppress(UnicodeDecodeError):  # of bytes beside text
        array = np.array(data)
        if array.dtype.kind not in "SU":
            return array
    # NumPy's own texts and bytes lose zeros at their end, so they are kept as Python's.
    elements = np.array(data, dtype=object)
    for index, element in np.ndenumerate(elements):
        if not isinstance(element, str | bytes):
            elements[index] = str(element)  # a number among texts, as NumPy has it
    return elements


def _as_text(element: object) -> object:
    return element.decode() if isinstance(element, bytes) else element


def _as_bytes(element: object) -> bytes:
    if isinstance(element, bytes):
        return element
    return (element if isinstance(element, str) else json.dumps(element)).encode()


def _unusable(name: str, problem: str) -> RequestError:
    return RequestError(f"the handler's output {name!r} {problem}", status=_HANDLER_FAILED)
