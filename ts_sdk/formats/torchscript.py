"""TorchScript: deprecated in torch, and what most old archives hold."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.errors import ModelFormatError
from ts_sdk.formats.torch_zip import refuse_missing_numbers

if TYPE_CHECKING:
    import torch
    from torch import nn


def load(path: Path, device: "torch.device") -> "nn.Module":
    """The scripted or traced module in *path*, on *device*.

    Raises:
        ModelFormatError: The file is damaged, or needs operators that are not registered.
    """
    import torch

    refuse_missing_numbers(path)
    try:
        return _load(path, device)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file raises anything; it is raised below
        # torch tells unknown operators and damage apart only by its message. torchvision's
        # operators are what is missing most often, and registering them does no harm.
        try:
            import torchvision  # noqa: F401 - registers its operators

            return _load(path, device)
        except Exception:  # noqa: BLE001 - the first error is the one to be told
            raise ModelFormatError(
                f"{path.name} cannot be loaded as TorchScript by torch {torch.__version__}: "
                f"{str(error).strip()}"
            ) from error


def _load(path: Path, device: "torch.device") -> "nn.Module":
    import torch

    with warnings.catch_warnings():
        # The user did not choose the form today; the archive holds it.
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", message=".*torch.jit", category=category)
        module: nn.Module = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call] # torch has no types here
    return module
