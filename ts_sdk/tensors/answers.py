"""From what a model answers to one answer for each request."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ts_sdk.batch import WRONG_NUMBER, current_batch
from ts_sdk.errors import HandlerContractError
from ts_sdk.tensors.overriding import is_default

if TYPE_CHECKING:
    from ts_sdk.handler import BaseHandler

_CONSTANTS = (str, int, float, bool, type(None))
_TENSORS = (torch.Tensor, np.ndarray)


class PerRequest(list[Any]):
    """What a model answered to each request, where that is not of one shape."""


def answers_for(handler: "BaseHandler", output: Any) -> list[Any]:  # noqa: ANN401 - whatever a model answers
    """`answers_of` for the requests of the running batch that have not been rejected.

    Their number is not known where a subclass has other steps before, which may make several rows
    of a request, or call this one for a part of them.
    """
    batch = current_batch()
    if batch is None or not is_default(handler, "handle", "preprocess", "postprocess"):
        return answers_of(output)
    return answers_of(output, sum(row not in batch.rejections for row in batch.rows))


def answers_of(output: Any, requests: int | None = None) -> list[Any]:  # noqa: ANN401 - as above
    """One JSON-serialisable answer for each request.

    Args:
        output: A tensor or an array ``(B, …)``, which becomes nested lists; a tuple, dict, named
            tuple or dataclass of them, or a list, which becomes a list or a dict for each request;
            or a list with anything else than tensors for each request.
        requests: How many requests there are; None where that is not known, and not checked.

    Raises:
        HandlerContractError: It is none of these, or its first dimension is not that of the batch.
    """
    if isinstance(output, PerRequest):
        return [_plain(item) for item in output]
    if requests is None and hasattr(output, "tolist"):
        answers: list[Any] = output.tolist()
        return answers
    return _split(output, requests, _Leaves(lambda tensor: tensor.tolist(), _plain))


def split(output: Any, requests: int) -> list[Any]:  # noqa: ANN401 - as above
    """The parts of *output* that belong to each request, nested as *output* is.

    Raises:
        HandlerContractError: As `answers_of`.
    """
    return _split(output, requests, _Leaves(list, _as_mapping))


class _Leaves(NamedTuple):
    """What becomes of a tensor with a row for each request, and of what is one request's alone."""

    rows: Callable[[Any], list[Any]]
    item: Callable[[Any], Any]


def _split(output: Any, requests: int | None, leaves: _Leaves) -> list[Any]:  # noqa: ANN401 - as above
    output = _as_mapping(output)
    if isinstance(output, _TENSORS):
        _check_first_dimension(output, requests)
        return leaves.rows(output)
    if (
        isinstance(output, list)
        and output
        and not any(isinstance(each, _TENSORS) for each in output)
    ):
        _check_number(len(output), requests, f"a list of {len(output)}")
        return [leaves.item(each) for each in output]
    if isinstance(output, list | tuple | Mapping) and output:
        items = output if isinstance(output, Mapping) else dict(enumerate(output))
        count = _requests_in(items.values()) if requests is None else requests
        columns = [_split_inside(name, item, count, leaves) for name, item in items.items()]
        rows = zip(*columns, strict=True)
        if isinstance(output, Mapping):
            return [dict(zip(output, row, strict=True)) for row in rows]
        return [list(row) for row in rows]
    raise HandlerContractError(
        f"the model returned a {type(output).__name__}: override postprocess() to turn it into one "
        "answer for each request"
    )


def _split_inside(name: object, item: Any, requests: int, leaves: _Leaves) -> list[Any]:  # noqa: ANN401 - as above
    if isinstance(item, _CONSTANTS) or (isinstance(item, list | tuple | Mapping) and not item):
        return [item] * requests
    try:
        return _split(item, requests, leaves)
    except HandlerContractError as error:
        raise HandlerContractError(
            f"output {name!r}: {error.message}", client_message=error.client_message
        ) from error


def _has_tensors(items: Iterable[Any]) -> bool:
    return any(isinstance(item, _TENSORS) for item in items)


def _requests_in(items: Iterable[Any]) -> int:
    """How many requests the first of *items* is for that says so."""
    for item in map(_as_mapping, items):
        if isinstance(item, _TENSORS) and item.ndim:
            return len(item)
        if isinstance(item, list) and item and not _has_tensors(item):
            return len(item)
        if isinstance(item, list | tuple | Mapping) and item:
            return _requests_in(item.values() if isinstance(item, Mapping) else item)
    return 1


def _check_first_dimension(output: Any, requests: int | None) -> None:  # noqa: ANN401 - a tensor or an array
    if output.ndim == 0:
        raise HandlerContractError(
            "the model returned one number for the whole batch; its first dimension must be that "
            "of the batch, or override postprocess() to turn it into one answer for each request"
        )
    _check_number(len(output), requests, f"shape {tuple(output.shape)}")


def _check_number(found: int, requests: int | None, what: str) -> None:
    if requests is not None and found != requests:
        raise HandlerContractError(
            f"the model returned {what} for {requests} request{'' if requests == 1 else 's'}; its "
            "first dimension must be that of the batch, or override postprocess() to turn it into "
            "one answer for each request",
            client_message=WRONG_NUMBER,
        )


def _as_mapping(value: Any) -> Any:  # noqa: ANN401 - as above
    """*value*, or its fields by name if it is a named tuple or a dataclass."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return value


def _plain(value: Any) -> Any:  # noqa: ANN401 - as above
    """*value* with lists in place of tensors and arrays, as JSON knows them."""
    value = _as_mapping(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
