"""The forms in which a model is serialized: one module for each, behind one call.

Whatever the form, the model is a `torch.nn.Module` that is called as `model(x)`, with tensors,
lists, tuples and dicts. What a form cannot do (move to another device, change its precision, give
gradients) raises an error that names forms that can. A form is recognised by the file's content,
never by its suffix alone; its library is imported when the first file of it is loaded.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.errors import ConfigError, ModelFormatError
from ts_sdk.formats.kinds import Kind, kind_of
from ts_sdk.formats.refusal import Refusal, refusal_of

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Kind", "Refusal", "kind_of", "load_module", "refusal_of"]

_WEIGHTS_ONLY = (Kind.STATE_DICT, Kind.SAFETENSORS)


def load_module(
    path: Path | None,
    *,
    device: "torch.device",
    model_file: Path | None = None,
    trust_pickle: bool = False,
    mapped: memoryview | None = None,
    onnx_runtime: str = "onnxruntime",
) -> "nn.Module":
    """The model in *path*, on *device*.

    Args:
        path: The serialized model; None builds *model_file*'s module with the weights of its
            own constructor.
        device: Where its tensors shall be; one saved on CUDA loads on the CPU too.
        model_file: Python file that defines the module whose state dict *path* holds.
        trust_pickle: Whether a pickle may import more than tensors, and so run any code.
        mapped: The content of *path* where it lies in an archive, safetensors; the module's weights
            are then this memory itself, and no file is read.
        onnx_runtime: What runs it where it is ONNX: ``onnxruntime`` or ``openvino``.

    Raises:
        ModelFormatError: The file is no model, or not one that goes with *model_file*.
        UnsafeWeightsError: It is a pickle of more than weights and was not trusted.
        ConfigError: There is no such runtime.
        LoadError: The library that the form needs is not installed.
        DeviceUnavailableError: The model is of a form that does not run on *device*.
    """
    if path is None:
        if model_file is None:
            raise ModelFormatError("there is neither a serialized model nor a model file")
        from ts_sdk.formats.module_file import build_module

        return build_module(model_file)
    kind = Kind.SAFETENSORS if mapped is not None else _known_kind(path, onnx_runtime)
    if kind is Kind.ONNX:
        return _load_onnx(path, device, onnx_runtime)
    if kind not in _WEIGHTS_ONLY:
        return _load_whole(kind, path, device, trust_pickle=trust_pickle)
    return _load_weights(kind, path, device, model_file, mapped, trust_pickle=trust_pickle)


def _load_whole(
    kind: Kind, path: Path, device: "torch.device", *, trust_pickle: bool
) -> "nn.Module":
    """A model of a form that holds its code too."""
    match kind:
        case Kind.TORCHSCRIPT:
            from ts_sdk.formats import torchscript

            return torchscript.load(path, device)
        case Kind.EXPORTED_PROGRAM:
            from ts_sdk.formats import exported_program

            return exported_program.load(path, device, trust_pickle=trust_pickle)
        case Kind.AOTINDUCTOR:
            from ts_sdk.formats import aotinductor

            return aotinductor.load(path, device)
    from ts_sdk.formats import aotinductor

    return aotinductor.load_library(path, device)


def _load_onnx(path: Path, device: "torch.device", runtime: str) -> "nn.Module":
    match runtime:
        case "onnxruntime":
            from ts_sdk.formats import onnx

            return onnx.load(path, device)
        case "openvino":
            from ts_sdk.formats import openvino

            return openvino.load(path, device)
    raise ConfigError(f"handler: onnx_runtime must be onnxruntime or openvino, not {runtime!r}")


def _load_weights(
    kind: Kind,
    path: Path,
    device: "torch.device",
    model_file: Path | None,
    mapped: memoryview | None,
    *,
    trust_pickle: bool,
) -> "nn.Module":
    """The module that *model_file* defines, with the weights in *path*."""
    from ts_sdk.formats import safetensors, state_dict
    from ts_sdk.formats.module_file import build_module, fill_module

    if kind is Kind.STATE_DICT:
        state = state_dict.load(path, device, trust_pickle=trust_pickle)
        if not isinstance(state, dict):
            return state_dict.whole_module(state, path)
    elif mapped is not None:
        state = safetensors.tensors_in(mapped, path.name, device)
    else:
        state = safetensors.load(path, device)
    if model_file is None:
        raise ModelFormatError(
            f"{path.name} holds weights only ({kind.value}), and the archive names no model file; "
            "pack it with --model-file, the Python file that defines the module"
        )
    module = build_module(model_file, state.keys())
    return fill_module(module, state, path, adopt=mapped is not None)


def _known_kind(path: Path, onnx_runtime: str) -> Kind:
    try:
        kind = kind_of(path)
    except FileNotFoundError as error:
        raise ModelFormatError(f"the serialized model {path.name} is not in the archive") from error
    refusal = refusal_of(kind, onnx_runtime)
    if refusal is not None:
        raise ModelFormatError(f"{path.name} {refusal.reason}: {refusal.advice}")
    return kind
