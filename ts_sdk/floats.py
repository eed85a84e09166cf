"""The floating tensors in what models take and give: lists, tuples, dicts, dataclasses, nested."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def cast_floats(value: Any, dtype: "torch.dtype") -> Any:  # noqa: ANN401 - nested inputs and outputs
    """*value* with its floating tensors as *dtype*; a container without any is returned itself."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    return _rebuilt(value, lambda item: cast_floats(item, dtype))


def floats_in(value: Any) -> "Iterator[torch.Tensor]":  # noqa: ANN401 - as above
    """The floating tensors in *value*."""
    import torch

    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield value
    else:
        for item in _items(value).values():
            yield from floats_in(item)


def all_finite(value: Any) -> bool:  # noqa: ANN401 - as above
    """Whether no floating tensor in *value* holds NaN or infinity."""
    return all(bool(tensor.isfinite().all()) for tensor in floats_in(value))


def _rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as above
    """*value* with its items changed, of the same type; itself when no item has changed."""
    items = _items(value)
    changed = {key: change(item) for key, item in items.items()}
    if all(changed[key] is items[key] for key in items):
        return value
    if isinstance(value, list | tuple):
        in_order = changed.values()
        return type(value)(*in_order) if hasattr(value, "_fields") else type(value)(in_order)
    # A copy keeps what a class needs besides its items, such as a default factory.
    rebuilt = copy.copy(value)
    for key, item in changed.items():
        if isinstance(value, dict):
            rebuilt[key] = item
        else:
            object.__setattr__(rebuilt, key, item)  # also where a dataclass is frozen
    return rebuilt


def _items(value: Any) -> dict[Any, Any]:  # noqa: ANN401 - as above
    """What *value* contains by key, position or field; nothing when it is no container."""
    if isinstance(value, dict):
        return dict(value.items())
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {}
