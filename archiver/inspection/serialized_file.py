"""What a serialized model is, told by its bytes: nothing of it is loaded or unpickled.

Formats: https://github.com/huggingface/safetensors#format for safetensors; PyTorch's zips are
told by the names that they hold.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from archiver.first_bytes import is_onnx, is_pickle, is_safetensors
from archiver.inspection.ends import seekable_ends
from archiver.inspection.pickle_imports import MOST_BYTES, imports_in_zip, imports_of
from archiver.inspection.weights_only import is_allowed
from archiver.text import HEAD_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

SerializedForm = Literal[
    "torch zip",
    "torchscript",
    "exported program",
    "aotinductor package",
    "safetensors",
    "onnx",
    "pickle",
    "shared library",
    "zip",
    "unknown",
]

# What the safetensors library itself accepts is 100 MB; a header of that size is no real model's.
_MOST_HEADER_BYTES = 32 << 20
# Libraries of Linux, macOS (of one and of several processors) and Windows.
_LIBRARY_STARTS = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ")
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class SerializedFile:
    """A member that holds tensors or pickles.

    Attributes:
        name: The member.
        form: What it is; ``"torch zip"`` is what `torch.save` writes, ``"pickle"`` what it wrote
            before PyTorch 1.6 and what other libraries write.
        tensors: How many tensors it has, where the form tells without loading; in PyTorch's zips
            those that share their memory are one.
        parameters: How many numbers they have together, where the form tells.
        dtypes: How many tensors there are of each type, where the form tells.
        pickles: The pickles that it holds, by their names inside it; ``""`` stands for all of it.
        imports: What the pickles import, as ``module.name``; None where nobody
            asked, or nothing tells.
        problem: What is wrong with it, or None.
    """

    name: str
    form: SerializedForm
    tensors: int | None = None
    parameters: int | None = None
    dtypes: Mapping[str, int] = field(default_factory=dict)
    pickles: tuple[str, ...] = ()
    imports: tuple[str, ...] | None = None
    problem: str | None = None

    @property
    def more_than_weights(self) -> tuple[str, ...]:
        """What the pickles import that `torch.load` refuses with ``weights_only=True``."""
        return tuple(name for name in self.imports or () if not is_allowed(name))


def look_at(
    name: str, stream: BinaryIO, size: int, *, with_imports: bool = False
) -> SerializedFile | None:
    """Tell what a member is, or return None when it holds neither tensors nor pickles.

    Args:
        name: Its name.
        stream: Its bytes, from the first one on.
        size: How many there are.
        with_imports: Whether to tell what its pickles import, which takes a while.
    """
    head = stream.read(HEAD_SIZE)
    if head.startswith(b"PK\3\4"):
        return _look_at_zip(name, seekable_ends(head, stream, size), with_imports=with_imports)
    if is_safetensors(head):
        return _look_at_safetensors(name, head, stream)
    if is_pickle(head):
        imports = imports_of(head + stream.read(MOST_BYTES)) if with_imports else None
        return SerializedFile(name, "pickle", pickles=("",), imports=_sorted(imports))
    if is_onnx(head):
        return SerializedFile(name, "onnx")
    if head.startswith(_LIBRARY_STARTS):
        return SerializedFile(name, "shared library")
    return None


def _look_at_zip(name: str, file: BinaryIO, *, with_imports: bool) -> SerializedFile:
    """Tell PyTorch's zips apart by the names in their directory."""
    try:
        with zipfile.ZipFile(file) as archive:
            return _look_inside(name, archive, with_imports=with_imports)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
        return SerializedFile(name, "zip", problem=f"it cannot be read as a zip: {error}")


def _look_inside(name: str, archive: zipfile.ZipFile, *, with_imports: bool) -> SerializedFile:
    names = archive.namelist()
    # All of them keep their files in one folder, except exported programs of PyTorch before 2.8.
    inside = [each.partition("/")[2] or each for each in names]
    form = _zip_form(inside)
    # TorchScript's pickles are read by an unpickler that knows tensors only, and runs nothing.
    pickles = [] if form == "torchscript" else [n for n in names if n.endswith(_PICKLE_SUFFIXES)]
    tensors = None
    if form in {"torch zip", "torchscript"}:
        tensors = sum(each.startswith("data/") for each in inside)
    return SerializedFile(
        name,
        form,
        tensors=tensors,
        pickles=tuple(pickles),
        imports=_sorted(imports_in_zip(archive, pickles)) if with_imports else None,
    )


def _sorted(imports: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if imports is None else tuple(sorted(imports))


def _zip_form(inside: Sequence[str]) -> SerializedForm:
    """Tell a zip by the names of its files, without the folder that they lie in."""
    if "archive_format" in inside or "serialized_exported_program.json" in inside:
        compiled = any(each.startswith("data/aotinductor/") for each in inside)
        return "aotinductor package" if compiled else "exported program"
    if "data.pkl" not in inside:
        return "zip"
    scripted = "constants.pkl" in inside or any(each.startswith("code/") for each in inside)
    return "torchscript" if scripted else "torch zip"


def _look_at_safetensors(name: str, head: bytes, stream: BinaryIO) -> SerializedFile:
    """Count the tensors that a safetensors header describes."""
    length = int.from_bytes(head[:8], "little")
    if length > _MOST_HEADER_BYTES:
        problem = f"its header should have {length} bytes, more than any model needs"
        return SerializedFile(name, "safetensors", problem=problem)
    header = (head + stream.read(max(0, 8 + length - len(head))))[8 : 8 + length]
    try:
        described = json.loads(header)
        tensors = [each for key, each in described.items() if key != "__metadata__"]
        dtypes = Counter(str(each["dtype"]) for each in tensors)
        parameters = sum(math.prod(map(int, each["shape"])) for each in tensors)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        problem = f"its header is damaged: {error}"
        return SerializedFile(name, "safetensors", problem=problem)
    return SerializedFile(
        name, "safetensors", tensors=len(tensors), parameters=parameters, dtypes=dict(dtypes)
    )
