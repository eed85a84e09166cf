"""What a module is made of, whatever form it has: its layers, their names, its forward."""

import weakref
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeGuard, cast

if TYPE_CHECKING:
    import torch
    from torch import nn

Forward = Callable[..., Any]
INNER_FORWARD = "_ts_sdk_inner_forward"
"""Where a converted form keeps a function that gives the forward within the casts."""

_FX_GUARDS = "_guards_fn"


def core_of(module: "nn.Module") -> "nn.Module":
    """The module whose layers have the names that the user knows.

    That is *module* itself, unless it only stands around another one: `torch.compile` does so, and
    the wrappers in which serialized forms are called.
    """
    if is_compiled(module):
        inner: nn.Module = module._orig_mod  # type: ignore[assignment]  # noqa: SLF001 - its name
        return core_of(inner)
    children = list(module.children())
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    if len(children) == 1 and not own and not is_form(module) and is_form(children[0]):
        return children[0]
    return module


def is_compiled(module: "nn.Module") -> bool:
    """Whether *module* is what `torch.compile` puts around another one."""
    from torch import nn

    return isinstance(getattr(module, "_orig_mod", None), nn.Module)


def is_form(module: "nn.Module") -> bool:
    """Whether *module* is one graph, whose layers are not called one by one."""
    return is_scripted(module) or is_exported(module)


def is_scripted(module: object) -> "TypeGuard[torch.jit.ScriptModule]":
    """Whether *module* is TorchScript, whose layers are not called from Python."""
    import torch

    return isinstance(module, torch.jit.ScriptModule)


def is_exported(module: "nn.Module") -> "TypeGuard[torch.fx.GraphModule]":
    """Whether *module* is a flat graph of operations, as `torch.export` makes it.

    What `torch.fx.symbolic_trace` makes is none: it calls the layers that it was traced from.
    """
    import torch

    return isinstance(module, torch.fx.GraphModule) and not any(
        node.op == "call_module" and node.target != _FX_GUARDS for node in module.graph.nodes
    )


def layer_names(core: "nn.Module") -> list[str]:
    """The names of all layers in *core*, such as ``features.0``, without that of *core* itself."""
    if is_exported(core):
        from ts_sdk.precision.exported import layer_of

        found = {layer_of(node)[0] for node in core.graph.nodes}
        return sorted({name for each in found for name in _with_parents(each)})
    return [name for name, _ in core.named_modules() if name]


def outermost_form(core: "nn.Module", name: str) -> str:
    """The compiled layer of *core* that layer *name* lies inside of; *name* when there is none."""
    if is_form(core):
        return name
    layers = dict(core.named_modules())
    return next((each for each in _with_parents(name) if is_form(layers[each])), name)


def is_within(name: str, layers: "tuple[str, ...] | frozenset[str]") -> bool:
    """Whether layer *name* is one of *layers* or lies inside of one."""
    return any(parent in layers for parent in _with_parents(name))


def forward_of(module: "nn.Module") -> Callable[[], Forward]:
    """A function that gives *module*'s forward without keeping the module alive."""
    forward = module.forward
    if isinstance(forward, MethodType) and forward.__self__ is module:
        method = weakref.WeakMethod(forward)
        return lambda: cast("Forward", method())  # whoever calls it holds the module
    return lambda: forward


def uncompiled(forward: Forward) -> Forward:
    """What *forward* was compiled from, in which layers can be seen; itself where it was not."""
    plain: Forward = getattr(forward, "uncompiled", None) or forward
    return plain


def inner_forward(form: "nn.Module") -> Forward:
    """The forward of *form*, without the casts around it when it is converted."""
    inner: Callable[[], Forward] | None = vars(form).get(INNER_FORWARD)
    return form.forward if inner is None else inner()


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)] if name else []
