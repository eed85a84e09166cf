"""The weights of an ONNX model: its initializers."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ts_sdk.comparison.weights.held import UnreadableWeightsError, Weights

if TYPE_CHECKING:
    from types import ModuleType


def read_onnx(path: Path) -> Weights:
    """The initializers of the model in *path*; each is converted when it is asked for.

    Raises:
        UnreadableWeightsError: onnx is not installed, the file is damaged, or its weights lie in
            another file.
    """
    onnx = _import_onnx()
    try:
        model: Any = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # a damaged file raises anything
        raise UnreadableWeightsError(f"it is no ONNX model that onnx can read ({error})") from error
    graph = model.graph
    if any(each.external_data for each in graph.initializer):
        raise UnreadableWeightsError("its weights lie in a file beside it")
    texts = onnx.TensorProto.STRING
    held = {each.name: each for each in graph.initializer if each.data_type != texts}
    return Weights(_Initializers(onnx, held), parts={"the graph": _digest(graph)})


class _Initializers(Mapping[str, torch.Tensor]):
    """Name → tensor, made of what ONNX holds when it is looked up."""

    def __init__(self, onnx: "ModuleType", held: dict[str, Any]) -> None:
        self._to_array = onnx.numpy_helper.to_array
        self._held = held

    def __getitem__(self, name: str) -> torch.Tensor:
        try:
            array = np.array(self._to_array(self._held[name]))
        except Exception as error:  # as above
            raise UnreadableWeightsError(f"the tensor {name} is damaged ({error})") from error
        if array.dtype.isbuiltin == 1:
            return torch.from_numpy(array)
        # Formats that numpy itself lacks, such as bfloat16, have torch's names.
        bits = torch.from_numpy(array.reshape(-1).view(f"uint{8 * array.dtype.itemsize}"))
        return bits.view(getattr(torch, array.dtype.name)).reshape(array.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def _digest(graph: Any) -> str:  # noqa: ANN401 - onnx has no types
    digest = hashlib.sha256()
    for each in (*graph.input, *graph.output, *graph.node):
        digest.update(each.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _import_onnx() -> "ModuleType":
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise UnreadableWeightsError(
            f"reading it needs onnx, which cannot be imported ({error}): pip install onnx"
        ) from error
    module: ModuleType = onnx
    return module
