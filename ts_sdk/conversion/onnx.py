"""Writing an exported graph as an ONNX model."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

from ts_sdk.errors import ConversionError
from ts_sdk.formats.onnx_graph import GIVES_KEY, TAKES_KEY

if TYPE_CHECKING:
    from torch.export import ExportedProgram

# ONNX files are protocol buffers, which end at 2 GiB; larger weights go into a file beside it.
_MOST_INSIDE_BYTES = 1_900_000_000


def write_onnx(program: "ExportedProgram", path: Path) -> None:
    """Write *program* as ONNX; weights that are too large for the file go into one beside it.

    Raises:
        ConversionError: onnxscript is not installed, or an operation has no equal in ONNX.
    """
    try:
        import onnxscript  # noqa: F401 - torch imports it, and says less when it is missing
    except ImportError as error:
        raise ConversionError(
            f"converting to ONNX needs onnxscript, which cannot be imported ({error}): "
            "pip install 'ts-sdk[onnx-export]'"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's and onnxscript's own doings
            written: Any = torch.onnx.export(program, dynamo=True, verbose=False)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ConversionError(
            f"torch.onnx cannot express the model: {' '.join(lines[:3])}; pt2, aoti, torchscript "
            "and safetensors may"
        ) from error
    takes, gives = program.call_spec.in_spec, program.call_spec.out_spec
    if len(written.model.graph.outputs) != gives.num_leaves:
        raise ConversionError(
            "the model gives back values that are no tensors, which ONNX cannot; pt2, torchscript "
            "and safetensors can"
        )
    written.model.metadata_props[TAKES_KEY] = pytree.treespec_dumps(takes)
    written.model.metadata_props[GIVES_KEY] = pytree.treespec_dumps(gives)
    weights = sum(tensor.nbytes for tensor in program.state_dict.values())
    written.save(str(path), external_data=weights > _MOST_INSIDE_BYTES)
