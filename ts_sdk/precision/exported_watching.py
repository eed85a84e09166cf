"""What each operation of an exported graph takes and gives."""

import copy
from typing import TYPE_CHECKING

from torch import nn

from ts_sdk.precision.exported import layer_of
from ts_sdk.precision.watching import LayerCall, Look

if TYPE_CHECKING:
    from torch.fx import GraphModule, Node

    from ts_sdk.precision.structure import Forward

_WATCH = "_ts_sdk_watch"


def watched_forward(module: "GraphModule", look: Look) -> "Forward":
    """The forward of *module*, which calls *look* after each operation."""
    from torch.fx import GraphModule

    graph = copy.deepcopy(module.graph)
    watched = [node for node in graph.nodes if node.op == "call_function"]
    for position, node in enumerate(watched):
        with graph.inserting_after(node):
            graph.call_module(_WATCH, (position, list(node.all_input_nodes), node))
    probe = GraphModule(_with_watch(module, _Watch(watched, look)), graph)
    forward: Forward = probe.forward
    return forward


class _Watch(nn.Module):
    """Stands in a graph behind each operation."""

    def __init__(self, nodes: "list[Node]", look: Look) -> None:
        super().__init__()
        self._layers = [layer_of(node) for node in nodes]
        self._look = look

    def forward(self, position: int, inputs: object, output: object) -> None:
        name, kind = self._layers[position]
        self._look(LayerCall(name, kind, inputs, output))


def _with_watch(module: "GraphModule", watch: _Watch) -> nn.Module:
    """A module with all that *module* has, and *watch* beside it."""
    around = nn.Module()
    around.__dict__ |= {**module.__dict__, "_modules": {**module._modules, _WATCH: watch}}  # noqa: SLF001 - a second view of the same tensors
    return around
