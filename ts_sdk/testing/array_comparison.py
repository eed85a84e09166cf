"""Whether one array or tensor is as expected."""

from typing import TYPE_CHECKING, Any

from ts_sdk.testing.number_comparison import number_difference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ts_sdk.testing.closeness import Tolerance

_KINDS = {"b": "bool", "i": "whole", "u": "whole", "f": "floating", "c": "complex"}


def is_array(value: object) -> bool:
    """Whether *value* is an array or a tensor of at least one dimension."""
    return hasattr(value, "dtype") and hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0


def plain(value: Any) -> Any:  # noqa: ANN401 - any value
    """*value*, or the number that it holds where it is an array without dimensions."""
    if hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def array_difference(
    got: Any,  # noqa: ANN401 - an array or a tensor
    wanted: Any,  # noqa: ANN401 - as above
    allowed: "Tolerance",
    *,
    equal_nan: bool,
) -> tuple[tuple[int, ...], Any, Any, str] | None:
    """In what two arrays differ; None when they are as expected.

    Returns:
        An index, what is there, what should be there, and the reason. The index is that of the
        number which is furthest away, empty where shapes or kinds differ.
    """
    import numpy as np

    if tuple(got.shape) != tuple(wanted.shape):
        shapes = f"shape {tuple(got.shape)} instead of {tuple(wanted.shape)}"
        return (), got, wanted, shapes
    here, there = _as_numpy(got), _as_numpy(wanted)
    kind, kind_wanted = (_KINDS.get(each.dtype.kind, each.dtype.name) for each in (here, there))
    if kind != kind_wanted:
        return (), got, wanted, f"{kind} numbers instead of {kind_wanted}"
    over = _beyond(here, there, allowed, equal_nan=equal_nan)
    if not over.any():
        return None
    place = np.unravel_index(int(over.argmax()), over.shape)
    index = tuple(int(step) for step in place)
    value, value_wanted = here[index].item(), there[index].item()
    reason = _reason(value, value_wanted, allowed)
    return index, value, value_wanted, f"{reason}; {_count(over)}"


def _as_numpy(value: Any) -> "NDArray[Any]":  # noqa: ANN401 - an array or a tensor
    """*value* as an array, floats as float64, which holds those of all other formats."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _beyond(
    got: "NDArray[Any]", wanted: "NDArray[Any]", allowed: "Tolerance", *, equal_nan: bool
) -> "NDArray[np.float64]":
    """How far each number is beyond what is allowed, 0 where it is not."""
    import numpy as np

    beyond: NDArray[np.float64]
    kind = got.dtype.kind
    differ = got != wanted
    if kind not in "iufc":
        beyond = differ.astype(np.float64)
        return beyond
    finite = np.isfinite(got) & np.isfinite(wanted)
    wide = np.complex128 if kind == "c" else np.float64
    here, there = (np.where(finite, each, 0).astype(wide) for each in (got, wanted))
    with np.errstate(over="ignore"):
        distance = np.where(finite, np.abs(here - there), np.inf)
    if kind in "iu":
        distance = np.maximum(distance, 1.0)  # float64 does not tell large ones apart
        limit = np.full(got.shape, allowed.atol)
    else:
        differ &= ~(np.isnan(got) & np.isnan(wanted) & equal_nan)
        limit = allowed.atol + allowed.rtol * np.abs(there)
    beyond = np.where(differ & (distance > limit), distance - limit, 0.0)
    return beyond


def _reason(got: Any, wanted: Any, allowed: "Tolerance") -> str:  # noqa: ANN401 - a number or text
    if isinstance(got, int | float) and not isinstance(got, bool):
        return number_difference(got, wanted, allowed) or "they differ"
    return "they differ"


def _count(over: "NDArray[np.float64]") -> str:
    count = int((over > 0).sum())
    if count == 1:
        return f"it is the only one of {over.size}"
    return f"it is the furthest of {count} of {over.size} that differ"
