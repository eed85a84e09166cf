"""What an AOTInductor package says of itself, and whether it goes with this machine."""

import json
import mmap
import platform
import sys
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ts_sdk.blame import describe
from ts_sdk.errors import DeviceUnavailableError, ModelFormatError
from ts_sdk.formats.aotinductor_source import signature_in
from ts_sdk.formats.native_library import library_problem
from ts_sdk.formats.signature import Signature

INPUTS_KEY = "ts_sdk.inputs"
"""Metadata: the signature, as `Signature.to_json` writes it."""
TORCH_KEY = "ts_sdk.torch"
"""Metadata: the version of torch that compiled it."""
PROCESSOR_KEY = "ts_sdk.processor"
"""Metadata: the abilities of the processor that it was compiled on, as `abilities` gives them."""

_FOLDER = "data/aotinductor/"
_USUAL_MODEL = "model"
_LOCAL_HEADER_BYTES = 30
# A word of AOTI_CPU_ISA → what torch calls the ability.
_INSTRUCTIONS = {
    "AVX2": "avx2",
    "AVX512": "avx512_f",
    "AVX512_VNNI": "avx512_vnni",
    "AMX_TILE": "amx_tile",
}
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,  # a password is asked for
    TypeError,
    ValueError,
)
_AGAIN = "compile the model again, here (mar convert --to aoti)"


@dataclass(frozen=True)
class Package:
    """A package that can be loaded.

    Attributes:
        model: The name of the model in it.
        metadata: What the compiler, and whoever called it, noted.
        signature: What the model takes, as far as the package tells.
    """

    model: str
    metadata: Mapping[str, str]
    signature: Signature | None


def abilities() -> list[str]:
    """The instruction sets that this processor has, by torch's names."""
    known: Mapping[str, Any] = torch.cpu.get_capabilities()
    return sorted(name for name, there in known.items() if there is True)


