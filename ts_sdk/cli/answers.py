"""Answers as people read them, as programs read them, and as bytes."""

import base64
import json
import math
import sys
from collections.abc import Iterable, Mapping

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
    if isinstance(answer, Mapping) and answer and all(map(_is_finite_number, answer.values())):
        rows = [(str(name), _number(value)) for name, value in answer.items()]
        return "\n".join(aligned(rows, right=[False, True]))
    return as_json(answer, indent=2)


def as_json(answer: object, *, indent: int | None = None) -> str:
    """*answer* as JSON; bytes in it become ``{"b64": "…"}``, tensors and arrays lists.

    Raises:
        HandlerContractError: It is of a kind that cannot be sent to anybody.
    """
    try:
        return json.dumps(
            answer, indent=indent, ensure_ascii=indent is None, default=_plain, allow_nan=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        if _is_not_finite(error):
            raise HandlerContractError(
                "the answer holds NaN or infinity, which JSON does not have: call reject() for "
                "such a request in postprocess(), or answer None in place of the number"
            ) from error
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


def refused_by_torchserve(answer: object) -> str | None:
    """Of what type something in *answer* is that TorchServe's worker refuses to send; or None.

    It sent bytes, text, a tensor, or JSON; it knew no arrays, nor bytes or tensors in a list.
    """
    torch = sys.modules.get("torch")  # without it there is no tensor
    is_tensor = torch is not None and isinstance(answer, torch.Tensor)
    return None if is_tensor or isinstance(answer, bytes | bytearray) else _refused_in(answer)


def _refused_in(answer: object) -> str | None:
    if isinstance(answer, str | int | float | None):
        return None
    if isinstance(answer, Mapping):
        items: Iterable[object] = answer.values()
    elif isinstance(answer, list | tuple):
        items = answer
    else:
        return type(answer).__name__
    return next(filter(None, map(_refused_in, items)), None)


def _is_finite_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_not_finite(error: Exception) -> bool:
    """Whether that is what `json` has against an answer; for all else it raises other errors."""
    return isinstance(error, ValueError) and not str(error).startswith("Circular")


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
