"""Writing a module's weights as safetensors."""

from pathlib import Path

import torch
from torch import nn

from ts_sdk.errors import ConversionError


def write_safetensors(module: nn.Module, path: Path) -> None:
    """Write the weights of *module*, each of them once.

    Raises:
        ConversionError: It has a state that is no tensor.
    """
    from safetensors.torch import save_file

    state = module.state_dict()
    others = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise ConversionError(
            f"the model's state holds more than tensors ({', '.join(others)}), which safetensors "
            "cannot; torchscript, pt2, aoti and onnx may"
        )
    kept: dict[tuple[object, ...], str] = {}
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        # A weight with two names is written under the first; the model file ties them again.
        if not tensor.numel() or kept.setdefault(place, name) == name:
            tensors[name] = tensor.detach().cpu().contiguous().clone()
    save_file(tensors, path, metadata={"format": "pt"})
