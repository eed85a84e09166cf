"""Which forms of models cannot be loaded here, and why; nothing is imported to tell."""

import importlib.util
from dataclasses import dataclass

from ts_sdk.formats.kinds import Kind

ONNX_EXTRA = "pip install 'ts-sdk[onnx]', or for CUDA pip install onnxruntime-gpu"
OPENVINO_EXTRA = "pip install 'ts-sdk[openvino]'"


@dataclass(frozen=True)
class Refusal:
    """Why a file is not loaded.

    Attributes:
        reason: The rest of a sentence that begins with the file's name.
        advice: What to do.
    """

    reason: str
    advice: str


def refusal_of(kind: Kind, onnx_runtime: str = "onnxruntime") -> Refusal | None:
    """Why no file of that *kind* is loaded here; None when they are.

    Args:
        kind: What it is.
        onnx_runtime: What is to run it where it is ONNX.
    """
    if kind is Kind.UNKNOWN:
        return Refusal(
            "is no serialized model that is known here (state dict, safetensors, TorchScript, .pt2 "
            "or ONNX)",
            "was it downloaded or copied whole?",
        )
    if kind is not Kind.ONNX or onnx_runtime == "openvino":  # which says itself what is missing
        return None
    if importlib.util.find_spec("onnxruntime") is None:
        return Refusal("is an ONNX model, and onnxruntime is not installed", ONNX_EXTRA)
    return None
