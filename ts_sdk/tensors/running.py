"""The call of the model, and which request is at fault when the model cannot take its input."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from traceback import walk_tb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from ts_sdk.batch import Batch, current_batch
from ts_sdk.errors import NonFiniteOutputError, RequestError
from ts_sdk.tensors.answers import PerRequest, split
from ts_sdk.tensors.overriding import is_default
from ts_sdk.tensors.reading import InputGroups
from ts_sdk.tensors.rows import Inputs, NamedInputs, spelled

if TYPE_CHECKING:
    from ts_sdk.handler import BaseHandler

_logger = logging.getLogger(__name__)

_Rows = Sequence[int]
_BAD_REQUEST = 400
_BAD_REQUEST = 400
_OF_THE_INPUT = (AssertionError, LookupError, RequestError, RuntimeError, ValueError)
"""What torch's layers, and checks in a model, raise for an input of a wrong shape or type."""
_NOT_OF_THE_INPUT = (
    NonFiniteOutputError,
    NotImplementedError,
    torch.AcceleratorError,
    torch.OutOfMemoryError,
)


def run_model(
    handler: "BaseHandler",
    data: Any,  # noqa: ANN401 - whatever `preprocess` returned
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] = MappingProxyType({}),
) -> Any:  # noqa: ANN401 - whatever the model answers
    """What the model answers to *data*, without gradients.

    Where `BaseHandler` has made *data* of the requests itself, one that the model cannot take is
    rejected; the others are answered.

    Args:
        handler: The handler, inside of whose `handle` this is.
        data: What `preprocess` returned; a tensor is moved to the handler's device.
        args: More inputs of the model.
        kwargs: More named inputs of the model.

    Returns:
        The model's output for the whole batch; a `PerRequest` where the rows went through the
        model in several calls whose outputs differ in shape.

    Raises:
        RequestError: The batch is one request, and the model cannot take it.
    """

    def call(given: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        if isinstance(given, torch.Tensor):
            given = given.to(handler.device)
        with torch.inference_mode():
            if isinstance(given, NamedInputs):
                return handler.model(*args, **{**given, **kwargs})
            return handler.model(given, *args, **kwargs)

    batch = current_batch()
    if batch is not None and is_default(handler, "handle", "preprocess", "inference"):
        groups = data.groups if isinstance(data, InputGroups) else [(range(len(batch.rows)), data)]
        run = _Run(handler, batch, call)
        outputs = [output for rows, given in groups for output in run.outputs(rows, given)]
    else:
        groups = data.groups if isinstance(data, InputGroups) else [((), data)]
        outputs = [(rows, call(given)) for rows, given in groups]
    return outputs[0][1] if len(outputs) == 1 else _joined(outputs)


class _Run:
    """One batch's way through the model."""

    def __init__(self, handler: "BaseHandler", batch: Batch, call: Callable[[Any], Any]) -> None:
        self._handler = handler
        self._batch = batch
        self._call = call

    def outputs(self, rows: _Rows, given: Inputs) -> Iterator[tuple[_Rows, Any]]:
        """The output for *rows*; when they cannot go together, for each of them that can alone."""
        try:
            yield rows, self._call(given)
        except _NOT_OF_THE_INPUT:
            raise
        except _OF_THE_INPUT as error:
            if isinstance(error, KeyError) and not _is_missing(error, given):
                raise
            if len(rows) > 1:
                for place, row in enumerate(rows):
                    yield from self.outputs([row], _one_of(given, place))
            else:
                self._refuse(rows[0], given, error)

    def _refuse(self, row: int, given: Inputs, error: Exception) -> None:
        if isinstance(error, RequestError):  # of a compiled model, which knows what it takes
            message, status = error.message, error.status
        else:
            message, status = self._complaint(given, error), _BAD_REQUEST
        if self._batch.size == 1:  # so that whoever waits for it sees the cause
            raise RequestError(message, status=status) from error
        _logger.debug("a request was rejected: %s", message, exc_info=error)
        self._handler.reject(row, message, status=status)

    def _complaint(self, given: Inputs, error: Exception) -> str:
        if isinstance(error, KeyError):
            return f"the model needs the input {error}, and got {', '.join(given)}"
        lines = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
        scripted = "TorchScript" in lines[0]  # whose message is a traceback
        why = lines[-1].strip() if scripted else lines[0].strip()
        layer = _layer_of(error, self._handler.model)
        return (
            f"the model cannot run on this input, {spelled(given, skip=1)}"
            f"{f', in {layer}' if layer else ''}: {why}"
        )


def _is_missing(error: KeyError, given: Inputs) -> bool:
    """Whether the key that was not found is an input that was not sent."""
    return isinstance(given, dict) and not given.keys() & set(error.args)


def _one_of(given: Inputs, place: int) -> Inputs:
    """Row *place* of *given*, as a batch of one."""
    if isinstance(given, torch.Tensor):
        return given[place : place + 1]
    return type(given)({name: tensor[place : place + 1] for name, tensor in given.items()})


def _layer_of(error: Exception, model: Any) -> str | None:  # noqa: ANN401 - a handler may keep anything that can be called
    """The innermost layer that *error* was raised in, which says what it would have taken."""
    if not isinstance(model, nn.Module):
        return None
    inside = [frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__)]
    layers = [each for each in inside if isinstance(each, nn.Module) and each is not model]
    names = {id(module): name for name, module in model.named_modules()}
    if not layers or not names.get(id(layers[-1])):
        return None
    shown = str(layers[-1]).partition("\n")[0].removesuffix("(")
    return f"layer {names[id(layers[-1])]}, {shown}"


def _joined(outputs: Sequence[tuple[_Rows, Any]]) -> Any:  # noqa: ANN401 - a tensor, or anything that holds some
    """The outputs of several calls as the model would have answered to one, if that can be."""
    if not outputs:
        return PerRequest()  # each of the requests was rejected
    order = [row for rows, _ in outputs for row in rows]
    places = torch.tensor(order).argsort()
    flat = [pytree.tree_flatten(output) for _, output in outputs]
    sizes = [len(rows) for rows, _ in outputs]
    columns = list(zip(*(leaves for leaves, _ in flat), strict=False))
    if all(spec == flat[0][1] for _, spec in flat) and all(
        _can_be_one(column, sizes) for column in columns
    ):
        joined = [torch.cat(column) for column in columns]
        return pytree.tree_unflatten([each[places.to(each.device)] for each in joined], flat[0][1])
    items = [item for rows, output in outputs for item in split(output, len(rows))]
    return PerRequest(items[place] for place in places.tolist())


def _can_be_one(column: Sequence[Any], sizes: Sequence[int]) -> bool:
    """Whether *column*, a part of several outputs, are tensors that fit behind each other."""
    return all(
        isinstance(part, torch.Tensor)
        and part.ndim > 0
        and part.shape[0] == size
        and (part.shape[1:], part.dtype) == (column[0].shape[1:], column[0].dtype)
        for part, size in zip(column, sizes, strict=True)
    )
