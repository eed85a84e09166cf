"""A request of the Open Inference Protocol, in JSON or with binary tensors behind the JSON.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ts_sdk.envelopes.request_body import json_object, kind_of
from ts_sdk.envelopes.tensor_inputs import BinaryData, row_of
from ts_sdk.errors import RequestError

JSON_LENGTH_HEADER = "Inference-Header-Content-Length"
"""Header of requests and responses with binary tensors: the bytes of the JSON before them."""


@dataclass(frozen=True)
class InferenceRequest:
    """What a request asks for.

    Attributes:
        inputs: ``{name, shape, datatype, data, ...}`` a tensor, with the data as nested lists.
        id: The request's own id, None when it has none.
        parameters: Its parameters.
        outputs: Name of each output that is asked for → its parameters; empty asks for all.
    """

    inputs: list[dict[str, Any]]
    id: str | None
    parameters: Mapping[str, Any]
    outputs: Mapping[str, Mapping[str, Any]]

    def wants_binary(self, output: str) -> bool:
        """Whether *output* is asked for in binary form."""
        wish = self.outputs.get(output, {}).get("binary_data")
        return (self.parameters.get("binary_data_output") if wish is None else wish) is True


def parse_request(body: object, headers: Mapping[str, Any]) -> InferenceRequest:
    """The request that *body* is, decoded or not.

    Args:
        body: A JSON object, or the bytes of one and of the tensors behind it.
        headers: The request's headers.

    Raises:
        RequestError: It is no such request.
    """
    body, behind = _divided(body, headers)
    given = json_object(body)
    number = given.get("id")
    if number is not None and not isinstance(number, str):
        raise RequestError(f'"id" must be text, not {kind_of(number)}')
    binary = BinaryData(behind)
    inputs = [row_of(each, at, binary) for at, each in enumerate(_list_in(given, "inputs"))]
    binary.end()
    if not inputs:
        raise RequestError('"inputs" is empty; send at least one tensor')
    outputs = _list_in(given, "outputs") if given.get("outputs") is not None else []
    return InferenceRequest(
        inputs,
        number if number and number.strip() else None,
        _object_in(given, "parameters"),
        dict(_named(each) for each in outputs),
    )


def _divided(body: object, headers: Mapping[str, Any]) -> tuple[object, bytes]:
    """The JSON of *body* and the bytes behind it."""
    if not isinstance(body, bytes | bytearray | memoryview):
        return body, b""
    content = bytes(body)
    told = next(
        (value for name, value in headers.items() if name.lower() == JSON_LENGTH_HEADER.lower()),
        None,
    )
    if told is None:
        return content, b""
    length = int(told) if str(told).isdecimal() else -1
    if not 0 < length <= len(content):
        raise RequestError(
            f"the header {JSON_LENGTH_HEADER} must be the number of bytes of the JSON at the "
            f"beginning of the body, which has {len(content)}; it is {told!r}"
        )
    return content[:length], content[length:]


def _list_in(given: Mapping[str, Any], key: str) -> list[Any]:
    if key not in given:
        raise RequestError(f'the body has no "{key}"; send the tensors as {{"{key}": [...]}}')
    value = given[key]
    if not isinstance(value, list):
        raise RequestError(f'"{key}" must be a list, not {kind_of(value)}')
    return value


def _object_in(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = given.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RequestError(f'"{key}" must be an object, not {kind_of(value)}')
    return value


def _named(output: object) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(output, Mapping) or not isinstance(output.get("name"), str):
        raise RequestError('each of "outputs" must be an object with a name')
    return output["name"], _object_in(output, "parameters")
