"""What the handler calls its model with for one request, seen while it answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


_noting = threading.RLock()
"""Two at once would each put back what the other one has put in."""


@contextmanager
def noted(module: nn.Module) -> Iterator[list[Call]]:
    """Note every call that this thread makes of *module* during the block."""
    with _noting:
        yield from _noted(module)


def _noted(module: nn.Module) -> Iterator[list[Call]]:
    calls: list[Call] = []
    thread = threading.get_ident()
    before = vars(module).get("forward")
    plain = module.forward

    def noting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        if threading.get_ident() != thread:
            return plain(*args, **kwargs)
        given_args, given_kwargs = _copied((args, kwargs))
        answer = plain(*args, **kwargs)
        calls.append(Call(given_args, given_kwargs, _copied(answer)))
        return answer

    module.forward = noting
    try:
        yield calls
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before


def _copied(value: Any) -> Any:  # noqa: ANN401 - as above
    """*value* with its tensors copied; those of inference mode have no gradients."""
    with torch.inference_mode(mode=False):
        return pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach().clone(), value)
