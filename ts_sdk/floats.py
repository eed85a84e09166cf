"""The floating tensors in what models take and give, however nested.

Lists, tuples, named tuples, dicts and other mappings, dataclasses and simple namespaces are looked
into. An object of any other class goes through as it is.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import fields, is_dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def is_castable(tensor: "torch.Tensor") -> bool:
    """Whether *tensor* holds numbers that a precision is about: no integers, no 8-bit formats."""
    import torch

    return tensor.dtype in {torch.float32, torch.float16, torch.bfloat16, torch.float64}


def cast_floats(value: Any, dtype: "torch.dtype") -> Any:  # noqa: ANN401 - nested inputs and outputs
    """*value* with its floating tensors as *dtype*; a container without any is returned itself.

    Integers, booleans and complex numbers stay as they are.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return value.to(dtype) if is_castable(value) else value
    return _rebuilt(value, lambda item: cast_floats(item, dtype))


def copy_floats(value: Any) -> Any:  # noqa: ANN401 - as above
    """*value* with copies of its floating tensors, for what might write into them."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().clone() if is_castable(value) else value
    return _rebuilt(value, copy_floats)


def floats_by_place(value: Any, place: str = "") -> "dict[str, torch.Tensor]":  # noqa: ANN401 - as above
    """The floating tensors in *value* by where they are, such as ``0.boxes``."""
    import torch

    if isinstance(value, torch.Tensor):
        return {place: value} if is_castable(value) else {}
    found: dict[str, torch.Tensor] = {}
    for key, item in items_of(value).items():
        found |= floats_by_place(item, f"{place}.{key}" if place else str(key))
    return found


def floats_in(value: Any) -> "Iterator[torch.Tensor]":  # noqa: ANN401 - as above
    """The tensors in *value* whose numbers may be NaN or infinite, complex ones among them."""
    import torch

    if isinstance(value, torch.Tensor):
        if is_castable(value) or value.is_complex():
            yield from _dense(value)
    else:
        for item in items_of(value).values():
            yield from floats_in(item)


def all_finite(value: Any) -> bool:  # noqa: ANN401 - as above
    """Whether no tensor in *value* holds NaN or infinity."""
    import torch

    verdicts: dict[torch.device, list[torch.Tensor]] = {}
    for tensor in floats_in(value):
        verdicts.setdefault(tensor.device, []).append(tensor.isfinite().all())
    # Joined on the device, since each verdict that is read there is waited for.
    return all(bool(torch.stack(found).all()) for found in verdicts.values())


def largest_in(value: Any) -> float | None:  # noqa: ANN401 - as above
    """The largest magnitude of a finite number in *value*; None when there is none."""
    found = []
    for tensor in floats_in(value):
        finite = tensor[tensor.isfinite()]
        if finite.numel():
            found.append(float(finite.detach().abs().max()))
    return max(found, default=None)


def items_of(value: Any) -> dict[Any, Any]:  # noqa: ANN401 - as above
    """What *value* contains by key, position or field; nothing when it is no container."""
    if isinstance(value, Mapping):
        return dict(value.items())
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return dict(vars(value)) if isinstance(value, SimpleNamespace) else {}


def _rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as above
    """*value* with its items changed, of the same type; itself when no item has changed."""
    items = items_of(value)
    changed = {key: change(item) for key, item in items.items()}
    if all(changed[key] is items[key] for key in items):
        return value
    if isinstance(value, tuple):
        return _tuple_like(value, list(changed.values()))
    if isinstance(value, Mapping) and not isinstance(value, MutableMapping):
        return changed
    # A copy keeps what a class needs besides its items, such as a default factory.
    rebuilt = copy.copy(value)
    for key, item in changed.items():
        if isinstance(value, list | MutableMapping):
            rebuilt[key] = item
        else:
            object.__setattr__(rebuilt, key, item)  # also where a dataclass is frozen
    return rebuilt


def _tuple_like(value: tuple[Any, ...], items: list[Any]) -> tuple[Any, ...]:
    if hasattr(value, "_make"):
        made: tuple[Any, ...] = value._make(items)
        return made
    return type(value)(items)


def _dense(tensor: "torch.Tensor") -> "Iterator[torch.Tensor]":
    """The numbers that *tensor* keeps, as dense tensors."""
    import torch

    if tensor.layout is torch.sparse_coo:
        yield tensor._values()  # noqa: SLF001 - values() asks for one that is coalesced
    elif tensor.layout is not torch.strided:
        yield tensor.values()
    elif tensor.is_nested:
        yield from tensor.unbind()
    else:
        yield tensor
