"""Converting a module's weights, all of them or without those of some layers."""

from typing import TYPE_CHECKING

from ts_sdk.errors import PrecisionError
from ts_sdk.floats import all_finite, is_castable
from ts_sdk.precision.structure import is_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch
    from torch import nn

    from ts_sdk.precision.words import Precision

_SHOWN = 5


class WeightCast:
    """Casts tensors one by one, and remembers what was lost on the way.

    Attributes:
        dtype: The new format.
        out_of_range: Names of tensors that were finite and are no more.
        emptied: Names of tensors in which numbers have become 0.
    """

    def __init__(self, dtype: "torch.dtype", names: "Iterable[tuple[str, torch.Tensor]]") -> None:
        self.dtype = dtype
        # Held, so that no tensor of TorchScript, which are made when asked for, takes over an id.
        self._known = list(names)
        self._names = {id(tensor): name for name, tensor in self._known}
        self.out_of_range: list[str] = []
        self.emptied: list[str] = []

    def __call__(self, tensor: "torch.Tensor", name: str | None = None) -> "torch.Tensor":
        """*tensor* in the new format, itself when it holds no floating numbers."""
        if not is_castable(tensor):
            return tensor
        cast = tensor.to(self.dtype)
        known_as = name or self._names.get(id(tensor), "a weight")
        if not all_finite(cast) and all_finite(tensor):
            self.out_of_range.append(known_as)
        elif bool(cast.count_nonzero() != tensor.count_nonzero()):
            self.emptied.append(known_as)
        return cast


def convert_weights(
    core: "nn.Module", precision: "Precision", kept: tuple[str, ...]
) -> frozenset[str]:
    """Convert the parameters, buffers and constants of *core* in place.

    Args:
        core: The model.
        precision: What to convert them to.
        kept: Layers that stay as they are, with all that lies inside of them. A weight that they
            share with other layers becomes two.

    Returns:
        The layers in which some number was too small for the format and became 0.

    Raises:
        PrecisionError: A number is beyond the range of the format, or a tensor has no such form.
    """
    import torch

    named = [*core.named_parameters(), *core.named_buffers()]
    cast = WeightCast(precision.dtype, named)
    try:
        if kept:
            _convert_around(core, kept, cast)
        else:
            # What Module.to() calls, which would take the imaginary part from complex numbers.
            core._apply(cast)  # type: ignore[no-untyped-call] # noqa: SLF001
        _convert_constants(core, kept, cast)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise PrecisionError(
            f"the model cannot be converted to {precision}: {error}; "
            f"use precision='{precision.with_float32_weights}'"
        ) from error
    if cast.out_of_range:
        raise _out_of_range(cast.out_of_range, precision)
    return frozenset(name.rpartition(".")[0] for name in cast.emptied)


def _convert_around(
    core: "nn.Module",
    kept: tuple[str, ...],
    cast: "Callable[[torch.Tensor], torch.Tensor]",
) -> None:
    from torch import nn

    layers = list(core.named_modules(remove_duplicate=False))
    staying = {
        id(tensor)
        for name, layer in layers
        if is_within(name, kept)
        for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False))
    }
    stays = {id(layer) for name, layer in layers if is_within(name, kept)}
    for _, layer in core.named_modules():
        if id(layer) in stays:
            continue
        for name, weight in list(layer.named_parameters(recurse=False)):
            if id(weight) in staying:
                own = nn.Parameter(cast(weight.detach()), weight.requires_grad)
                setattr(layer, name, own)
        for name, buffer in list(layer.named_buffers(recurse=False)):
            if id(buffer) in staying:
                setattr(layer, name, cast(buffer.clone()))
        layer._apply(cast, recurse=False)  # noqa: SLF001


def _convert_constants(core: "nn.Module", kept: tuple[str, ...], cast: WeightCast) -> None:
    """Convert the tensors that compiled forms keep beside their parameters and buffers."""
    from ts_sdk.precision import exported, scripted
    from ts_sdk.precision.structure import is_exported, is_scripted

    for prefix, module in core.named_modules():
        if is_within(prefix, kept):
            continue
        if is_exported(module):
            exported.convert_constants(module, kept if module is core else (), cast)
        elif is_scripted(module):
            scripted.convert_constants(module, cast)


def _out_of_range(names: list[str], precision: "Precision") -> PrecisionError:
    shown = sorted(names)
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in shown))[:_SHOWN]
    keep = f", or keep_float32={layers}" if all(layers) else ""
    return PrecisionError(
        f"the numbers in {', '.join(shown[:_SHOWN])} are beyond the range of {precision}; "
        f"load with precision='{precision.wider}'{keep}",
        layer=layers[0] or None,
    )
