"""What each operation of a TorchScript model takes and gives."""

from typing import TYPE_CHECKING, Any

from ts_sdk.precision.scripted import is_computed, is_tensor
from ts_sdk.precision.scripted_keeping import current_graph
from ts_sdk.precision.watching import LayerCall, Look

if TYPE_CHECKING:
    import torch

    from ts_sdk.precision.structure import Forward

_WEIGHTS = {"prim::GetAttr", "prim::Constant"}


def watched_forward(module: "torch.jit.ScriptModule", look: Look) -> "Forward":
    """The forward of *module*, which calls *look* for each operation when all are done.

    Operations in branches and loops are not seen, what comes out of them is.
    """
    inlined = current_graph(module)
    operations = [
        node
        for node in inlined.graph.nodes()
        if is_computed(node) and any(map(is_tensor, node.outputs()))
    ]
    places: dict[int, int] = {}
    seen = []
    for node in operations:
        name, kind = inlined.layer_of(node)
        inputs = [_place(inlined.graph, value, places) for value in _tensors(node.inputs())]
        outputs = [_place(inlined.graph, value, places) for value in _tensors(node.outputs())]
        seen.append((name, kind or module.original_name, inputs, outputs))
    if places:
        inlined.graph.makeMultiOutputIntoTuple()
    run = inlined.runnable()

    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        answer = run(module, *args, **kwargs)
        values: tuple[Any, ...] = ()
        if places:
            answer, *values = answer
        for name, kind, inputs, outputs in seen:
            given = [values[place] for place in inputs]
            look(LayerCall(name, kind, given, [values[place] for place in outputs]))
        return answer

    return forward


def _tensors(values: Any) -> "list[torch.Value]":  # noqa: ANN401 - an iterator of torch's own
    return [value for value in values if is_tensor(value) and value.node().kind() not in _WEIGHTS]


def _place(graph: "torch.Graph", value: "torch.Value", places: dict[int, int]) -> int:
    """Where the graph returns *value* beside its own output; it is made to."""
    if value.unique() not in places:
        places[value.unique()] = len(places)
        graph.registerOutput(value)
    return places[value.unique()]
