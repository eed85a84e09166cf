"""What a file is, told from its contents and never from its name alone."""

import zipfile

import pytest
import torch

from ts_sdk.formats import Kind, kind_of


def test_the_forms_that_are_loaded(serialized, request):
    kinds = {"safetensors": Kind.SAFETENSORS, "torchscript": Kind.TORCHSCRIPT}
    form = request.node.callspec.params["serialized"]
    assert kind_of(serialized) is kinds.get(form, Kind.STATE_DICT)


@pytest.mark.parametrize("members", [["a/b.txt"], ["data.txt"], []])
def test_another_zip_is_unknown(tmp_path, members):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as file:
        for member in members:
            file.writestr(member, "text")
    assert kind_of(tmp_path / "x.pt") is Kind.UNKNOWN


def test_an_exported_program_of_older_releases(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt2", "w") as file:
        file.writestr("version", "5.1")
        file.writestr("serialized_exported_program.json", "{}")
        file.writestr("serialized_state_dict.pt", "")
    assert kind_of(tmp_path / "x.pt2") is Kind.EXPORTED_PROGRAM


def test_an_exported_program_of_this_release(tmp_path, affine):
    torch.export.save(torch.export.export(affine, (torch.ones(1, 2),)), tmp_path / "x.pt2")
    assert kind_of(tmp_path / "x.pt2") is Kind.EXPORTED_PROGRAM
