"""One copy of a model's weights for several handlers in one process.

A handler of this library is given a twin of the first one's module: layers of its own, which
compute with the same parameters. Any other handler loads for itself, and where its parameters turn
out to be equal to those of the first, they are let go of and the first's are taken. Buffers, which
a module may write into while it answers, stay each handler's own.
"""

import copy
import importlib.metadata
from typing import TYPE_CHECKING, Any

from ts_sdk.entry_points import GROUP
from ts_sdk.handler import BaseHandler

if TYPE_CHECKING:
    import torch
    from torch import nn

_THIS = "ts-sdk"


def loads_as_ours(handler: object) -> bool:
    """Whether *handler* makes nothing of its module but what this library's handlers do."""
    if not isinstance(handler, BaseHandler):
        return False
    ours = {__name__.partition(".")[0]} | {
        entry.value.partition(".")[0]
        for entry in importlib.metadata.entry_points(group=GROUP)
        if entry.dist is not None and entry.dist.name == _THIS
    }
    homes = {
        kind.__module__.partition(".")[0]
        for kind in type(handler).__mro__
        if {"initialize", "_load_model"} & vars(kind).keys()
    }
    return homes <= ours


def twin_of(module: object) -> "nn.Module | None":
    """A module that computes with the parameters of *module*; None where that is not sure to work.

    A module of one graph, such as TorchScript or an ONNX model, keeps nothing between two calls,
    and is its own twin.
    """
    from torch import nn

    from ts_sdk.formats.fixed import FixedModel
    from ts_sdk.precision.structure import core_of, is_compiled, is_form

    if not isinstance(module, nn.Module) or is_compiled(module):
        return None
    if any("forward" in vars(part) for part in module.modules()):  # it belongs to that very object
        return None
    if isinstance(module, FixedModel) or is_form(core_of(module)):
        return module
    known: dict[int, Any] = {id(each): each for each in module.parameters()}
    try:
        return copy.deepcopy(module, known)
    except Exception:  # noqa: BLE001 - some module does not want to be copied
        return None


def tie(handler: object, first: object) -> None:
    """Let the modules that *handler* keeps use the parameters of those that *first* keeps.

    Only those that are equal are shared, and none of a module that is being trained.
    """
    from torch import nn

    theirs = vars(first) if hasattr(first, "__dict__") else {}
    for name, module in getattr(handler, "__dict__", {}).items():
        other = theirs.get(name)
        if isinstance(module, nn.Module) and isinstance(other, nn.Module) and not module.training:
            _tie_parameters(module, other)


def _tie_parameters(module: "nn.Module", other: "nn.Module") -> None:
    import torch

    theirs = dict(other.named_parameters(remove_duplicate=False))
    for name, own in module.named_parameters(remove_duplicate=False):
        given = theirs.get(name)
        if given is not None and own.data_ptr() != given.data_ptr() and _is_same(own, given):
            with torch.no_grad():
                own.data = given.data


def _is_same(own: "torch.Tensor", given: "torch.Tensor") -> bool:
    import torch

    facts = [(each.shape, each.dtype, each.device, each.stride()) for each in (own, given)]
    return facts[0] == facts[1] and torch.equal(own, given)
