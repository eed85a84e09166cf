"""`set_precision`: a module computes in another number format, and its callers do not notice."""

import inspect
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import PrecisionError
from ts_sdk.floats import all_finite, cast_floats
from ts_sdk.precision import exported
from ts_sdk.precision.keeping import keep_in_float32
from ts_sdk.precision.layer_patterns import layers_to_keep
from ts_sdk.precision.reasons import failed, not_finite
from ts_sdk.precision.structure import (
    INNER_FORWARD,
    Forward,
    core_of,
    forward_of,
    inner_forward,
    is_exported,
    is_form,
)
from ts_sdk.precision.weights import convert_weights
from ts_sdk.precision.words import Precision

if TYPE_CHECKING:
    import torch
    from torch import nn

_MARK = "_ts_sdk_precision"


@dataclass(frozen=True)
class Conversion:
    """How a module was converted.

    Attributes:
        precision: What it computes in.
        device: Where it runs.
        kept: Layers that compute in float32.
        emptied: Layers some of whose weights were too small for the format and became 0.
    """

    precision: Precision
    device: "torch.device"
    kept: tuple[str, ...] = ()
    emptied: frozenset[str] = frozenset()


def set_precision(
    module: "nn.Module",
    precision: Precision,
    device: "torch.device",
    *,
    keep_float32: Sequence[str] = (),
) -> None:
    """Make *module* compute in *precision*; its callers give and get float32.

    Floating inputs are cast (in nested lists, tuples, dicts and dataclasses too), integers are left
    alone, floating outputs come back as float32. Doing it twice changes nothing.

    A form that cannot be converted has a method ``refuse_precision(precision)``, which raises.

    Args:
        module: A module on *device*, changed in place.
        precision: What to compute in.
        device: Where it runs; autocast needs to know.
        keep_float32: Names of layers, or patterns of such names, that go on computing in float32
            with all that lies inside of them.

    Raises:
        PrecisionError: The module has another precision already, or cannot be converted; or a
            pattern names no layer.
    """
    asked = (precision, tuple(keep_float32))
    before = getattr(module, _MARK, None)
    if before == asked:
        return
    if before is not None:
        raise PrecisionError(f"the model is in {before[0]} already; load it again for {precision}")
    if precision is not Precision.FLOAT32:
        refuse = getattr(module, "refuse_precision", None)
        if refuse is not None:
            refuse(precision)
        conversion = _convert(module, precision, device, keep_float32)
        module.forward = _in_precision(module, conversion)
    setattr(module, _MARK, asked)


def _convert(
    module: "nn.Module", precision: Precision, device: "torch.device", patterns: Sequence[str]
) -> Conversion:
    core = core_of(module)
    kept = layers_to_keep(core, patterns)
    emptied: frozenset[str] = frozenset()
    if not precision.is_autocast:
        emptied = convert_weights(core, precision, kept)
    for part in core.modules():
        if is_exported(part):
            exported.allow_any_format(part)
    if kept:
        keep_in_float32(core, kept, precision, device)
    return Conversion(precision, device, kept, emptied)


def _in_precision(module: "nn.Module", conversion: Conversion) -> Forward:
    import torch

    plain = forward_of(module)
    itself = weakref.ref(module)  # one that held itself would be freed late, with its weights
    if is_form(module):
        setattr(module, INNER_FORWARD, plain)  # where it can be watched
    region = _region(module, conversion)

    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        given = _cast((args, kwargs), conversion.precision)
        with region():
            try:
                answer = _watchable(itself(), plain)(*given[0], **given[1])
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                reason = failed(error, itself(), plain(), given, conversion)
                if reason is None:
                    raise
                raise reason from error
            if not all_finite(answer):
                raise not_finite(itself(), plain(), (args, kwargs), given, answer, conversion)
        return cast_floats(answer, torch.float32)

    _keep_signature(run, module)
    return run


def _watchable(module: "nn.Module | None", plain: Callable[[], Forward]) -> Forward:
    return plain() if module is None or not is_form(module) else inner_forward(module)


def _cast(given: Any, precision: Precision) -> Any:  # noqa: ANN401 - as above
    return given if precision.is_autocast else cast_floats(given, precision.dtype)


def _region(
    module: "nn.Module", conversion: Conversion
) -> Callable[[], AbstractContextManager[Any]]:
    """What the forward runs in: autocast, where it was asked for or formats meet."""
    import torch

    precision = conversion.precision
    mixed = conversion.kept and not is_form(core_of(module))
    if not precision.is_autocast and not mixed:
        return nullcontext
    return lambda: torch.autocast(conversion.device.type, precision.dtype)


def _keep_signature(run: Callable[..., Any], module: "nn.Module") -> None:
    """Let *run* be asked for the names of the model's inputs, as handlers do."""
    try:
        run.__signature__ = inspect.signature(module.forward)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return  # TorchScript has none
