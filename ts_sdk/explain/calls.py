"""What the handler calls its model with for one request, seen while it answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree


@dataclass(frozen=True)
class Call:
    """One call of the model.

    Attributes:
        args: What was given by position.
        kwargs: What was given by name.
        answer: What it gave.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: Any


_calls: ContextVar[list[Call] | None] = ContextVar("ts_sdk_calls", default=None)
"""Where calls are noted; `MicroBatching` hands it on to the threads that work on a batch."""
_noting = threading.RLock()
"""Two at once would each put back what the other one has put in."""


@contextmanager
def noted(module: nn.Module) -> Iterator[list[Call]]:
    """Note every call of *module* that is made for this thread during the block."""
    with _noting:
        yield from _noted(module)


def _noted(module: nn.Module) -> Iterator[list[Call]]:
    calls: list[Call] = []
    token = _calls.set(calls)
    before = vars(module).get("forward")
    plain = module.forward

    def noting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        if _calls.get() is not calls:  # another thread's prediction
            return plain(*args, **kwargs)
        given_args, given_kwargs = _copied((args, kwargs))
        answer = plain(*args, **kwargs)
        calls.append(Call(given_args, given_kwargs, _copied(answer)))
        return answer

    module.forward = noting
    try:
        yield calls
    finally:
        _calls.reset(token)
        if before is None:
            del module.forward
        else:
            module.forward = before


def _copied(value: Any) -> Any:  # noqa: ANN401 - as above
    """*value* with its tensors copied; those of inference mode have no gradients."""
    with torch.inference_mode(mode=False):
        return pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach().clone(), value)
