"""The pickles that `torch.export.load` would read without asking, looked at before it does.

It reads the example inputs of a program, tensors of unusual classes and opaque objects with a full
unpickler, which can run any code. Here each of them is first read by one that knows weights only:
what that accepts names nothing dangerous, and is harmless to the other too.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.export.pt2_archive import PT2ArchiveReader

from ts_sdk.errors import UnsafeWeightsError
from ts_sdk.formats.pickle_names import unsafe_names

# Before torch 2.8, all of a program lay in one zip, and these members were pickles.
_OLD_PICKLES = (
    "serialized_state_dict.json",
    "serialized_state_dict.pt",
    "serialized_constants.json",
    "serialized_constants.pt",
    "serialized_example_inputs.pt",
)
_WEIGHTS, _CONSTANTS, _EXAMPLES = "data/weights/", "data/constants/", "data/sample_inputs/"
_OPAQUE = "opaque_obj_"
_OF_TORCHSCRIPT = "custom_obj_"


def refuse_pickles(path: Path) -> None:
    """Raise when reading the exported program in *path* could run code.

    Raises:
        UnsafeWeightsError: A pickle in it names more than weights; the message says what.
        Exception: The file is damaged.
    """
    for name, content in _pickles_in(path):
        if _is_harmless(name, content):
            continue
        names = unsafe_names(io.BytesIO(content))
        wants = f"wants to import {', '.join(names)}" if names else "is no pickle of weights"
        raise UnsafeWeightsError(
            f"{path.name}: the pickle {name} in it {wants}, so loading the program could run any "
            "code; export it again with tensors as its example inputs, or, if you trust whoever "
            "made the file, load it with trust_pickle=True (--trust-pickle)",
            names=names,
        )


def _is_harmless(name: str, content: bytes) -> bool:
    if not content:
        return True
    if _OPAQUE in name:  # a bare pickle, which weights never are
        return False
    try:
        torch.load(io.BytesIO(content), weights_only=True, map_location="meta")
    except Exception:  # noqa: BLE001 - damaged or unsafe: either way it is read no further
        return False
    return True


def _pickles_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each pickle; found as torch finds them, by its own reader."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for name in _OLD_PICKLES:
            if name in names:
                yield name, archive.read(name)
        if "serialized_exported_program.json" in names:
            return
    reader = PT2ArchiveReader(str(path))
    for name in reader.get_file_names():
        lower = name.lower()  # which is how the reader compares names
        if lower.startswith(_EXAMPLES) or (
            lower.startswith((_WEIGHTS, _CONSTANTS)) and lower.endswith(".pt")
        ):
            yield name, reader.read_bytes(name)
        for folder in (_WEIGHTS, _CONSTANTS):
            if lower.startswith(folder) and lower.endswith("_config.json"):
                for file in _pickled_files(json.loads(reader.read_bytes(name)), folder):
                    yield file, reader.read_bytes(file)


def _pickled_files(config: dict[str, dict[str, Any]], folder: str) -> Iterator[str]:
    for meta in config["config"].values():
        file = str(meta["path_name"])
        # Those of TorchScript's classes are read by an unpickler that knows tensors only.
        script = folder == _CONSTANTS and file.startswith(_OF_TORCHSCRIPT)
        if (meta["use_pickle"] and not script) or file.startswith(_OPAQUE):
            yield os.path.join(folder, file)  # noqa: PTH118 - as torch does
