"""Answers as people read them, as programs read them, and as bytes."""

import base64
import json
from collections.abc import Mapping

from archiver.sizes import format_size
from ts_sdk.cli.tables import aligned
from ts_sdk.errors import HandlerContractError


def as_text(answer: object) -> str:
    """*answer* for a person: numbers by name as a small table, all else as text or JSON.

    Raises:
        HandlerContractError: It is of a kind that cannot be sent to anybody.
    """
    if isinstance(answer, bytes | bytearray):
        return f"binary, {format_size(len(answer))}; '-o FILE' writes it to a file"
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Mapping) and answer and all(map(_is_number, answer.values())):
        rows = [(str(name), _number(value)) for name, value in answer.items()]
        return "\n".join(aligned(rows, right=[False, True]))
    return as_json(answer, indent=2)


def as_json(answer: object, *, indent: int | None = None) -> str:
    """*answer* as JSON; bytes in it become ``{"b64": "…"}``, tensors and arrays lists.

    Raises:
        HandlerContractError: It is of a kind that cannot be sent to anybody.
    """
    try:
        return json.dumps(answer, indent=indent, ensure_ascii=indent is None, default=_plain)
    except (TypeError, ValueError) as error:
        raise HandlerContractError(
            f"the answer cannot be written as JSON: {error}; "
            "return numbers, text, lists, dicts or bytes from postprocess()"
        ) from error


def as_bytes(answer: object) -> bytes:
    """*answer* as a server would send it.

    Raises:
        HandlerContractError: It is of a kind that cannot be sent to anybody.
    """
    if isinstance(answer, bytes | bytearray):
        return bytes(answer)
    return (answer if isinstance(answer, str) else as_json(answer, indent=2)).encode()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    return f"{value:.4f}" if isinstance(value, float) and 0 <= value <= 1 else f"{value:.6g}"


def _plain(value: object) -> object:
    """What stands in JSON for a *value* that JSON does not know."""
    if isinstance(value, bytes | bytearray):
        return {"b64": base64.b64encode(value).decode()}
    to_list = getattr(value, "tolist", None)
    if to_list is None:
        raise TypeError(f"it holds an object of type {type(value).__name__}")
    return to_list()
