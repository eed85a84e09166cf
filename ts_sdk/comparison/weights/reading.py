"""Reading the weights in a member, without running or unpickling anything of it."""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ts_sdk.comparison.weights.held import UnreadableWeightsError, Weights, gather
from ts_sdk.errors import LoadError, UnsafeWeightsError
from ts_sdk.formats import safetensors, state_dict
from ts_sdk.formats.kinds import Kind, kind_of_form

if TYPE_CHECKING:
    from archiver import Archive, SerializedFile

_CPU = torch.device("cpu")


@contextmanager
def opened(archive: "Archive", found: "SerializedFile") -> Iterator[Weights]:
    """The weights in a member, good for the ``with`` block.

    Args:
        archive: What the member is in.
        found: What it is, as the archiver tells.

    Raises:
        UnreadableWeightsError: Its tensors cannot be read; the message says why.
        archiver.CorruptArchiveError: The member is damaged.
    """
    kind = kind_of_form(found.form)
    mapped = archive.map_member(found.name) if kind is Kind.SAFETENSORS else None
    if mapped is not None:
        yield _read_mapped(mapped, found.name)
        return
    with _as_file(archive, found.name) as path:
        yield _read(kind, path)


@contextmanager
def _as_file(archive: "Archive", name: str) -> Iterator[Path]:
    """A member as a file, extracted for the ``with`` block where it is none."""
    if archive.form == "folder":
        yield archive.path / name
        return
    # What is mapped cannot be removed on Windows, where its folder goes with the next cleaning.
    with tempfile.TemporaryDirectory(prefix="mar-diff-", ignore_cleanup_errors=True) as folder:
        archive.extract(Path(folder, "members"), [name])
        yield Path(folder, "members", name)


def _read_mapped(content: memoryview, name: str) -> Weights:
    try:
        return Weights(safetensors.tensors_in(content, name, _CPU))
    except LoadError as error:
        raise UnreadableWeightsError(str(error)) from error


def _read(kind: Kind, path: Path) -> Weights:
    try:
        match kind:
            case Kind.SAFETENSORS:
                return Weights(safetensors.load(path, _CPU))
            case Kind.STATE_DICT:
                return gather(state_dict.load(path, _CPU, trust_pickle=False))
            case Kind.TORCHSCRIPT:
                from ts_sdk.comparison.weights.scripted import read_torchscript

                return read_torchscript(path)
            case Kind.EXPORTED_PROGRAM | Kind.AOTINDUCTOR:
                from ts_sdk.comparison.weights.exported import read_program

                return read_program(path)
            case Kind.ONNX:
                from ts_sdk.comparison.weights.onnx import read_onnx

                return read_onnx(path)
    except UnsafeWeightsError as error:
        names = ", ".join(error.globals)
        raise UnreadableWeightsError(
            f"{path.name} is a pickle of more than weights ({names}), which is not read here"
        ) from error
    except LoadError as error:
        raise UnreadableWeightsError(str(error)) from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableWeightsError(f"{path.name} is damaged ({error})") from error
    raise UnreadableWeightsError(f"{path.name} is {kind.value}, whose weights cannot be read")
