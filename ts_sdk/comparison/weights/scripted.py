"""The weights of TorchScript, read without starting it: what its module has as attributes.

`torch.jit.load` would run what the module does when it is unpickled. Here each class in its pickle
becomes an inert stand-in, and no name that it asks for is imported.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ts_sdk.comparison.weights.held import Stated, UnreadableWeightsError, Weights, gather
from ts_sdk.comparison.weights.zip_tensors import ZipTensors

_STORAGES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "QInt32Storage": torch.int32,
    "QInt8Storage": torch.int8,
    "QUInt8Storage": torch.uint8,
    "ShortStorage": torch.int16,
}
_REBUILT = frozenset({"_rebuild_tensor_v2", "_rebuild_tensor", "_rebuild_qtensor"})
_CODE = "code/"
_CONSTANTS = "CONSTANTS"
"""What TorchScript's code calls the numbers that stand in it."""


def read_torchscript(path: Path) -> Weights:
    """The attributes of the scripted or traced module in *path*, submodules' among them.

    Raises:
        UnreadableWeightsError: The file is damaged, or a tensor in it is of an unknown kind.
    """
    with ZipTensors(path) as held:
        module = gather(_unpickled(held, "data"))
        tensors = dict(module.tensors)
        if "constants.pkl" in held.names:
            tensors |= gather(_unpickled(held, "constants"), _CONSTANTS).tensors
        code = [name for name in held.names if name.startswith(_CODE) and name.endswith(".py")]
        return replace(module, tensors=tensors, parts=held.digests(code))


def _unpickled(held: ZipTensors, folder: str) -> object:
    try:
        return _Unpickler(held, folder).load()
    except UnreadableWeightsError:
        raise
    except Exception as error:  # a damaged pickle raises anything
        raise UnreadableWeightsError(f"its {folder}.pkl is damaged ({error})") from error


class _Unpickler(pickle.Unpickler):
    """Reads one of the pickles, and imports nothing."""

    def __init__(self, held: ZipTensors, folder: str) -> None:
        super().__init__(io.BytesIO(held.read(f"{folder}.pkl")))
        self._held = held
        self._folder = folder

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's signature
        """What stands for a name that the pickle asks for."""
        if module == "torch._utils" and name in _REBUILT:
            return self._tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if module == "torch.jit._pickle":  # they say of what type the list or the value is
            return _first
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        return _stand_in(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Callable[..., torch.Tensor]:  # noqa: ANN401 - pickle's signature
        """The storage that a tensor's description names."""
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise UnreadableWeightsError(f"its {self._folder}.pkl has numbers of an unknown kind")

        def tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> torch.Tensor:
            return self._held.tensor(f"{self._folder}/{key}", dtype, shape, strides, offset)

        return tensor

    def _tensor(
        self,
        storage: Callable[..., torch.Tensor],
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_: object,
    ) -> torch.Tensor:
        return storage(offset, shape, strides)


def _first(value: object, *_: object) -> object:
    return value


def _stand_in(full_name: str) -> type[Stated]:
    return type(full_name.rpartition(".")[2], (Stated,), {})
