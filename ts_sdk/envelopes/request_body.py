"""What a request's body holds, for the envelopes whose format is JSON."""

import json
from collections.abc import Mapping
from typing import Any

from ts_sdk.errors import RequestError


def value_of(row: Any) -> Any:  # noqa: ANN401 - a row holds what was sent
    """The part ``data`` of *row*, or ``body`` where that is empty; of what is no row, itself."""
    if not isinstance(row, Mapping):
        return row
    data = row.get("data")
    # An array's truth would be that of its items, so an array is not asked for it.
    return data if hasattr(data, "shape") or data else row.get("body")


def json_object(value: object) -> Mapping[str, Any]:
    """The JSON object that *value* is, decoded or not.

    Raises:
        RequestError: It is none.
    """
    if isinstance(value, bytes | bytearray | memoryview | str):
        try:
            value = json.loads(bytes(value) if isinstance(value, memoryview) else value)
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the body is not JSON: {error}") from error
    if value is None:
        raise RequestError("the request has no body; send a JSON object")
    if not isinstance(value, Mapping):
        raise RequestError(f"the body must be a JSON object, not {kind_of(value)}")
    return value


def instances_in(value: object) -> list[Any]:
    """The instances of the JSON object *value*, ``{"instances": [...]}``.

    Raises:
        RequestError: There are none.
    """
    body = json_object(value)
    if "instances" not in body:
        names = ", ".join(map(repr, body)) or "nothing"
        raise RequestError(
            f'the body has no "instances" (it has {names}); send {{"instances": [...]}}'
        )
    instances = body["instances"]
    if not isinstance(instances, list):
        raise RequestError(f'"instances" must be a list, not {kind_of(instances)}')
    if not instances:
        raise RequestError('"instances" is empty; send at least one')
    return instances


def kind_of(value: object) -> str:
    """What *value* is in the words of JSON."""
    if value is None:
        return "null"
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (list, "a list"),
        (Mapping, "an object"),
    ]
    named = (name for kind, name in kinds if isinstance(value, kind))
    return next(named, f"a {type(value).__name__}")
