"""What a file is, told from its contents and never from its name alone."""

import zipfile

import pytest

from ts_sdk.formats import Kind, kind_of, refusal_of


def test_the_forms_that_are_loaded(serialized, request):
    kinds = {
        "safetensors": Kind.SAFETENSORS,
        "torchscript": Kind.TORCHSCRIPT,
        "program": Kind.EXPORTED_PROGRAM,
        "onnx": Kind.ONNX,
    }
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


def test_a_package_with_a_compiled_model_in_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt2", "w") as file:
        file.writestr("x/archive_format", "pt2")
        file.writestr("x/data/aotinductor/model/a.wrapper.so", "")
    assert kind_of(tmp_path / "x.pt2") is Kind.AOTINDUCTOR


def test_what_cannot_be_loaded_is_told_without_a_file(monkeypatch):
    assert refusal_of(Kind.ONNX) is None
    assert "known here" in refusal_of(Kind.UNKNOWN).reason
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "onnxruntime is not installed" in refusal_of(Kind.ONNX).reason
    assert refusal_of(Kind.STATE_DICT) is None
