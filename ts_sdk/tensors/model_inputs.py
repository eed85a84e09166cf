"""What a model is called with: the names of its inputs, and whether they are whole numbers."""

import inspect
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_origin

import torch
from torch import nn

from ts_sdk.formats.signature import Signature

_LOOKUPS = frozenset({"Embedding", "EmbeddingBag"})
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_DICTS = frozenset({"dict", "Dict", "Mapping"})


@dataclass(frozen=True)
class ModelInputs:
    """What a model's forward takes.

    Attributes:
        names: Those of its inputs, in order; empty where they are not known.
        required: Those without which it cannot be called.
        is_open: Whether it takes inputs of any other name too, or what it takes is not known.
        takes_dict: Whether its one input is a dict of tensors.
        counts: Whether whole numbers are left as they are, since it looks them up in a table.
        dtype: Of its floating inputs, float32 or float64; None for a model without weights, which
            is given the numbers as they come.
        declared: Name of an input → its type, where the model's file says it.
    """

    names: tuple[str, ...] = ()
    required: frozenset[str] = field(default_factory=frozenset)
    is_open: bool = True
    takes_dict: bool = False
    counts: bool = True
    dtype: torch.dtype | None = None
    declared: Mapping[str, torch.dtype] = field(default_factory=dict)

    def fit(self, tensor: torch.Tensor, name: str | None = None) -> torch.Tensor:
        """*tensor* in the format that the model computes in; whole numbers too, unless it counts.

        Truth values are left as they are: they are masks.

        Args:
            tensor: What was sent.
            name: The input that it is for; None for the first one.
        """
        asked = self.declared.get(name or next(iter(self.names), ""))
        if asked is not None:
            return _as_declared(tensor, asked)
        if self.dtype is None or tensor.dtype is torch.bool or tensor.is_complex():
            return tensor
        return tensor.to(self.dtype) if tensor.is_floating_point() or not self.counts else tensor


_known: "weakref.WeakKeyDictionary[nn.Module, ModelInputs]" = weakref.WeakKeyDictionary()


def inputs_of(model: Any) -> ModelInputs:  # noqa: ANN401 - a handler may keep anything that can be called
    """What *model* is called with; of what is no module, nothing is known."""
    if not isinstance(model, nn.Module):
        return ModelInputs()
    found = _known.get(model)
    if found is None:
        found = _known[model] = _look_at(model)
    return found


def _look_at(model: nn.Module) -> ModelInputs:
    inner = _unwrapped(model)
    tensors = (*inner.parameters(), *inner.buffers())
    floating = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), None)
    facts: dict[str, Any] = {
        "counts": any(_is_lookup(module) for module in inner.modules()),
        "dtype": floating and (floating if floating is torch.float64 else torch.float32),
    }
    signature = getattr(inner, "signature", None)
    if isinstance(signature, Signature) and None not in signature.inputs:
        return _declared(signature)
    if isinstance(inner, torch.jit.ScriptModule):
        return ModelInputs(**_scripted(inner), **facts)
    return ModelInputs(**_eager(inner), **facts)


def _unwrapped(model: nn.Module) -> nn.Module:
    """The module that `torch.compile` or `nn.DataParallel` has wrapped."""
    inner = getattr(model, "_orig_mod", None) or model
    return inner.module if isinstance(inner, nn.DataParallel) else inner


def _is_lookup(module: nn.Module) -> bool:
    name = getattr(module, "original_name", "")  # what a scripted module was
    return isinstance(module, nn.Embedding | nn.EmbeddingBag) or name in _LOOKUPS


def _as_declared(tensor: torch.Tensor, asked: torch.dtype) -> torch.Tensor:
    """*tensor*, its whole numbers as *asked* if that loses nothing; the model judges the rest."""
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype is torch.bool:
        return tensor
    if asked.is_floating_point:
        return tensor.to(torch.float32)
    cast = tensor.to(asked)
    return cast if torch.equal(cast.to(tensor.dtype), tensor) else tensor


def _declared(signature: Signature) -> ModelInputs:
    types = {each.name: each.dtype for each in signature.inputs if each is not None}
    return ModelInputs(tuple(types), frozenset(types), is_open=False, declared=types)


def _scripted(model: torch.jit.ScriptModule) -> dict[str, Any]:
    arguments = model._c._get_method("forward").schema.arguments[1:]  # noqa: SLF001 - torch offers nothing else once forward is wrapped
    required = [each.name for each in arguments if not each.has_default_value()]
    takes_dict = len(required) == 1 and arguments[0].type.kind() == "DictType"
    return _named((each.name for each in arguments), required, takes_dict=takes_dict)


def _eager(model: nn.Module) -> dict[str, Any]:
    # The class's own: a forward that stands on the instance wraps it, and hides what it takes.
    parameters = list(inspect.signature(type(model).forward).parameters.values())[1:]
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
        return {}
    named = [each for each in parameters if each.kind in _BY_NAME]
    required = [each.name for each in named if each.default is inspect.Parameter.empty]
    is_open = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
    takes_dict = len(required) == 1 and _is_dict(named[0].annotation)
    return _named((each.name for each in named), required, is_open=is_open, takes_dict=takes_dict)


def _named(
    names: Iterable[str],
    required: Iterable[str],
    *,
    is_open: bool = False,
    takes_dict: bool = False,
) -> dict[str, Any]:
    return {
        "names": tuple(names),
        "required": frozenset(required),
        "is_open": is_open,
        "takes_dict": takes_dict,
    }


def _is_dict(annotation: Any) -> bool:  # noqa: ANN401 - a type, or its spelling
    if isinstance(annotation, str):
        name = annotation.partition("[")[0].rpartition(".")[2]
    else:
        name = getattr(get_origin(annotation) or annotation, "__name__", "")
    return name in _DICTS
