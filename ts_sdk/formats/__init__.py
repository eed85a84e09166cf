"""The forms in which a model is serialized: one module for each, behind one call.

A form is recognised by the file's content, never by its suffix alone. Exported programs (`.pt2`),
AOTInductor packages and ONNX have their names here already, so that they are refused by name.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.errors import ModelFormatError
from ts_sdk.formats.kinds import Kind, kind_of

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Kind", "kind_of", "load_module"]


def load_module(
    path: Path | None,
    *,
    device: "torch.device",
    model_file: Path | None = None,
    trust_pickle: bool = False,
) -> "nn.Module":
    """The model in *path*, on *device*.

    Args:
        path: The serialized model; None builds *model_file*'s module with the weights of its
            own constructor.
        device: Where its tensors shall be; one saved on CUDA loads on the CPU too.
        model_file: Python file that defines the module whose state dict *path* holds.
        trust_pickle: Whether a pickle may import more than tensors, and so run any code.

    Raises:
        ModelFormatError: The file is no model, or not one that goes with *model_file*.
        UnsafeWeightsError: It is a pickle of more than weights and was not trusted.
    """
    from ts_sdk.formats import safetensors, state_dict, torchscript
    from ts_sdk.formats.module_file import build_module, fill_module

    if path is None:
        if model_file is None:
            raise ModelFormatError("there is neither a serialized model nor a model file")
        return build_module(model_file)
    kind = _loadable_kind(path)
    if kind is Kind.TORCHSCRIPT:
        return torchscript.load(path, device)
    if kind is Kind.SAFETENSORS:
        state = safetensors.load(path, device)
    else:
        loaded = state_dict.load(path, device, trust_pickle=trust_pickle)
        if not isinstance(loaded, dict):
            return state_dict.whole_module(loaded, path)
        state = loaded
    if model_file is None:
        raise ModelFormatError(
            f"{path.name} holds weights only ({kind.value}), and the archive names no model file; "
            "pack it with --model-file, the Python file that defines the module"
        )
    return fill_module(build_module(model_file, state.keys()), state, path)


def _loadable_kind(path: Path) -> Kind:
    try:
        kind = kind_of(path)
    except FileNotFoundError as error:
        raise ModelFormatError(f"the serialized model {path.name} is not in the archive") from error
    if kind in (Kind.EXPORTED_PROGRAM, Kind.ONNX, Kind.SHARED_LIBRARY):
        raise ModelFormatError(
            f"{path.name} is {kind.value}, which this release does not load; a state dict with its "
            "model file, safetensors or TorchScript works, or load it in the handler's initialize()"
        )
    if kind is Kind.UNKNOWN:
        raise ModelFormatError(
            f"{path.name} is no serialized model that is known here (state dict, safetensors or "
            "TorchScript): was it downloaded or copied whole?"
        )
    return kind
