"""Precision words, and making a module compute in them while its callers stay in float32."""

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from types import MethodType
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import NonFiniteOutputError, PrecisionError
from ts_sdk.floats import all_finite, cast_floats, floats_in

if TYPE_CHECKING:
    import torch
    from torch import nn

_MARK = "_ts_sdk_precision"
_AUTOCAST = "autocast-"
_SHOWN = 5
_BAD_REQUEST = 400


class Precision(StrEnum):
    """The number format in which a model computes.

    ``float16`` and ``bfloat16`` convert the weights; the ``autocast-`` words keep them in float32
    and let torch choose the format operation by operation.
    """

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    AUTOCAST_FLOAT16 = "autocast-float16"
    AUTOCAST_BFLOAT16 = "autocast-bfloat16"

    @classmethod
    def parse(cls, word: str) -> "Precision":
        """The precision that *word* names.

        Raises:
            PrecisionError: There is no such word; the message lists those there are.
        """
        try:
            return cls(word)
        except ValueError:
            words = ", ".join(cls)
            raise PrecisionError(f"unknown precision {word!r}: use one of {words}") from None

    @property
    def is_autocast(self) -> bool:
        """Whether the weights stay in float32."""
        return self.startswith(_AUTOCAST)

    @property
    def wider(self) -> "Precision":
        """The next one with a larger range of numbers: `FLOAT32` in the end."""
        return {
            Precision.FLOAT16: Precision.BFLOAT16,
            Precision.AUTOCAST_FLOAT16: Precision.AUTOCAST_BFLOAT16,
        }.get(self, Precision.FLOAT32)

    @property
    def dtype(self) -> "torch.dtype":
        """The reduced (or plain) dtype."""
        import torch

        found: torch.dtype = getattr(torch, self.removeprefix(_AUTOCAST))
        return found


def set_precision(module: "nn.Module", precision: Precision, device: "torch.device") -> None:
    """Make *module* compute in *precision*; its callers give and get float32.

    Floating inputs are cast (in nested lists, tuples, dicts and dataclasses too), integers are left
    alone, floating outputs come back as float32. Doing it twice changes nothing.

    Args:
        module: A module on *device*, changed in place.
        precision: What to compute in.
        device: Where it runs; autocast needs to know.

    Raises:
        PrecisionError: The module has another precision already, or cannot be converted.
    """
    before = getattr(module, _MARK, None)
    if before == precision:
        return
    if before is not None:
        raise PrecisionError(f"the model is in {before} already; load it again for {precision}")
    if precision is not Precision.FLOAT32:
        if not precision.is_autocast:
            _convert_weights(module, precision)
        module.forward = _in_precision(module, precision, device)
    setattr(module, _MARK, precision)


def _convert_weights(module: "nn.Module", precision: Precision) -> None:
    finite = {name for name, tensor in module.state_dict().items() if all_finite(tensor)}
    try:
        module.to(precision.dtype)
    except RuntimeError as error:
        raise PrecisionError(
            f"the model cannot be converted to {precision}: {error}; "
            f"use precision='autocast-{precision}'"
        ) from error
    state = module.state_dict()
    lost = [name for name in finite if not all_finite(state[name])]
    if lost:
        raise PrecisionError(
            f"the numbers in {', '.join(sorted(lost)[:_SHOWN])} are beyond the range of "
            f"{precision}; load with precision='{precision.wider}'"
        )


def _in_precision(
    module: "nn.Module", precision: Precision, device: "torch.device"
) -> Callable[..., Any]:
    import torch

    plain = _forward_of(module)
    kept = weakref.ref(module)  # a module that held itself would be freed late, with its weights
    dtype = precision.dtype

    def region() -> AbstractContextManager[Any]:
        return torch.autocast(device.type, dtype) if precision.is_autocast else nullcontext()

    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        given = (args, kwargs) if precision.is_autocast else cast_floats((args, kwargs), dtype)
        with region():
            answer = _call(plain(), given, precision)
            if not all_finite(answer):
                raise _non_finite(kept(), plain(), (args, kwargs), given, precision)
        return cast_floats(answer, torch.float32)

    return run


def _forward_of(module: "nn.Module") -> Callable[[], Callable[..., Any]]:
    """A function that gives *module*'s forward without keeping the module alive."""
    forward = module.forward
    if isinstance(forward, MethodType) and forward.__self__ is module:
        return weakref.WeakMethod(forward)  # type: ignore[return-value] # whoever calls it holds the module
    return lambda: forward


_Given = tuple[tuple[Any, ...], dict[str, Any]]


def _call(forward: Callable[..., Any], given: _Given, precision: Precision) -> Any:  # noqa: ANN401 - as above
    import torch

    try:
        return forward(*given[0], **given[1])
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        other = Precision.FLOAT32 if precision.is_autocast else f"{_AUTOCAST}{precision}"
        raise PrecisionError(
            f"the model failed in {precision}: {str(error).strip()}; if it runs in float32, "
            f"load with precision='{other}'"
        ) from error


def _non_finite(
    module: "nn.Module | None",
    forward: Callable[..., Any],
    asked: _Given,
    given: _Given,
    precision: Precision,
) -> NonFiniteOutputError:
    """The error that says where NaN or infinity came from, as near as it can be told."""
    if not all_finite(asked):
        return NonFiniteOutputError(
            "the model's input holds NaN or infinity already", status=_BAD_REQUEST
        )
    what = f"the model's output in {precision} holds NaN or infinity"
    advice = f"load with precision='{precision.wider}'"
    if not all_finite(given):
        largest = max(float(tensor.abs().max()) for tensor in floats_in(asked) if tensor.numel())
        return NonFiniteOutputError(
            f"{what}: an input of {largest:g} is beyond the range of the format; {advice}"
        )
    layer = _first_layer_out_of_range(module, forward, given)
    where = f", first in layer {layer}, whose numbers left the range of the format" if layer else ""
    return NonFiniteOutputError(
        f"{what}{where}; {advice}" + (f", or keep {layer} in float32" if layer else "")
    )


def _first_layer_out_of_range(
    module: "nn.Module | None", forward: Callable[..., Any], given: _Given
) -> str | None:
    """The innermost layer that makes NaN or infinity of finite numbers, found by a second run."""
    import torch

    if module is None or isinstance(module, torch.jit.ScriptModule):  # its layers call no hooks
        return None
    found: list[str] = []
    thread = threading.get_ident()

    def watch(name: str) -> Callable[..., None]:
        def look(_: object, *seen: object) -> None:
            # Another thread's search may take its hooks away meanwhile; torch then forgets that
            # this one wants the named inputs, and gives the others and the output alone.
            *inputs, output = seen
            mine = threading.get_ident() == thread and not found
            if mine and all_finite(inputs) and not all_finite(output):
                found.append(name)

        return look

    hooks = [
        layer.register_forward_hook(watch(f"{name} ({type(layer).__name__})"), with_kwargs=True)
        for name, layer in module.named_modules()
        if layer is not module
    ]
    try:
        forward(*given[0], **given[1])
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else None
