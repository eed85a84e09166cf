"""TorchScript: its constants, and its graph with the operations of all layers in one place.

A call of a layer never comes back to Python here, so there is nothing to hook into. What is done
to layers is done to a copy of the graph into which theirs are put, each operation with a note of
the layer that it came from.
"""

from typing import TYPE_CHECKING, Any

from ts_sdk.floats import cast_floats, is_castable
from ts_sdk.precision.structure import is_scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from ts_sdk.precision.structure import Forward
    from ts_sdk.precision.weights import WeightCast

_NOT_COMPUTED = {
    "prim::GetAttr",
    "prim::Constant",
    "prim::Param",
    "prim::Return",
    "prim::Uninitialized",
}


class InlinedGraph:
    """A copy of what a module computes, with what its layers compute in it.

    Attributes:
        graph: The copy, to be changed at will.
    """

    def __init__(self, module: "torch.jit.ScriptModule") -> None:
        self._module = module
        self.graph, self._layers = _inlined(module, "", "forward")

    def layer_of(self, node: "torch.Node") -> tuple[str, str]:
        """Name and kind of the layer that *node* came from; empty for the model's own."""
        outputs = list(node.outputs())
        name = self._layers.get(outputs[0].unique(), "") if outputs else ""
        return name, kind_of(self._module, name) if name else ""

    def note(self, value: "torch.Value", layer: str) -> None:
        """Let *value*, which is new in the graph, belong to *layer*."""
        self._layers[value.unique()] = layer

    def nodes(self) -> "Iterator[torch.Node]":
        """All operations, those in branches and loops too."""
        return _nodes_in(self.graph)

    def runnable(self) -> "Forward":
        """A function that computes the graph; it takes the module, then what its forward takes."""
        import torch

        arguments = self._module._c._get_method("forward").schema.arguments[1:]  # noqa: SLF001 - torch offers nothing else, here and below
        run: Callable[..., Any] = torch._C._create_function_from_graph("forward", self.graph)  # noqa: SLF001

        def forward(called: "torch.jit.ScriptModule", *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
            # The graph knows no defaults.
            left = [
                kwargs.pop(argument.name, argument.default_value)
                for argument in arguments[len(args) :]
            ]
            if kwargs:
                raise TypeError(f"forward() has no argument {', '.join(kwargs)}")
            return run(called, *args, *left)

        return forward


def convert_constants(module: "torch.jit.ScriptModule", cast: "WeightCast") -> None:
    """Convert the constants in the methods of *module*, and its tensors that are no buffers.

    Tracing and freezing make constants of what the Python code computed or had as an attribute.
    The layers inside of *module* are not looked at.
    """
    weights = {name for name, _ in module.named_parameters(recurse=False)}
    weights |= {name for name, _ in module.named_buffers(recurse=False)}
    for name in module._c._method_names():  # noqa: SLF001
        graph = module._c._get_method(name).graph  # noqa: SLF001
        for node in graph.findAllNodes("prim::Constant"):
            _convert_constant(node, cast)
        itself = next(graph.inputs())
        for node in graph.findAllNodes("prim::GetAttr"):
            is_own = node.input().unique() == itself.unique()
            # Of other objects, such as a detector's box coder, torch can hand out none.
            if is_own and node.s("name") not in weights and _may_hold_tensors(node.output()):
                _convert_attribute(module, node.s("name"), cast)


def kind_of(module: "torch.nn.Module", name: str) -> str:
    """The class that layer *name* of *module* was made from."""
    return str(layer_at(module, name).original_name)


def is_computed(node: "torch.Node") -> bool:
    """Whether *node* is work of its layer, and no weight or constant."""
    return node.kind() not in _NOT_COMPUTED


def is_tensor(value: "torch.Value") -> bool:
    """Whether *value* is a single tensor."""
    return bool(value.type().kind() == "TensorType")


def _may_hold_tensors(value: "torch.Value") -> bool:
    """Whether *value* is a tensor, or a list, dict or tuple of them, if there is one."""
    kind = value.type()
    return kind.kind() != "ClassType" and "Tensor" in str(kind.annotation_str)


def path_of(value: "torch.Value", module: "torch.Value") -> str | None:
    """What *value* is called, seen from *module*; None when it is no attribute within it."""
    names: list[str] = []
    while value.unique() != module.unique():
        if value.node().kind() != "prim::GetAttr":
            return None
        names.append(value.node().s("name"))
        value = value.node().input()
    return ".".join(reversed(names))


def layer_at(module: "torch.nn.Module", name: str) -> Any:  # noqa: ANN401 - an attribute is anything
    """Layer *name* of *module*: what `get_submodule` gives, which TorchScript does not offer."""
    found: Any = module
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    return found


def _inlined(
    module: "torch.jit.ScriptModule", name: str, method: str
) -> "tuple[torch.Graph, dict[int, str]]":
    """The graph of a method of layer *name*, and for each value in it the layer that makes it."""
    graph = module._c._get_method(method).graph.copy()  # noqa: SLF001
    layers = {
        output.unique(): name
        for node in _nodes_in(graph)
        for output in node.outputs()
        if is_computed(node)
    }
    itself = next(graph.inputs())
    for node in list(_nodes_in(graph)):
        path = path_of(next(node.inputs()), itself) if node.kind() == "prim::CallMethod" else None
        called = None if path is None else layer_at(module, path)
        if is_scripted(called):  # and no other object with methods
            full_name = ".".join(filter(None, (name, path)))
            inner, inner_layers = _inlined(called, full_name, node.s("name"))
            _put_in_place(graph, node, inner, layers, inner_layers)
    return graph, layers


def _put_in_place(
    graph: "torch.Graph",
    call: "torch.Node",
    inner: "torch.Graph",
    layers: dict[int, str],
    inner_layers: dict[int, str],
) -> None:
    """Replace *call* by the operations of *inner*, and note their layers."""
    before = graph.create("prim::Constant", [], 0)
    before.insertBefore(call)
    graph.setInsertPoint(call)
    outputs = graph.insertGraph(inner, list(call.inputs()))
    copied = _nodes_between(before, call)
    for original, copy in zip(_nodes_in(inner), copied, strict=True):
        for value, new_value in zip(original.outputs(), copy.outputs(), strict=True):
            if value.unique() in inner_layers:
                layers[new_value.unique()] = inner_layers[value.unique()]
    for value, replacement in zip(call.outputs(), outputs, strict=True):
        value.replaceAllUsesWith(replacement)
    call.destroy()
    before.destroy()


def _nodes_in(block: Any) -> "Iterator[torch.Node]":  # noqa: ANN401 - a graph or a block of it
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes_in(inner)


def _nodes_between(first: "torch.Node", last: "torch.Node") -> "Iterator[torch.Node]":
    """The operations between two of the same block, those in branches and loops too."""
    within = False
    for node in first.owningBlock().nodes():
        if node == last:
            return
        if within:
            yield node
            for inner in node.blocks():
                yield from _nodes_in(inner)
        within = within or node == first


def _convert_constant(node: "torch.Node", cast: "WeightCast") -> None:
    if not node.hasAttribute("value") or node.kindOf("value") != "t":
        return
    tensor = node.t("value")
    # A single number takes on the format of what it is computed with.
    if tensor.dim() and is_castable(tensor):
        converted = cast(tensor, node.output().debugName())
        node.t_("value", converted)
        node.output().inferTypeFrom(converted)


def _convert_attribute(module: "torch.jit.ScriptModule", name: str, cast: "WeightCast") -> None:
    value = module._c.getattr(name)  # noqa: SLF001
    converted = cast_floats(value, cast.dtype)
    if converted is not value:
        module._c.setattr(name, converted)  # noqa: SLF001
