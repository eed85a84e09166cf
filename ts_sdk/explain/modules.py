"""The module that is explained: in float32, not compiled, and never the one that answers."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.methods import Form
from ts_sdk.formats.exported_program import ExportedModel
from ts_sdk.formats.fixed import FixedModel
from ts_sdk.formats.onnx_graph import OnnxGraph
from ts_sdk.precision import Precision
from ts_sdk.precision.keeping import forget_kept
from ts_sdk.precision.structure import core_of, is_compiled, is_form

Reread = Callable[[nn.Module], nn.Module | None]
_OF_INSTANCES = "forward"
"""Where `torch.compile` and half precision put what they run in a forward's place."""


def form_of(module: nn.Module, precision: Precision = Precision.FLOAT32) -> Form:
    """What *module* is made of; of eager modules, also what was done to them."""
    if isinstance(module, OnnxGraph):
        return Form.ONNX
    if isinstance(module, FixedModel):
        return Form.AOTINDUCTOR
    if isinstance(core_of(module), torch.jit.ScriptModule):
        return Form.TORCHSCRIPT
    if isinstance(module, ExportedModel) or is_form(core_of(module)):
        return Form.EXPORTED
    if precision is not Precision.FLOAT32 or _is_half(module):
        return Form.HALF
    return Form.COMPILED if _is_compiled(module) else Form.EAGER


def explained_module(
    module: nn.Module, form: Form, precision: Precision, reread: "Reread | None" = None
) -> tuple[nn.Module, str | None]:
    """A module that gives the same answers as *module* and can be explained.

    Args:
        module: The model that answers; it is left as it is.
        form: What it is made of.
        precision: What it computes in.
        reread: Gives for a converted form what it was converted from, or None.

    Returns:
        The module, and what to know of it; None where it is *module* itself or a plain copy.

    Raises:
        ExplanationError: It computes in half precision and cannot be made to do otherwise.
    """
    if form in {Form.EAGER, Form.HALF, Form.COMPILED}:
        return _plain_copy(module), _note(form, precision)
    if precision is Precision.FLOAT32:
        return module, _own_format(module)
    plain = None if reread is None else reread(module)
    if plain is not None:
        return plain, _in_float32(precision)
    raise ExplanationError(
        f"the model is {form} in {precision}, explanations are made in float32, and the archive's "
        "file does not hold it as the handler has it: load the archive with precision='float32' to "
        "explain it"
    )


def _plain_copy(module: nn.Module) -> nn.Module:
    """A copy in float32 without what precision and compilation have put around it.

    Captum puts hooks into layers, which other threads' predictions must not meet.
    """
    core: Any = module._orig_mod if is_compiled(module) else module  # noqa: SLF001 - torch's name
    copied: nn.Module = copy.deepcopy(core, _shared_forwards(core))
    forget_kept(copied)
    for layer in copied.modules():
        if _is_replaced(vars(layer).get(_OF_INSTANCES)):
            del vars(layer)[_OF_INSTANCES]
        if getattr(layer, "_compiled_call_impl", None) is not None:
            layer._compiled_call_impl = None  # noqa: SLF001 - torch's name
    return copied.float().eval().requires_grad_(requires_grad=False)


def _shared_forwards(core: nn.Module) -> dict[int, Any]:
    """A memo by which `copy.deepcopy` leaves alone what stands in a forward's place."""
    replaced = [vars(layer).get(_OF_INSTANCES) for layer in core.modules()]
    return {id(each): each for each in replaced if each is not None and _is_replaced(each)}


def _is_replaced(forward: object) -> bool:
    """Whether *forward*, an instance's own, was put there by ts_sdk."""
    kind = forward if hasattr(forward, "__module__") else type(forward)
    return forward is not None and str(getattr(kind, "__module__", "")).startswith("ts_sdk.")


def _is_compiled(module: nn.Module) -> bool:
    from ts_sdk.formats.compilation import _Lazily

    return (
        is_compiled(module)
        or getattr(module, "_compiled_call_impl", None) is not None
        or isinstance(vars(module).get(_OF_INSTANCES), _Lazily)
    )


def _is_half(module: nn.Module) -> bool:
    return any(each.dtype in {torch.float16, torch.bfloat16} for each in module.parameters())


def _note(form: Form, precision: Precision) -> str | None:
    if form is Form.HALF:
        return _in_float32(precision)
    if form is Form.COMPILED:
        return "explained without compilation"
    return None


def _in_float32(precision: Precision) -> str:
    return f"explained in float32, and answered in {precision}"


def _own_format(module: nn.Module) -> str | None:
    """What to know of a file whose own weights are in half precision."""
    formats = {each.dtype for each in module.parameters()} & {torch.float16, torch.bfloat16}
    if not formats:
        return None
    words = " and ".join(sorted(str(each).removeprefix("torch.") for each in formats))
    return f"explained in {words}, as the model's file has it"
