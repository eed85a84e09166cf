"""Archives to compare, made of what a test says they hold."""

import io
import json
import warnings

import pytest
import torch
from archives import MANIFEST, make_folder, make_mar, make_tar_gz, with_record

from ts_sdk.comparison import compare

HANDLER = """\
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    pass
"""
FORMS = {
    "mar": (make_mar, ".mar"),
    "tgz": (make_tar_gz, ".tar.gz"),
    "folder": (make_folder, ""),
}


@pytest.fixture
def archive(tmp_path):
    """Write an archive of *files* (name → text or bytes); *model* has the manifest's own keys."""

    def write(name, files=(), *, form="mar", recorded=True, packed="yesterday", **model):
        entry = {"modelName": "cat", "modelVersion": "1.0", "handler": "handler.py", **model}
        manifest = {"createdOn": packed, "runtime": "python", "model": entry}
        held = {"handler.py": HANDLER, **dict(files), MANIFEST: json.dumps(manifest)}
        content = {
            key: value.encode() if isinstance(value, str) else value for key, value in held.items()
        }
        make, suffix = FORMS[form]
        return make(tmp_path / f"{name}{suffix}", with_record(content) if recorded else content)

    return write


@pytest.fixture
def compared(archive):
    """Compare two archives of the given files; returns the `Comparison`."""

    def comparing(old, new, **options):
        return compare(archive("old", old), archive("new", new), **options)

    return comparing


@pytest.fixture
def weights_of(compared):
    """Compare two files of weights; returns the one `WeightsComparison`."""

    def comparing(old, new, names=("w.pt", "w.pt")):
        (found,) = compared({names[0]: old}, {names[1]: new}).weights
        return found

    return comparing


@pytest.fixture
def scripted():
    """What a scripted module is as a file."""

    def write(module):
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(module), file)
        return file.getvalue()

    return write


@pytest.fixture
def exported():
    """What an exported program is as a file."""

    def write(module, *inputs):
        file = io.BytesIO()
        torch.export.save(torch.export.export(module.eval(), inputs), file)
        return file.getvalue()

    return write
