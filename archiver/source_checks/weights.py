"""Are the weights a model file? Their first bytes tell."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from archiver.first_bytes import first_bytes_tell, is_onnx, is_pickle, is_safetensors
from archiver.inspection.serialized_file import SerializedForm, look_at
from archiver.text import HEAD_SIZE, is_text

if TYPE_CHECKING:
    from pathlib import Path

# torch.save since 1.6, TorchScript, exported programs and AOTInductor packages.
_ZIP = b"PK\x03\x04"
_MODELS = (
    _ZIP,
    b"\x7fELF",  # a model compiled to a library, as are the next three on macOS and Windows
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"MZ",
)
_NO_MODELS = (b"\x89PNG", b"\xff\xd8\xff", b"%PDF")
# Where a tar, as torch.save wrote it before 0.1.10, has its mark.
_TAR_MARK = slice(257, 262)


def weights_problems(path: Path, *, built_in_handler: bool) -> list[str]:
    """Say why a serialized file cannot be one.

    A built-in handler opens PyTorch, safetensors, ONNX and compiled files only. A handler of
    one's own may read any binary format, so there only what certainly holds no weights is refused.

    Args:
        path: The serialized file, which exists.
        built_in_handler: Whether a built-in handler is going to open it.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_SIZE)
    if head.startswith(_ZIP) and not _has_directory(path):
        problem = (
            f"the serialized file {path} is cut off or damaged: it begins as a PyTorch file and "
            "has no end; save or download it again"
        )
        return [problem]
    if _is_model(head):
        return []
    if not head or is_text(head) or head.startswith(_NO_MODELS):
        problem = (
            f"the serialized file {path} is no model but {first_bytes_tell(head)}; "
            "if your handler reads it nevertheless, give it with --extra-files"
        )
        return [problem]
    if built_in_handler:
        problem = (
            f"the serialized file {path} begins with {head[:8]!r}, as no PyTorch, safetensors, "
            "ONNX or compiled file does, and the built-in handlers open no other"
        )
        return [problem]
    return []


def _has_directory(path: Path) -> bool:
    """Tell whether a zip's end is there."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # what Python 3.11 raises where the end tells of several disks
        return False


def weights_alone_problems(path: Path) -> list[str]:
    """Say that weights need the module that they belong to, where their format tells.

    Args:
        path: The serialized file, which exists and comes without a model file.
    """
    if _form_of(path) != "safetensors":
        return []
    problem = (
        f"the serialized file {path} holds weights and no module: give the Python file that "
        "defines it with --model-file (model_file)"
    )
    return [problem]


def is_saved_by_torch(path: Path) -> bool:
    """Tell whether `torch.save` wrote a file: weights, or a whole module."""
    return _form_of(path) in {"torch zip", "pickle"}


def _form_of(path: Path) -> SerializedForm | None:
    with path.open("rb") as file:
        found = look_at(path.name, file, path.stat().st_size)
    return found.form if found else None


def _is_model(head: bytes) -> bool:
    """Recognise the formats that a built-in handler opens."""
    return (
        head.startswith(_MODELS)
        or head[_TAR_MARK] == b"ustar"
        or is_pickle(head)
        or is_safetensors(head)
        or is_onnx(head)
    )
