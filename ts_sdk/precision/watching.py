"""Looking at what each layer of a model takes and gives, whatever the model's form."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ts_sdk.precision.structure import INNER_FORWARD, Forward, inner_forward, is_form, is_scripted

if TYPE_CHECKING:
    from torch import nn
    from torch.fx import GraphModule


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer.

    Attributes:
        name: The layer's name, as `named_modules` gives it.
        kind: Its class.
        inputs: What it was given.
        output: What it returned.
    """

    name: str
    kind: str
    inputs: Any
    output: Any


Look = Callable[[LayerCall], None]
_logger = logging.getLogger(__name__)


@contextmanager
def watching(core: "nn.Module", look: Look) -> Iterator[None]:
    """Call *look* for each layer that this thread calls, an inner one before the outer one.

    A compiled form has no layers that are called. Of TorchScript, each operation counts as a call
    of the layer that it came from, but what is inside of branches and loops is not seen; of an
    exported graph likewise, and everything is seen. The model itself is not looked at.
    """
    thread = threading.get_ident()
    with ExitStack() as undoing:
        if is_form(core):
            undoing.enter_context(_watching_form(core, "", look, thread))
        else:
            layers = dict(core.named_modules())
            for name in layers:
                _watch_layer(layers, name, look, thread, undoing)
        yield


def _watch_layer(
    layers: "dict[str, nn.Module]", name: str, look: Look, thread: int, undoing: ExitStack
) -> None:
    layer = layers[name]
    if is_form(layer):
        if not is_form(layers[name.rpartition(".")[0]]):
            undoing.enter_context(_watching_form(layer, name, look, thread))
    elif name:
        hook = layer.register_forward_hook(_hook(name, look, thread), with_kwargs=True)
        undoing.callback(hook.remove)


def _hook(name: str, look: Look, thread: int) -> Callable[..., None]:
    def seen(layer: "nn.Module", *given: object) -> None:
        # Another thread may take its hooks away meanwhile; torch then forgets that this one wants
        # the named inputs, and gives the others and the output alone.
        *inputs, output = given
        if threading.get_ident() == thread:
            look(LayerCall(name, type(layer).__name__, inputs, output))

    return seen


@contextmanager
def _watching_form(form: "nn.Module", name: str, look: Look, thread: int) -> Iterator[None]:
    """Put a forward into *form* that looks at its operations when it is called by *thread*."""
    place = INNER_FORWARD if INNER_FORWARD in vars(form) else "forward"
    before = vars(form).get(place)
    plain = inner_forward(form)
    try:
        watched = _watched_forward(form, name, look)
    except (RuntimeError, ValueError) as error:  # TorchScript that does what is not known here
        _logger.debug("the layers of %s cannot be told apart: %s", name or "the model", error)
        watched = plain

    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        run = watched if threading.get_ident() == thread else plain
        return run(*args, **kwargs)

    setattr(form, place, forward if place == "forward" else lambda: forward)
    try:
        yield
    finally:
        if before is None:
            delattr(form, place)
        else:
            setattr(form, place, before)


def _watched_forward(form: "nn.Module", name: str, look: Look) -> Forward:
    def look_inside(call: LayerCall) -> None:
        full_name = ".".join(filter(None, (name, call.name)))
        look(LayerCall(full_name, call.kind, call.inputs, call.output))

    from ts_sdk.precision import exported_watching, scripted_watching

    if is_scripted(form):
        return scripted_watching.watched_forward(form, look_inside)
    return exported_watching.watched_forward(cast("GraphModule", form), look_inside)
