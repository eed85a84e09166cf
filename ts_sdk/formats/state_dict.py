"""What `torch.save` writes: a pickle, read as weights only unless it is trusted."""

import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.blame import describe
from ts_sdk.errors import ModelFormatError, UnsafeWeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

_PICKLES_IN_OLD_FORMAT = 4
_HARMLESS_PREFIXES = ("collections.OrderedDict", "torch._utils._rebuild_")


def load(path: Path, device: "torch.device", *, trust_pickle: bool) -> Any:  # noqa: ANN401 - a pickle holds anything
    """What *path* holds, its tensors mapped from the file.

    Raises:
        UnsafeWeightsError: The pickle names more than tensors and *trust_pickle* is off.
        ModelFormatError: The file is damaged, or what it names cannot be imported.
    """
    import torch

    try:
        return torch.load(
            path,
            map_location=device,
            mmap=zipfile.is_zipfile(path),  # the format before torch 1.6 cannot be mapped
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
    names = _unsafe_names(path)
    if names:
        raise UnsafeWeightsError(
            f"{path.name} is a pickle that wants to import {', '.join(names)}, so loading it could "
            "run any code; save the state dict alone (torch.save(model.state_dict(), ...)), or, if "
            "you trust whoever made the file, load it with trust_pickle=True (--trust-pickle)",
            names=names,
        ) from error


def _unsafe_names(path: Path) -> tuple[str, ...]:
    """What the pickle imports besides tensors, as ``module.name``; nothing is run."""
    import torch

    try:
        if zipfile.is_zipfile(path):
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        else:
            names = _names_in_old_format(path)
    except Exception:  # noqa: BLE001 - damaged: there is nothing to be told from it
        return ()
    return tuple(sorted(names))


def _names_in_old_format(path: Path) -> list[str]:
    """What a file of the format before torch 1.6 imports: several pickles, then raw numbers."""
    names = set()
    strings: list[str] = []
    with path.open("rb") as file:
        for _ in range(_PICKLES_IN_OLD_FORMAT):
            for operation, argument, _position in pickletools.genops(file):
                if operation.name == "GLOBAL":
                    names.add(str(argument).replace(" ", "."))
                elif operation.name == "STACK_GLOBAL":
                    names.add(".".join(strings[-2:]))
                elif isinstance(argument, str):
                    strings.append(argument)
    return [
        name
        for name in names
        if not name.startswith(_HARMLESS_PREFIXES)
        and not (name.startswith("torch.") and name.endswith("Storage"))
    ]
