"""Which operation failed because of the precision, and in which layer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ts_sdk.floats import cast_floats, floats_in

if TYPE_CHECKING:
    from types import TracebackType

    from torch import nn
    from torch._ops import OpOverload

    from ts_sdk.precision.origin import Given
    from ts_sdk.precision.structure import Forward


@dataclass(frozen=True)
class Failure:
    """An operation that raises, and does not with the same numbers in float32.

    Attributes:
        operation: Its name, such as ``torchvision::nms``.
        formats: The formats of the floating numbers that it was given.
        device: The kind of device that these were on.
    """

    operation: str
    formats: tuple[str, ...]
    device: str


def find_failure(forward: "Forward", given: "Given") -> Failure | bool:
    """Call *forward*, which has raised, once more, and look at the operation that raises.

    Returns:
        The failure; True when it is not the precision, since the operation raises in float32 too;
        False when no operation raises now.
    """
    found = _last_that_raises(forward, given)
    if found is None:
        return False
    operation, args, kwargs = found
    floats = list(floats_in((args, kwargs)))
    if not floats or not _runs_in_float32(found):
        return True
    formats = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in floats})
    return Failure(operation._schema.name, tuple(formats), floats[0].device.type)  # noqa: SLF001 - where torch keeps it


def layer_of(error: BaseException, core: "nn.Module") -> tuple[str, str] | None:
    """Name and class of the innermost layer of *core* that *error* was raised in."""
    from torch import nn

    names = {id(layer): name for name, layer in core.named_modules() if name}
    found = None
    step: TracebackType | None = error.__traceback__
    while step is not None:
        layer = step.tb_frame.f_locals.get("self")
        if isinstance(layer, nn.Module) and id(layer) in names:
            found = names[id(layer)], type(layer).__name__
        step = step.tb_next
    return found


_Call = tuple["OpOverload", tuple[Any, ...], dict[str, Any]]


def _last_that_raises(forward: "Forward", given: "Given") -> _Call | None:
    """The last operation that raises while *forward* does."""
    from torch.utils._python_dispatch import TorchDispatchMode

    raised: list[_Call] = []

    class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types here
        def __torch_dispatch__(
            self,
            func: Any,  # noqa: ANN401 - torch's signature, below too
            types: object,
            args: Any = (),  # noqa: ANN401
            kwargs: Any = None,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            try:
                return func(*args, **(kwargs or {}))
            except RuntimeError:
                raised.append((func, args, kwargs or {}))
                raise

    try:
        with Watching():  # type: ignore[no-untyped-call] # as above
            forward(*given[0], **given[1])
    except Exception:  # noqa: BLE001 - another run may fail otherwise
        return raised[-1] if raised else None
    return None


def _runs_in_float32(call: _Call) -> bool:
    import torch

    operation, args, kwargs = call
    args, kwargs = cast_floats((args, kwargs), torch.float32)
    try:
        operation(*args, **kwargs)
    except RuntimeError:
        return False
    return True
