"""Layers of a TorchScript model that compute in float32 while the others do not."""

import weakref
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import PrecisionError
from ts_sdk.precision.scripted import InlinedGraph, is_computed, is_tensor, path_of
from ts_sdk.precision.structure import is_within

if TYPE_CHECKING:
    import torch

_MARK = "_ts_sdk_kept"
_INTO_CONTAINER = {
    "prim::ListConstruct",
    "prim::TupleConstruct",
    "prim::DictConstruct",
    "aten::append",
    "aten::_set_item",
    "prim::Return",
}

_CAST = """
def cast(x: Tensor):
    return x.to(torch.{}) if x.is_floating_point() else x
"""


def keep_layers(
    module: "torch.jit.ScriptModule", kept: tuple[str, ...], dtype: "torch.dtype"
) -> None:
    """Make layers *kept* compute in float32.

    Their operations get what comes from other layers, or out of a list, dict or tuple, as float32,
    and hand on as *dtype* what goes to other layers or into one of these.

    Args:
        module: A module whose weights are converted to *dtype*, without those of *kept*.
        kept: Names of layers; all that lies inside of one belongs to it.
        dtype: The format of everything else.

    Raises:
        PrecisionError: The model does what its layers cannot be taken out of.
    """
    setattr(module, _MARK, (kept, str(dtype).removeprefix("torch.")))
    try:
        run = current_graph(module).runnable()
    except (RuntimeError, ValueError) as error:
        raise PrecisionError(
            f"keep_float32: the layers of this TorchScript model cannot be told apart ({error}); "
            "use autocast, or pack the state dict with its model file"
        ) from error
    itself = weakref.ref(module)  # it would hold itself by its own forward

    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        return run(itself(), *args, **kwargs)

    module.forward = forward


def current_graph(module: "torch.jit.ScriptModule") -> InlinedGraph:
    """What *module* computes, with the casts around the layers that it keeps in float32."""
    inlined = InlinedGraph(module)
    kept, word = getattr(module, _MARK, ((), ""))
    if kept:
        surgery = _Surgery(inlined, kept, _cast_graph("float32"), _cast_graph(word))
        staying = [node for node in inlined.nodes() if surgery.stays(node)]
        for node in staying:
            surgery.raise_inputs(node)
        for node in staying:
            surgery.lower_outputs(node)
    return inlined


class _Surgery:
    """Puts casts between the operations that stay in float32 and the others."""

    def __init__(
        self, inlined: InlinedGraph, kept: tuple[str, ...], up: "torch.Graph", down: "torch.Graph"
    ) -> None:
        self._inlined = inlined
        self._graph = inlined.graph
        self._kept = kept
        self._up = up
        self._down = down

    def stays(self, node: "torch.Node") -> bool:
        return is_computed(node) and is_within(self._inlined.layer_of(node)[0], self._kept)

    def raise_inputs(self, node: "torch.Node") -> None:
        if _fills_container(node):
            return
        for position, value in enumerate(list(node.inputs())):
            if is_tensor(value) and not self._is_float32(value):
                self._graph.setInsertPoint(node)
                (raised,) = self._graph.insertGraph(self._up, [value])
                node.replaceInput(position, raised)

    def lower_outputs(self, node: "torch.Node") -> None:
        for value in list(node.outputs()):
            leaving = [use.user for use in value.uses() if not self._uses_float32(use.user)]
            if is_tensor(value) and leaving:
                _insert_after(self._graph, node)
                (lowered,) = self._graph.insertGraph(self._down, [value])
                self._inlined.note(lowered, self._inlined.layer_of(node)[0])
                for user in leaving:
                    user.replaceInputWith(value, lowered)

    def _is_float32(self, value: "torch.Value") -> bool:
        """Whether *value* comes from what stays, and not by way of something else."""
        maker = value.node()
        if maker.kind() == "prim::GetAttr":
            owner = path_of(maker.input(), next(self._graph.inputs()))
            return is_within(owner or "", self._kept)
        from_branch = bool(list(maker.blocks()))
        from_container = any(_may_hold_tensors(given) for given in maker.inputs())
        return self.stays(maker) and not from_branch and not from_container

    def _uses_float32(self, node: "torch.Node") -> bool:
        if node.kind() == "prim::ListConstruct":  # as for torch.cat
            return all(self._uses_float32(use.user) for use in node.output().uses())
        return not _fills_container(node) and self.stays(node)


def _fills_container(node: "torch.Node") -> bool:
    if node.kind() == "prim::CallMethod":  # of an object that is no layer
        return node.s("name") == "__init__"
    return node.kind() in _INTO_CONTAINER


def _may_hold_tensors(value: "torch.Value") -> bool:
    """Whether *value* is a list, a dict, a tuple or an object out of which tensors can come."""
    kind = value.type().kind()
    if kind in {"ListType", "DictType", "TupleType"}:
        return "Tensor" in str(value.type().annotation_str)
    return bool(kind == "ClassType")


def _insert_after(graph: "torch.Graph", node: "torch.Node") -> None:
    """Make *graph* insert what comes next behind *node*."""
    marker = graph.create("prim::Constant", [], 1)
    marker.insertAfter(node)
    graph.setInsertPoint(marker)


def _cast_graph(word: str) -> "torch.Graph":
    """A graph that casts a tensor to the format *word*, unless it holds integers."""
    import torch

    unit = torch.jit.CompilationUnit(_CAST.format(word))
    graph: torch.Graph = unit.cast.graph
    return graph
