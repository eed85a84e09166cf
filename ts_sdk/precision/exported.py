"""Graphs of `torch.export`: their constants, and the layers that their operations came from."""

import re
from typing import TYPE_CHECKING

from ts_sdk.floats import cast_floats
from ts_sdk.precision.structure import is_within

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule, Node

    from ts_sdk.precision.weights import WeightCast

_REPEATED = re.compile(r"@\d+")
_STRICT_PREFIX = re.compile(r"^L\['self'\]\.?")


def layer_of(node: "Node") -> tuple[str, str]:
    """Name and kind of the layer that *node* came from; the name is empty for the model's own."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return "", ""
    path, kind = list(stack.values())[-1]
    name = _STRICT_PREFIX.sub("", _REPEATED.sub("", path))
    named = kind if isinstance(kind, str) else getattr(kind, "__qualname__", "")
    return name, named.rpartition(".")[2]


def convert_constants(module: "GraphModule", kept: tuple[str, ...], cast: "WeightCast") -> None:
    """Convert the tensors in *module* that are neither parameters nor buffers."""
    import torch

    for prefix, layer in module.named_modules():
        if is_within(prefix, kept):
            continue
        for name, value in list(vars(layer).items()):
            if isinstance(value, torch.Tensor):
                setattr(layer, name, cast(value, f"{prefix}.{name}".lstrip(".")))


def allow_any_format(module: "GraphModule") -> None:
    """Take out the assertions that numbers in *module* have the format they were exported with."""
    import torch

    asserted = [
        node
        for node in module.graph.nodes
        if node.target is torch.ops.aten._assert_tensor_metadata.default  # noqa: SLF001 - its name
    ]
    for node in asserted:
        module.graph.erase_node(node)
    if asserted:
        module.recompile()


def keep_layers(module: "GraphModule", kept: tuple[str, ...], dtype: "torch.dtype") -> None:
    """Put casts around the operations of layers *kept*, so that they compute in float32."""
    import torch

    graph = module.graph
    staying = {
        node
        for node in graph.nodes
        if node.op == "call_function" and is_within(layer_of(node)[0], kept)
    }
    for node in staying:
        for given in node.all_input_nodes:
            if given not in staying and not _is_weight_of(kept, given):
                with graph.inserting_before(node):
                    up = graph.call_function(cast_floats, (given, torch.float32))
                node.replace_input_with(given, up)
        outside = [user for user in node.users if user not in staying]
        if outside:
            with graph.inserting_after(node):
                down = graph.call_function(cast_floats, (node, dtype))
            for user in outside:
                user.replace_input_with(node, down)
    module.recompile()


def forget_kept(module: "GraphModule") -> None:
    """Let the casts of `keep_layers` in *module*, a copy, cast to float32 only."""
    import torch

    for node in module.graph.nodes:
        if node.target is cast_floats:
            node.args = (node.args[0], torch.float32)
    module.recompile()


def _is_weight_of(kept: tuple[str, ...], node: "Node") -> bool:
    return node.op == "get_attr" and is_within(str(node.target).rpartition(".")[0], kept)
