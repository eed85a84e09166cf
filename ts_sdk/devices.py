"""Device words (``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``) and what they stand for."""

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import DeviceUnavailableError

if TYPE_CHECKING:
    import torch

WORDS = "auto, cpu, cuda, cuda:N or mps"
_WORD = re.compile(r"auto|cpu(:0)?|mps(:0)?|cuda(:\d+)?")
_ONLY_IN_CONFIGS = frozenset({"gpu", "neuron"})
_logger = logging.getLogger(__name__)


def checked_word(word: "str | torch.device") -> str:
    """*word* in lower case, whether its device is there or not.

    Raises:
        DeviceUnavailableError: The word means nothing.
    """
    name = str(word).strip().lower()
    if not _WORD.fullmatch(name):
        raise DeviceUnavailableError(f"unknown device {word!r}: use {WORDS}", device=str(word))
    return name


def is_device_type(value: object) -> bool:
    """Whether *value* means something as `deviceType`: a word of TorchServe's, or of ours."""
    word = value.lower() if isinstance(value, str) else ""
    return word in _ONLY_IN_CONFIGS or _WORD.fullmatch(word) is not None


def resolve_device(word: "str | torch.device") -> "torch.device":
    """The device that *word* stands for, checked to be there.

    Args:
        word: ``auto`` takes CUDA when there is a device, else Apple's MPS, else the CPU;
            ``cuda`` is ``cuda:0``.

    Raises:
        DeviceUnavailableError: The word means nothing, or its device is not there.
    """
    import torch

    name = checked_word(word)
    if name == "auto":
        name = _best_there_is()
    if name.startswith("mps") and not torch.backends.mps.is_available():
        raise DeviceUnavailableError(
            f"device {name!r} is not available: it needs an Apple GPU and a torch built for it; "
            "use device='cpu' to run on the CPU",
            device=name,
        )
    if name.startswith("cuda"):
        return _cuda_device(name)
    return torch.device(name.removesuffix(":0"))


def device_name(word: str | None, device_type: str | None, device_ids: list[int] | None) -> str:
    """The device that a model is for, as ``cpu``, ``mps`` or ``cuda:0``; of the CPU without torch.

    Args:
        word: What the caller asks for, as for `resolve_device`; None leaves it to the config.
        device_type: As for `device_wished`.
        device_ids: As for `device_wished`.

    Raises:
        DeviceUnavailableError: *word* means nothing, or its device is not there.
    """
    if word is not None:
        asked = checked_word(word).removesuffix(":0")
        return asked if asked == "cpu" else str(resolve_device(word))
    if (device_type or "").lower() == "cpu":
        return "cpu"
    return str(device_wished(device_type, device_ids))


def device_wished(device_type: str | None, device_ids: list[int] | None) -> "torch.device":
    """The device for an archive whose `model-config.yaml` asks for *device_type*.

    An archive made for a GPU machine still loads elsewhere, with a logged warning: only a device
    that the caller named must be there.

    Args:
        device_type: `deviceType` of the config: ``cpu``, ``gpu``, ``mps``, ``neuron`` or None.
        device_ids: `deviceIds` of the config; the first is taken where the model goes to CUDA.
    """
    kind = (device_type or "auto").lower()
    if kind == "gpu" or (kind == "auto" and device_ids and _best_there_is() == "cuda"):
        kind = "cuda"
    word = f"cuda:{device_ids[0]}" if kind == "cuda" and device_ids else kind
    try:
        return resolve_device(word)
    except DeviceUnavailableError as error:
        fallback = resolve_device("auto")
        _logger.warning(
            "model-config.yaml asks for %s, running on %s: %s",
            word,
            fallback,
            error,
        )
        return fallback


def device_of(properties: Mapping[str, Any]) -> "torch.device":
    """The device that the context gives; under the old server there is only ``gpu_id``."""
    import torch

    named = properties.get("device")
    if named is not None:
        return torch.device(named)
    gpu_id = properties.get("gpu_id")
    if gpu_id is None:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", int(gpu_id))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _best_there_is() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cuda_device(name: str) -> "torch.device":
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise DeviceUnavailableError(
            f"device {name!r} is not available: torch {torch.__version__} sees no CUDA device; "
            "check nvidia-smi and that torch is a CUDA build, or use device='cpu'",
            device=name,
        )
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        raise DeviceUnavailableError(
            f"device {name!r} is not available: the CUDA devices that torch sees are "
            f"{', '.join(f'cuda:{number}' for number in range(count))}",
            device=name,
        )
    return torch.device("cuda", index)
