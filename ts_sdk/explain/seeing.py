"""What methods that watch layers can see of a model, and what they cannot."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.methods import Method
from ts_sdk.explain.subject import Subject

_PLACES = 4


class Whole(nn.Module):
    """A subject as a module, which Captum's methods put their hooks into."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.inside = subject.module
        self._subject = subject

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The score of each row."""
        return self._subject.scores(*inputs)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep back what Captum says each time about the hooks that it sets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting .*(hook|gradient)")
        yield


def refuse_unseen_relus(subject: Subject) -> None:
    """Raise where guided backpropagation would not see each activation of the model.

    It sees modules of the class `torch.nn.ReLU`, and nothing else.

    Raises:
        ExplanationError: There are others, or none.
    """
    modules = [each for each in subject.module.modules() if type(each) is nn.ReLU]
    called: list[object] = []
    hooks = [each.register_forward_hook(lambda *_: called.append(1)) for each in modules]
    counter = _Activations()  # type: ignore[no-untyped-call] # torch has no types here
    try:
        with torch.no_grad(), counter:
            subject.outputs(subject.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if counter.count == len(called) and called:
        return
    why = "it has no nn.ReLU" if not called else "some of its activations are not modules nn.ReLU"
    raise ExplanationError(
        f"guided_backprop is wrong for this model: {why}, and the method sees no others; take "
        "integrated_gradients or saliency",
        alternative=Method.INTEGRATED_GRADIENTS,
    )


_ACTIVATIONS = {
    f"aten::{name}{suffix}"
    for name in ("relu", "relu6", "hardtanh", "leaky_relu", "gelu", "silu", "elu", "hardswish")
    for suffix in ("", "_")
} | {"aten::clamp", "aten::clamp_min", "aten::clamp_", "aten::clamp_min_"}


class _Activations(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types here
    """Counts the activations that run."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 - torch's signature
        if func.name().partition(".")[0] in _ACTIVATIONS:
            self.count += 1
        return func(*args, **(kwargs or {}))


def layer_of_places(subject: Subject, name: str | None) -> nn.Module:
    """The layer for Grad-CAM: the one of that *name*, else the last convolution that ran.

    Raises:
        ExplanationError: There is none.
    """
    if name is not None:
        layers: dict[str, nn.Module] = dict(subject.module.named_modules())
        if name not in layers:
            some = ", ".join(list(layers)[1:8])
            raise ExplanationError(f"the model has no layer {name!r}; it has {some}, …")
        return layers[name]
    ran: list[nn.Module] = []

    def note(layer: nn.Module, _: Any, output: Any) -> None:  # noqa: ANN401 - as torch calls it
        if isinstance(output, torch.Tensor) and output.ndim == _PLACES and output.shape[-1] > 1:
            ran.append(layer)

    convolutions = [each for each in subject.module.modules() if isinstance(each, nn.Conv2d)]
    hooks = [each.register_forward_hook(note) for each in convolutions]
    try:
        with torch.no_grad():
            subject.outputs(subject.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not ran or subject.inputs[0].ndim != _PLACES:
        raise ExplanationError(
            "grad_cam needs a layer nn.Conv2d with places in it, and this model runs none: take "
            "integrated_gradients",
            alternative=Method.INTEGRATED_GRADIENTS,
        )
    return ran[-1]