def read_package(path: Path, device: torch.device) -> Package:
    """Look at the package in *path*; none of its code is loaded.

    Raises:
        ModelFormatError: It is damaged, or was compiled for something else than is here.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            zipfile.ZipFile(file) as archive,
        ):
            package = _describe(path, archive)
            _refuse_damage(path, archive, package.model, content)
        _refuse_other_device(
            path.name, package.metadata.get("AOTI_DEVICE_KEY", device.type), device
        )
        problem = _machine_problem(package.metadata, device)
    except _DAMAGED as error:
        raise ModelFormatError(
            f"{path.name} is a damaged AOTInductor package ({describe(error)}): copy it again"
        ) from error
    if problem is not None:
        raise ModelFormatError(f"{path.name} {problem}: {_AGAIN}")
    return package


def _describe(path: Path, archive: zipfile.ZipFile) -> Package:
    names = [name.partition("/")[2] for name in archive.namelist()]
    models = {name[len(_FOLDER) :].partition("/")[0] for name in names if name.startswith(_FOLDER)}
    if _USUAL_MODEL not in models and len(models) != 1:
        raise ModelFormatError(
            f"{path.name} holds several models ({', '.join(sorted(models))}) and none is called "
            f"{_USUAL_MODEL!r}: package the one to be served by itself"
        )
    model = _USUAL_MODEL if _USUAL_MODEL in models else models.pop()
    metadata: dict[str, str] = {}
    signature = None
    for name in archive.namelist():
        if f"/{_FOLDER}{model}/" in name:
            if name.endswith("_metadata.json"):
                metadata |= _texts_in(archive.read(name))
            elif name.endswith(".wrapper.cpp"):
                signature = signature_in(archive.read(name).decode())
            elif name.endswith("weights_config.json") and json.loads(archive.read(name)):
                raise ModelFormatError(
                    f"{path.name} keeps its weights outside of the compiled library, where they "
                    "are not looked for here: compile it with its constants in the library"
                )
    written = metadata.get(INPUTS_KEY)
    return Package(model, metadata, signature if written is None else Signature.from_json(written))


def _texts_in(content: bytes) -> dict[str, str]:
    found = json.loads(content)
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError("its notes are no texts by name")
    return found


def _refuse_damage(path: Path, archive: zipfile.ZipFile, model: str, content: mmap.mmap) -> None:
    """Compare every file of the model with its checksum, which torch does not."""
    with memoryview(content) as whole:
        for entry in archive.infolist():
            if f"/{_FOLDER}{model}/" not in entry.filename:
                continue
            if not entry.filename.endswith(".so") or entry.compress_type != zipfile.ZIP_STORED:
                archive.read(entry)
                continue
            with _content_of(whole, entry) as library:
                if zlib.crc32(library) != entry.CRC:
                    raise zipfile.BadZipFile(f"Bad CRC-32 for file {entry.filename!r}")
                problem = library_problem(library)
            if problem is not None:
                raise ModelFormatError(f"{path.name}: its library cannot be loaded: {problem}")


def _content_of(whole: memoryview, entry: zipfile.ZipInfo) -> memoryview:
    """A stored entry, where it lies in the file; libraries hold the weights and are large."""
    header = entry.header_offset
    lengths = whole[header + 26 : header + _LOCAL_HEADER_BYTES]
    start = header + _LOCAL_HEADER_BYTES
    start += int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    return whole[start : start + entry.file_size]


def _refuse_other_device(name: str, made_for: str, device: torch.device) -> None:
    if made_for == device.type:
        return
    if made_for == "cuda" and not torch.cuda.is_available():
        raise DeviceUnavailableError(
            f"{name} was compiled for CUDA, which torch does not see here: compile it for the "
            "CPU (mar convert --to aoti --device cpu)",
            device=made_for,
        )
    raise ModelFormatError(
        f"{name} was compiled for {made_for} and cannot run on {device}: load it with "
        f"device='{made_for}', or compile it for {device.type} (mar convert --to aoti --device "
        f"{device.type})"
    )


def _machine_problem(metadata: Mapping[str, str], device: torch.device) -> str | None:
    """What in this machine a package does not go with, as the end of a sentence."""
    system = metadata.get("AOTI_PLATFORM", sys.platform)
    if system != sys.platform:
        return f"was compiled on {system}, and this is {sys.platform}"
    machine = metadata.get("AOTI_MACHINE", platform.machine())
    if machine != platform.machine():
        return f"was compiled for {machine}, and this is {platform.machine()}"
    here = set(abilities())
    instructions = metadata.get("AOTI_CPU_ISA", "").split()
    needed = {_INSTRUCTIONS[word] for word in instructions if word in _INSTRUCTIONS}
    needed.update(json.loads(metadata.get(PROCESSOR_KEY, "[]")))
    if not needed <= here:
        return (
            f"was compiled for a processor with {', '.join(sorted(needed - here))}, which this one "
            "has not"
        )
    compiler = metadata.get(TORCH_KEY)
    if compiler is not None and _release(compiler) != _release(torch.__version__):
        return f"was compiled by torch {compiler}, and this is torch {torch.__version__}"
    return _gpu_problem(metadata.get("AOTI_COMPUTE_CAPABILITY", ""), device)


def _gpu_problem(compiled_for: str, device: torch.device) -> str | None:
    if device.type != "cuda" or not compiled_for:
        return None
    major, minor = torch.cuda.get_device_capability(device)
    if compiled_for == f"{major}{minor}":
        return None
    return f"was compiled for GPUs of capability {compiled_for}, and {device} has {major}{minor}"


def _release(version: str) -> str:
    return ".".join(version.split(".")[:2])


def refuse_library(path: Path, device: torch.device) -> None:
    """Look at the bare library in *path*; none of its code is loaded.

    Raises:
        ModelFormatError: It is damaged, no model, or was compiled for another device.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            with memoryview(whole) as content:
                problem = library_problem(content)
            if problem is None and whole.find(b"AOTInductorModelContainerRun") < 0:
                problem = "it holds no model that AOTInductor compiled"
            made_for = "cuda" if whole.find(b"libtorch_cuda.so") >= 0 else "cpu"
    except (ValueError, OSError) as error:  # an empty file cannot be mapped
        problem = describe(error)
    if problem is not None:
        raise ModelFormatError(f"{path.name} cannot be loaded: {problem}")
    _refuse_other_device(path.name, made_for, device)
