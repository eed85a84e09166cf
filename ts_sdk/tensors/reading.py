"""From the rows of a batch to the tensors that the model is called with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ts_sdk.batch import current_batch
from ts_sdk.errors import RequestError
from ts_sdk.tensors.model_inputs import inputs_of
from ts_sdk.tensors.overriding import is_default
from ts_sdk.tensors.rows import Inputs, read_row, spelled

if TYPE_CHECKING:
    from ts_sdk.handler import BaseHandler, Row


@dataclass(frozen=True, eq=False)
class InputGroups:
    """Rows that differ in shape, so that they cannot go through the model in one call.

    Attributes:
        groups: Positions of rows that are alike, and the input made of them.
    """

    groups: Sequence[tuple[Sequence[int], Inputs]]


def read_batch(handler: "BaseHandler", data: "Sequence[Row]") -> Inputs | InputGroups:
    """The model's input, made of the rows of a batch.

    A row that holds no numbers, or not those that the model takes, is rejected.

    Args:
        handler: The handler, whose model is asked what it takes.
        data: One row a request.

    Returns:
        The input ``(B, …)``, or several by name, on the handler's device.

    Raises:
        RequestError: A row cannot be rejected by itself, or the rows differ in shape where only
            one tensor is of use.
    """
    if not is_default(handler, "preprocess") and not all(isinstance(row, Mapping) for row in data):
        # Numbers that a subclass has prepared; how many there are for a request, it knows.
        return torch.stack([torch.as_tensor(row) for row in data]).to(handler.device)
    inputs = inputs_of(handler.model)
    read: dict[int, Inputs] = {}
    for index, row in enumerate(data):
        try:
            read[index] = read_row(row, inputs)
        except RequestError as error:
            _refuse(handler, index, error, len(data))
    groups = _groups(list(read.values()))
    if not all(_is_finite(given) for _, given in groups):
        for index, given in list(read.items()):
            if not _is_finite(given):
                _refuse(handler, index, _not_finite(read.pop(index)), len(data))
        groups = _groups(list(read.values()))
    placed = [(rows, _placed(given, handler.device)) for rows, given in groups]
    return _together(handler, placed)


def _refuse(handler: "BaseHandler", index: int, error: RequestError, count: int) -> None:
    """Reject row *index* of *count*, where it is known which request that is."""
    batch = current_batch()
    if batch is None or len(batch.rows) != count or not is_default(handler, "handle"):
        raise error
    handler.reject(index, error.message, status=error.status)


def _groups(read: Sequence[Inputs]) -> list[tuple[list[int], Inputs]]:
    """The positions of those that are alike, and what they are together."""
    found: dict[Any, list[int]] = {}
    for position, given in enumerate(read):
        found.setdefault(_likeness(given), []).append(position)
    return [(rows, _stacked([read[row] for row in rows])) for rows in found.values()]


def _likeness(given: Inputs) -> Any:  # noqa: ANN401 - whatever can be compared
    if isinstance(given, torch.Tensor):
        return given.shape, given.dtype, given.device
    return tuple((name, _likeness(tensor)) for name, tensor in given.items())


def _stacked(alike: Sequence[Any]) -> Inputs:
    first = alike[0]
    if isinstance(first, torch.Tensor):
        return torch.stack(list(alike))
    stacked = {name: torch.stack([each[name] for each in alike]) for name in first}
    return type(first)(stacked)  # type: ignore[no-any-return] # a dict, or one with a class of its own


def _placed(given: Inputs, device: Any) -> Inputs:  # noqa: ANN401 - None before a handler has chosen
    if isinstance(given, torch.Tensor):
        return given.to(device)
    return type(given)({name: tensor.to(device) for name, tensor in given.items()})


def _together(
    handler: "BaseHandler", groups: Sequence[tuple[list[int], Inputs]]
) -> Inputs | InputGroups:
    if len(groups) == 1:
        return groups[0][1]
    if is_default(handler, "preprocess") and is_default(handler, "inference"):
        return InputGroups(groups)
    if not groups:
        return torch.empty(0)
    shapes = "; ".join(spelled(given, skip=1) for _, given in groups)
    raise RequestError(f"the inputs of a batch must be of one shape, got {shapes}")


def _is_finite(given: Inputs) -> bool:
    tensors = [given] if isinstance(given, torch.Tensor) else given.values()
    # No sum loses NaN or infinity again, and it is far quicker than to look at each number.
    return all(bool(each.sum().isfinite()) or bool(each.isfinite().all()) for each in tensors)


def _not_finite(given: Inputs) -> RequestError:
    named = {"": given} if isinstance(given, torch.Tensor) else given
    name, tensor = next((name, each) for name, each in named.items() if not _is_finite(each))
    limit = "" if tensor.dtype is torch.float64 else ", or more than float32 holds"
    told = f"expected finite numbers, got NaN or infinity{limit}"
    return RequestError(f"input {name}: {told}" if name else told)
