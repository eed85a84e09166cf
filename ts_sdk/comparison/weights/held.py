"""What a file of weights holds, as it is compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class UnreadableWeightsError(Exception):
    """The tensors in a file cannot be read without running code, or not at all; it says why."""


@dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
        tensors: Its tensors by name, on the CPU; mapped, or read when they are asked for.
        values: What else it holds by name.
        parts: What there is beside the weights, such as code: name → digest.
    """

    tensors: "Mapping[str, torch.Tensor]"
    values: Mapping[str, object] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)


def gather(value: object, name: str = "") -> Weights:
    """The tensors, and the numbers and texts, that are nested in *value*, by their paths.

    Args:
        value: Mappings, lists and tuples, whatever is in them, and objects that have the attribute
            ``state``.
        name: The path of *value*.
    """
    tensors: dict[str, torch.Tensor] = {}
    values: dict[str, object] = {}
    _gather(value, name, tensors, values, ())
    return Weights(tensors, values)


def _gather(
    value: Any,  # noqa: ANN401 - a file holds anything
    name: str,
    tensors: "dict[str, torch.Tensor]",
    values: dict[str, object],
    above: tuple[int, ...],
) -> None:
    import torch

    value = getattr(value, "state", value) if isinstance(value, Stated) else value
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach()
    elif id(value) in above:
        values[name] = "itself"
    elif isinstance(value, Mapping | list | tuple):
        named = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, each in named:
            inner = f"{name}.{key}" if name else str(key)
            _gather(each, inner, tensors, values, (*above, id(value)))
    elif value is None or isinstance(value, bool | int | float | str):
        values[name] = value


class Stated:
    """Stands for an object of a class that is not imported: nothing but its state."""

    def __init__(self, *arguments: object) -> None:
        self.state: object = arguments

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __call__(self, *arguments: object) -> "Stated":
        """Another one, where the file says that the object is called."""
        return Stated(*arguments)
