"""A serialized model read once more, in float32, where the one that answers was converted."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ts_sdk.formats import load_module
from ts_sdk.precision.structure import core_of

if TYPE_CHECKING:
    from collections.abc import Callable


def rereading(context: Any) -> "Callable[[nn.Module], nn.Module | None]":  # noqa: ANN401 - ours, or that of another server
    """What reads the archive's model again.

    Args:
        context: That of the handler, or of one of its batches.

    Returns:
        Gives for the module that answers the one that it was converted from; None where the archive
        names no file, or the file holds another model than the handler has made of it.
    """
    properties = getattr(context, "system_properties", {})
    named = (getattr(context, "manifest", None) or {}).get("model", {}).get("serializedFile")
    trust_pickle = bool(properties.get("trust_pickle"))

    def read(answering: nn.Module) -> nn.Module | None:
        path = Path(properties.get("model_dir", "")) / (named or "")
        if not named or not path.is_file():
            return None
        tensors = core_of(answering).state_dict().values()
        device = next((each.device for each in tensors), torch.device(_device_in(properties)))
        found = load_module(path, device=device, trust_pickle=trust_pickle).eval()
        return found if _is_same(answering, found) else None

    return read


def _device_in(properties: Any) -> str:  # noqa: ANN401 - as above
    return str(properties.get("device") or "cpu")


def _is_same(answering: nn.Module, read: nn.Module) -> bool:
    """Whether *answering* is *read* in another precision, and not something made of it."""
    if type(answering) is not type(read):
        return False
    theirs, ours = core_of(answering).state_dict(), core_of(read).state_dict()
    return theirs.keys() == ours.keys() and all(
        torch.equal(ours[name].to(value.dtype), value) for name, value in theirs.items()
    )
