"""Layers that compute in float32 while the rest of their model does not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import PrecisionError
from ts_sdk.floats import cast_floats
from ts_sdk.precision import exported
from ts_sdk.precision.structure import (
    Forward,
    forward_of,
    is_exported,
    is_form,
    is_scripted,
    is_within,
    outermost_form,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ts_sdk.precision.words import Precision


def keep_in_float32(
    core: "nn.Module", kept: tuple[str, ...], precision: "Precision", device: "torch.device"
) -> None:
    """Make layers *kept* of *core* compute in float32.

    Of Python modules, a kept layer takes and gives float32. What comes next casts it down where it
    is a layer with weights; everything else follows torch's rules for mixed formats, those of
    autocast among them, so that the numbers between two kept layers keep their range. In compiled
    forms the casts stand in the graph.

    Args:
        core: The model, whose weights are converted already.
        kept: Names of layers.
        precision: What the others compute in.
        device: Where the model runs.

    Raises:
        PrecisionError: A layer lies inside of another form, or *core* is compiled and has weights
            in float32.
    """
    if is_form(core):
        _keep_in_graph(core, kept, precision)
        return
    layers = dict(core.named_modules())
    for name in kept:
        form = outermost_form(core, name)
        if form != name:
            raise PrecisionError(
                f"keep_float32: {name} lies inside of {form}, which is compiled: keep {form}"
            )
        _compute_in_float32(layers[name], device)
    if not precision.is_autocast:
        for name, layer in layers.items():
            if _has_weights(layer) and not is_scripted(layer) and not is_within(name, kept):
                layer.register_forward_pre_hook(_CastInputs(precision.dtype), with_kwargs=True)


def forget_kept(core: "nn.Module") -> None:
    """Take out of *core*, a copy, the casts that `keep_in_float32` has put into it."""
    if is_exported(core):
        exported.forget_kept(core)
    for layer in core.modules():
        if isinstance(vars(layer).get("forward"), _Float32Forward):
            del layer.forward
        for number, hook in list(layer._forward_pre_hooks.items()):  # noqa: SLF001 - the copy's handles were not copied
            if isinstance(hook, _CastInputs):
                del layer._forward_pre_hooks[number]  # noqa: SLF001 - as above
                layer._forward_pre_hooks_with_kwargs.pop(number, None)  # noqa: SLF001 - as above


def _keep_in_graph(core: "nn.Module", kept: tuple[str, ...], precision: "Precision") -> None:
    if precision.is_autocast:
        raise PrecisionError(
            f"keep_float32 goes with float16 and bfloat16 in a compiled model, not with {precision}"
        )
    if is_exported(core):
        exported.keep_layers(core, kept, precision.dtype)
    elif is_scripted(core):
        from ts_sdk.precision import scripted_keeping

        scripted_keeping.keep_layers(core, kept, precision.dtype)


def _compute_in_float32(layer: "nn.Module", device: "torch.device") -> None:
    layer.forward = _Float32Forward(forward_of(layer), device.type)
    if not is_scripted(layer):
        # Some of torch's layers go round the forward of inner ones, unless these have hooks.
        layer.register_forward_hook(_does_nothing)


@dataclass(frozen=True)
class _Float32Forward:
    """Stands in the place of a layer's forward."""

    plain: Callable[[], Forward]
    device_type: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a layer takes and gives anything
        import torch

        args, kwargs = cast_floats((args, kwargs), torch.float32)
        with torch.autocast(self.device_type, enabled=False):
            return self.plain()(*args, **kwargs)


def _does_nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class _CastInputs:
    """A hook before a layer."""

    dtype: "torch.dtype"

    def __call__(self, _: object, args: Any, kwargs: Any) -> Any:  # noqa: ANN401 - as above
        return cast_floats((args, kwargs), self.dtype)


def _has_weights(layer: "nn.Module") -> bool:
    own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
    return any(tensor.is_floating_point() for tensor in own)
