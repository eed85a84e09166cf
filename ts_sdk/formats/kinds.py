"""What kind of serialized model a file is, told by its content."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from archiver.inspection.serialized_file import SerializedForm, look_at


class Kind(Enum):
    """A kind of serialized model; the value is what a message calls it."""

    STATE_DICT = "a torch.save file"
    SAFETENSORS = "safetensors"
    TORCHSCRIPT = "TorchScript"
    EXPORTED_PROGRAM = "an exported program (.pt2)"
    AOTINDUCTOR = "an AOTInductor package (.pt2)"
    ONNX = "ONNX"
    SHARED_LIBRARY = "a compiled library (.so)"
    UNKNOWN = "unknown"


_KINDS: Mapping[SerializedForm, Kind] = {
    "torch zip": Kind.STATE_DICT,
    "pickle": Kind.STATE_DICT,
    "torchscript": Kind.TORCHSCRIPT,
    "exported program": Kind.EXPORTED_PROGRAM,
    "aotinductor package": Kind.AOTINDUCTOR,
    "safetensors": Kind.SAFETENSORS,
    "onnx": Kind.ONNX,
    "shared library": Kind.SHARED_LIBRARY,
}


def kind_of(path: Path) -> Kind:
    """The kind of the file at *path*; nothing of it is executed or unpickled.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        found = look_at(path.name, file, path.stat().st_size)
    return kind_of_form(found.form) if found else Kind.UNKNOWN


def kind_of_form(form: SerializedForm) -> Kind:
    """The kind that a *form*, as `archiver.inspect` tells it, is of."""
    return _KINDS.get(form, Kind.UNKNOWN)
