"""What `text_classifier` needs a library for: tokenizers, and models as transformers saves them."""

import pytest

from ts_sdk.doctor import Severity
from ts_sdk.doctor.distributions import wish_for

CONFIG = '{"model_type": "bert"}'
SUBCLASS = """
from ts.torch_handler.text_classifier import TextClassifier
class Mine(TextClassifier):
    pass
"""
LOADS_ITSELF = f"{SUBCLASS}    def _load_folder(self, folder):\n        return print\n"


@pytest.fixture(autouse=True)
def without_libraries(monkeypatch):
    """Neither library is installed, whatever is here."""
    monkeypatch.setattr(
        "ts_sdk.doctor.checks.text_models.has_module",
        lambda top: top not in {"transformers", "tokenizers"},
    )


@pytest.mark.parametrize(
    "model",
    [
        {"handler": "text_classifier"},
        {"handler": "text_classifier", "serializedFile": "model.safetensors"},
        {"handler": "handler.py"},
    ],
)
def test_a_folder_of_transformers_needs_the_library(examined, model):
    files = {"config.json": CONFIG, "model.safetensors": b"", "handler.py": SUBCLASS}
    report = examined(files, **model)
    (finding,) = [each for each in report.findings if each.check == "missing-import"]

    assert report.verdict != "runs"
    assert finding.severity is Severity.CHANGE
    assert finding.place == "config.json"
    assert "transformers loads the model (a bert)" in finding.message
    assert finding.fix == "pip install 'transformers'"


def test_the_requirements_version_is_what_is_installed_and_told_once(examined):
    report = examined(
        {"config.json": CONFIG, "requirements.txt": "transformers<5\n"},
        handler="text_classifier",
        requirementsFile="requirements.txt",
    )

    assert [each.fix for each in report.findings] == ["pip install 'transformers<5'"]


@pytest.mark.parametrize(
    ("files", "model"),
    [
        ({"config.json": "{}"}, {"handler": "text_classifier"}),
        ({"config.json": "not json"}, {"handler": "text_classifier"}),
        ({"config.json": CONFIG}, {"handler": "image_classifier"}),
        (
            {"config.json": CONFIG, "model.py": ""},
            {"handler": "text_classifier", "modelFile": "model.py"},
        ),
        (
            {"config.json": CONFIG, "bert.pt": b""},
            {"handler": "text_classifier", "serializedFile": "bert.pt"},
        ),
        ({"config.json": CONFIG, "handler.py": LOADS_ITSELF}, {"handler": "handler.py"}),
    ],
)
def test_what_transformers_does_not_load_needs_it_not(found, files, model):
    assert found("missing-import", files, **model) == []


def test_where_it_is_installed_nothing_is_said(examined, monkeypatch):
    monkeypatch.setattr("ts_sdk.doctor.checks.text_models.has_module", lambda top: True)
    files = {"config.json": CONFIG, "model.safetensors": b"", "tokenizer.json": "{}"}
    named = examined(files, handler="text_classifier", serializedFile="model.safetensors")

    assert [each.check for each in named.findings if each.check == "no-model-file"] == []
    assert [each.check for each in named.findings if each.check == "missing-import"] == []


def test_a_tokenizer_needs_its_library(found):
    files = {"tokenizer.json": "{}", "model.py": ""}
    (finding,) = found("missing-import", files, handler="text_classifier", modelFile="model.py")

    assert finding.place == "tokenizer.json"
    assert finding.fix == f"pip install '{wish_for('tokenizers')}'"
