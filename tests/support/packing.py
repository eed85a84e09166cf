"""Sources to pack: a small model that is all right, to be made wrong in one way at a time."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from archiver import PackError, PackPlan, PackResult, pack, plan_pack

HANDLER = """\
class Cat:
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        return data
"""
MODEL = """\
from torch import nn


class Net(nn.Module):
    pass
"""
LABELS = '{"0": "tabby", "1": "tiger cat"}\n'


def torch_zip(size: int = 5000) -> bytes:
    """What `torch.save` writes, as far as a first look tells."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("weights/data.pkl"), b"\x80\x02." + bytes(size))
    return file.getvalue()


def write_sources(folder: Path) -> Path:
    """Write a handler, a model file, weights and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "handler.py").write_text(HANDLER)
    (folder / "model.py").write_text(MODEL)
    (folder / "weights.pt").write_bytes(torch_zip())
    (folder / "index_to_name.json").write_text(LABELS)
    return folder


def arguments(**changes: object) -> dict[str, object]:
    """The arguments that pack what `write_sources` has written into the current folder."""
    return {
        "model_name": "cat",
        "version": "1.0",
        "handler": "handler.py",
        "model_file": "model.py",
        "serialized_file": "weights.pt",
        "extra_files": "index_to_name.json",
        "export_path": "out",
        **changes,
    }


def pack_cat(**changes: object) -> PackResult:
    """Pack the sources in the current folder."""
    return pack(**arguments(**changes))


def plan_cat(**changes: object) -> PackPlan:
    """Plan the sources in the current folder."""
    return plan_pack(**arguments(**changes))


def problems_of(**changes: object) -> tuple[str, ...]:
    """What is said of these arguments, none of which may lead to anything being written."""
    with pytest.raises(PackError) as caught:
        pack_cat(**changes)
    assert not Path("out").exists()
    return caught.value.problems


def the_problem(**changes: object) -> str:
    """The single thing that is said of these arguments."""
    (problem,) = problems_of(**changes)
    return problem


def contents(archive: Path) -> dict[str, bytes]:
    """Every member of an archive in any of its forms, read by the standard library."""
    if archive.is_dir():
        files = (path for path in archive.rglob("*") if path.is_file())
        return {path.relative_to(archive).as_posix(): path.read_bytes() for path in files}
    if archive.name.endswith(".tar.gz"):
        with tarfile.open(archive) as tar:
            return {member.name.partition("/")[2]: tar.extractfile(member).read() for member in tar}
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}
