"""From the arguments of a call to the flat list of inputs that a compiled model takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils import _pytree as pytree


def in_order(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    names: Sequence[str],
    spec: Any = None,  # noqa: ANN401 - a tree's structure, for which torch has no public name
    model: str,
) -> list[Any]:
    """The inputs in the order of *names*.

    They may come as the model's own forward takes them, by position, by name, in one dict by name,
    or nested in another way whose tensors come in this order.

    Args:
        args: What was given by position.
        kwargs: What was given by name.
        names: The inputs' names.
        spec: How the model's own forward takes them, the structure of its ``(args, kwargs)``; None
            when that is not known.
        model: What the model is called.

    Raises:
        TypeError: There are too few or too many.
    """
    if spec is not None:
        try:
            ordered: list[Any] = spec.flatten_up_to((args, dict(kwargs)))
        except ValueError:
            ordered = []
        if ordered and not any(map(_is_nested, ordered)):
            return ordered
    named = _by_name(args, kwargs, names)
    leaves = pytree.tree_leaves((args, dict(kwargs))) if named is None else named
    if len(leaves) != len(names):
        count = "1 input" if len(names) == 1 else f"{len(names)} inputs"
        by_name = f" ({', '.join(kwargs)} by name)" if kwargs else ""
        raise TypeError(
            f"{model} takes {count} ({', '.join(names)}), and got {len(leaves)}{by_name}"
        )
    return leaves


def _by_name(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], names: Sequence[str]
) -> list[Any] | None:
    if len(args) == 1 and not kwargs and isinstance(args[0], Mapping):
        return _by_name((), args[0], names)
    rest = names[len(args) :]
    if not kwargs or kwargs.keys() != set(rest) or any(map(_is_nested, args)):
        return None
    return [*args, *(kwargs[name] for name in rest)]


def _is_nested(value: object) -> bool:
    return isinstance(value, list | tuple | Mapping)
