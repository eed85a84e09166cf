"""Weights in safetensors: a JSON header and raw tensors, no pickle."""

from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.errors import ModelFormatError

if TYPE_CHECKING:
    import torch


def load(path: Path, device: "torch.device") -> dict[str, "torch.Tensor"]:
    """The tensors in *path*, mapped from the file on the CPU.

    Raises:
        ModelFormatError: The file is truncated or lies about its tensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(path, device=str(device))
    except SafetensorError as error:
        raise ModelFormatError(
            f"{path.name} is not a whole safetensors file ({error}): save or copy it again"
        ) from error
    return tensors
