"""A model of the library transformers needs no model file."""

import json
import struct
from pathlib import Path

import pytest
from packing import plan_cat, problems_of, the_problem, torch_zip

from archiver.source_checks.transformers_config import holds_transformers_model

BERT = json.dumps({"model_type": "bert", "architectures": ["BertForSequenceClassification"]})
HEADER = b'{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'


@pytest.fixture
def folder(sources):
    """What `save_pretrained` writes, in short."""
    folder = sources / "bert"
    folder.mkdir()
    (folder / "config.json").write_text(BERT)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(HEADER)) + HEADER + b"abcd")
    return folder


def asked(**changes):
    return {"handler": "text_classifier", "model_file": None, "serialized_file": None, **changes}


def test_a_folder_of_it_is_packed_as_it_is(folder):
    plan = plan_cat(**asked(extra_files="bert"))
    names = [member.name for member in plan.members]
    assert names == ["config.json", "model.safetensors", "tokenizer.json"]
    assert plan.notes == ()


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_its_weights_may_be_the_serialized_file(folder, name):
    (folder / "pytorch_model.bin").write_bytes(torch_zip())
    plan = plan_cat(**asked(serialized_file=f"bert/{name}", extra_files="bert/config.json"))
    assert plan.manifest.model.serialized_file == name
    assert plan.notes == ()


def test_other_handlers_do_not_know_it(folder):
    problem = the_problem(**asked(handler="image_classifier", extra_files="bert"))
    assert "there is no model" in problem
    assert problems_of(
        **asked(
            handler="base_handler",
            serialized_file="bert/model.safetensors",
            extra_files="bert/config.json",
        )
    )


@pytest.mark.parametrize("config", ["{}", "[]", "{", '{"model_type": 7}', "[" * 100_000])
def test_a_config_of_something_else_is_none(folder, config):
    (folder / "config.json").write_text(config)
    assert not holds_transformers_model(folder.iterdir())
    assert "there is no model" in the_problem(**asked(extra_files="bert"))


def test_only_a_file_of_that_name_is_looked_at(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(BERT)
    assert not holds_transformers_model([path])
    assert holds_transformers_model([path.rename(Path(tmp_path, "config.json"))])
