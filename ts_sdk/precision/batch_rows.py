"""Which rows of a batch hold NaN or infinity, and which requests these are."""

from typing import TYPE_CHECKING, Any

from ts_sdk.batch import current_batch
from ts_sdk.floats import all_finite, floats_in, items_of

if TYPE_CHECKING:
    import torch


def rows_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """How many rows the inputs of a model have, None when that cannot be told.

    A list has as many as it has items, a tensor as many as its first dimension says.
    """
    first = next(iter((*args, *kwargs.values())), None)
    if isinstance(first, list):
        return len(first)
    sizes = {tensor.shape[0] for tensor in _tensors_in((args, kwargs)) if tensor.ndim}
    return sizes.pop() if len(sizes) == 1 else None


def rows_not_finite(value: Any, rows: int | None) -> tuple[int, ...]:  # noqa: ANN401 - what a model takes or gives
    """The rows of *value* that hold NaN or infinity; none when they cannot be told apart.

    Args:
        value: Tensors ``(rows, …)``, however nested, or a list with an item for each row.
        rows: How many rows there are, None when that is not known.
    """
    if rows is None:
        return ()
    if _has_item_for_each(value, rows):
        return tuple(row for row, item in enumerate(value) if not all_finite(item))
    bad: set[int] = set()
    for tensor in floats_in(value):
        finite = tensor.isfinite()
        if tensor.ndim and tensor.shape[0] == rows:
            bad.update((~_by_row(finite)).nonzero().flatten().tolist())
        elif not bool(finite.all()):
            return ()
    return tuple(sorted(bad))


def request_at(rows: tuple[int, ...], total: int | None) -> int | None:
    """The request that the first of *rows* belongs to, when each request of the batch has one."""
    batch = current_batch()
    if not rows or batch is None or len(batch.rows) != total:
        return None
    return batch.rows[rows[0]]


def spoken(rows: tuple[int, ...], total: int | None) -> str:
    """Which rows, for a message; empty when they are not known, or are the only one."""
    if not rows or total == 1:
        return ""
    numbers = [str(row) for row in rows]
    listed = " and ".join(filter(None, (", ".join(numbers[:-1]), numbers[-1])))
    return f" for row{'s' if len(rows) > 1 else ''} {listed} of {total}"


def _has_item_for_each(value: Any, rows: int) -> bool:  # noqa: ANN401 - as above
    """Whether *value* is a list of answers, and no list of tensors that each hold all rows."""
    import torch

    if not isinstance(value, list) or len(value) != rows:
        return False
    return not all(
        isinstance(item, torch.Tensor) and item.ndim and item.shape[0] == rows for item in value
    )


def _by_row(verdicts: "torch.Tensor") -> "torch.Tensor":
    """Whether all *verdicts* of a row are true, ``(rows,)``."""
    return verdicts if verdicts.ndim == 1 else verdicts.flatten(1).all(dim=1)


def _tensors_in(value: Any) -> "list[torch.Tensor]":  # noqa: ANN401 - as above
    import torch

    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for item in items_of(value).values() for tensor in _tensors_in(item)]
