"""The weights of exported programs and AOTInductor packages, read from their tables.

Format: ``torch/export/pt2_archive``; a JSON table names the file, type and shape of each tensor.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ts_sdk.comparison.weights.held import UnreadableWeightsError, Weights, gather
from ts_sdk.comparison.weights.zip_tensors import ZipTensors
from ts_sdk.formats import state_dict

_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
    28: torch.uint16,
    29: torch.float8_e4m3fn,
    30: torch.float8_e5m2,
    33: torch.float8_e8m0fnu,
    34: torch.uint32,
    35: torch.uint64,
}
"""Number in the table (`torch._export.serde.schema.ScalarType`) → torch's type."""
_FOLDERS = ("data/weights/", "data/constants/")
_TABLE = "_config.json"
_GRAPHS = "models/"
_OLD_WEIGHTS = "serialized_state_dict.pt"
_OLD_PROGRAM = "serialized_exported_program.json"


def read_program(path: Path) -> Weights:
    """The weights and constants of the program in *path*.

    Raises:
        UnreadableWeightsError: They are pickled, compiled in, or damaged.
    """
    with ZipTensors(path) as held:
        if _OLD_PROGRAM in held.names:
            return _read_old(held)
        tables = [
            (folder, name)
            for folder in _FOLDERS
            for name in held.names
            if name.startswith(folder) and name.endswith(_TABLE)
        ]
        if not tables:
            raise UnreadableWeightsError("its weights are compiled into it")
        try:
            tensors = {
                name: _tensor(held, folder, name, entry)
                for folder, table in tables
                for name, entry in json.loads(held.read(table))["config"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise UnreadableWeightsError(f"its table of weights is damaged ({error})") from error
        graphs = [name for name in held.names if name.startswith(_GRAPHS)]
        return Weights(tensors, parts=held.digests(graphs))


def _tensor(held: ZipTensors, folder: str, name: str, entry: Mapping[str, Any]) -> torch.Tensor:
    if entry["use_pickle"]:
        raise UnreadableWeightsError(f"{name} is pickled in it")
    meta = entry["tensor_meta"]
    dtype = _TYPES.get(meta["dtype"])
    if dtype is None:
        raise UnreadableWeightsError(f"the numbers of {name} are of an unknown type")
    shape, strides = ([size["as_int"] for size in meta[key]] for key in ("sizes", "strides"))
    file = f"{folder}{entry['path_name']}"
    return held.tensor(file, dtype, shape, strides, meta["storage_offset"]["as_int"])


def _read_old(held: ZipTensors) -> Weights:
    """Of a program that torch before 2.8 wrote: a pickle inside the zip."""
    if _OLD_WEIGHTS not in held.names:
        raise UnreadableWeightsError("it was written by a torch before 2.8, in another way")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, _OLD_WEIGHTS)
        with held.open(_OLD_WEIGHTS) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        found = gather(state_dict.load(path, torch.device("cpu"), trust_pickle=False))
    return Weights(found.tensors, parts=held.digests([_OLD_PROGRAM]))
