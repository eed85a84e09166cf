"""What `torch.save` writes: a pickle, read as weights only unless it is trusted."""

import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.blame import describe
from ts_sdk.errors import ModelFormatError, UnsafeWeightsError
from ts_sdk.formats.pickle_names import unsafe_names
from ts_sdk.formats.torch_zip import refuse_missing_numbers

if TYPE_CHECKING:
    import torch
    from torch import nn


def load(path: Path, device: "torch.device", *, trust_pickle: bool) -> Any:  # noqa: ANN401 - a pickle holds anything
    """What *path* holds, its tensors mapped from the file.

    Raises:
        UnsafeWeightsError: The pickle names more than tensors and *trust_pickle* is off.
        ModelFormatError: The file is damaged, or what it names cannot be imported.
    """
    import torch

    is_zip = zipfile.is_zipfile(path)
    if is_zip:
        refuse_missing_numbers(path)
    try:
        return torch.load(
            path,
            map_location=device,
            mmap=is_zip,  # the format before torch 1.6 cannot be mapped
            weights_only=not trust_pickle,
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a damaged pickle raises anything
        if isinstance(error, pickle.UnpicklingError) and not trust_pickle:
            _refuse_unsafe(path, error)
        if trust_pickle and isinstance(error, AttributeError | ImportError):
            raise ModelFormatError(
                f"{path.name} cannot be unpickled: {describe(error)}; the classes that it was "
                "pickled with must be in the archive, in modules of the same names; better save "
                "model.state_dict() and pack a model file"
            ) from error
        raise ModelFormatError(
            f"{path.name} is damaged or was not written by torch.save: save or copy it again"
        ) from error


def whole_module(loaded: object, path: Path) -> "nn.Module":
    """*loaded* if it is a module that was pickled whole."""
    from torch import nn

    if isinstance(loaded, nn.Module):
        return loaded
    raise ModelFormatError(
        f"{path.name} holds a {type(loaded).__name__}, neither a state dict nor a module; "
        "save model.state_dict()"
    )


def _refuse_unsafe(path: Path, error: pickle.UnpicklingError) -> None:
    """Raise when it was not damage that kept the pickle from being read."""
    with path.open("rb") as file:
        names = unsafe_names(file)
    if names:
        raise UnsafeWeightsError(
            f"{path.name} is a pickle that wants to import {', '.join(names)}, so loading it could "
            "run any code; save the state dict alone (torch.save(model.state_dict(), ...)), or, if "
            "you trust whoever made the file, load it with trust_pickle=True (--trust-pickle)",
            names=names,
        ) from error
