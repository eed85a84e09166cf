"""MANIFEST.json: TorchServe's keys, nothing lost, every problem named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver import Manifest, ManifestError, ModelEntry

# As torch-model-archiver 0.12 writes it.
TORCHSERVE = """\
{
  "createdOn": "23/11/2024 01:02:03",
  "runtime": "python3",
  "model": {
    "modelName": "cat",
    "serializedFile": "weights.pt",
    "handler": "handler.py:entry",
    "modelFile": "model.py",
    "modelVersion": "1.0",
    "extensions": {"tier": 1},
    "requirementsFile": "requirements.txt",
    "configFile": "model-config.yaml"
  },
  "archiverVersion": "0.12.0"
}"""

texts = st.text(st.characters(codec="utf-8"), min_size=1)
names = st.from_regex(r"[a-z0-9_]{2,10}(/[a-z0-9_.]{2,10})?\.[a-z]{2,3}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
unknown = st.dictionaries(st.text(min_size=1).map("x-{}".format), json_values, max_size=3)
models = st.builds(
    ModelEntry,
    model_name=names,
    model_version=st.none() | texts,
    handler=st.none() | names,
    serialized_file=st.none() | names,
    model_file=st.none() | names,
    requirements_file=st.none() | names,
    config_file=st.none() | names,
    envelope=st.none() | texts,
    extensions=st.none() | st.dictionaries(st.text(), json_values, max_size=3),
    unknown=unknown,
)
manifests = st.builds(
    Manifest,
    model=models,
    runtime=st.sampled_from(["python", "python3", "LSP"]),
    archiver_version=st.none() | texts,
    created_on=st.none() | texts,
    description=st.none() | texts,
    unknown=unknown,
)


@given(manifests)
def test_what_is_written_is_read_again(manifest):
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert Manifest.from_json(manifest.to_json().encode()) == manifest


@given(manifests)
def test_it_is_written_in_ascii_for_readers_in_any_locale(manifest):
    assert manifest.to_json().isascii()


def problems_of(document):
    text = document if isinstance(document, str | bytes) else json.dumps(document)
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(text)
    return caught.value.problems


def test_torchserves_manifest_is_read():
    manifest = Manifest.from_json(TORCHSERVE)
    assert manifest == Manifest(
        created_on="23/11/2024 01:02:03",
        runtime="python3",
        archiver_version="0.12.0",
        model=ModelEntry(
            model_name="cat",
            model_version="1.0",
            handler="handler.py:entry",
            serialized_file="weights.pt",
            model_file="model.py",
            requirements_file="requirements.txt",
            config_file="model-config.yaml",
            extensions={"tier": 1},
        ),
    )


def test_torchserves_manifest_keeps_its_keys_and_values():
    assert Manifest.from_json(TORCHSERVE).to_dict() == json.loads(TORCHSERVE)


def test_unknown_keys_are_kept_at_both_levels():
    document = json.loads(TORCHSERVE)
    document["publisher"] = {"name": "us"}
    document["model"]["implementationVersion"] = "2"
    manifest = Manifest.from_dict(document)
    assert manifest.unknown == {"publisher": {"name": "us"}}
    assert manifest.model.unknown == {"implementationVersion": "2"}
    assert manifest.to_dict() == document


def test_a_byte_order_mark_is_no_obstacle():
    manifest = Manifest.from_json(b"\xef\xbb\xbf" + TORCHSERVE.encode())
    assert manifest.model.model_name == "cat"


def test_a_name_is_all_that_a_manifest_needs():
    manifest = Manifest.from_json('{"model": {"modelName": "cat"}}')
    assert manifest == Manifest(model=ModelEntry(model_name="cat"), runtime="python")


def test_a_version_that_is_a_number_is_read_as_text():
    manifest = Manifest.from_json('{"model": {"modelName": "cat", "modelVersion": 1.5}}')
    assert manifest.model.model_version == "1.5"


def test_null_and_empty_text_count_as_absent():
    document = {"model": {"modelName": "cat", "serializedFile": None, "modelFile": ""}}
    manifest = Manifest.from_json(json.dumps(document))
    assert manifest.model.serialized_file is None
    assert manifest.model.model_file is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        (b"\xff\xff", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "a list instead of an object"),
        ("null", "null instead of an object"),
        ("{}", "it has no 'model'"),
        ('{"model": "cat"}', "'model' is text instead of an object"),
        ('{"model": {}}', "'model.modelName' is missing"),
        ('{"model": {"modelName": ""}}', "'model.modelName' is missing"),
    ],
)
def test_what_is_no_manifest_is_told_in_one_sentence(text, reason):
    (problem,) = problems_of(text)
    assert reason in problem


def test_all_problems_are_told_at_once():
    problems = problems_of(
        {
            "runtime": "java",
            "createdOn": 5,
            "model": {
                "modelName": ["cat"],
                "handler": True,
                "serializedFile": "../weights.pt",
                "modelFile": "/model.py",
                "extensions": [],
            },
        }
    )
    assert len(problems) == 7
    told = "\n".join(problems)
    for key in ("runtime", "createdOn", "modelName", "handler", "serializedFile", "modelFile"):
        assert key in told


@pytest.mark.parametrize("key", ["serializedFile", "modelFile", "requirementsFile", "configFile"])
def test_a_file_outside_the_archive_is_refused(key):
    (problem,) = problems_of({"model": {"modelName": "cat", key: "../../etc/passwd"}})
    assert f"'model.{key}'" in problem
    assert "leaves the archive" in problem


def test_a_handler_outside_the_archive_is_refused_with_or_without_its_entry_point():
    for handler in ("../handler.py", "../handler.py:handle"):
        (problem,) = problems_of({"model": {"modelName": "cat", "handler": handler}})
        assert "leaves the archive" in problem


def test_a_handler_file_of_one_letter_is_no_drive():
    manifest = Manifest.from_json('{"model": {"modelName": "cat", "handler": "h:handle"}}')
    assert manifest.model.handler == "h:handle"


def test_the_archive_is_named_where_it_is_known():
    with pytest.raises(ManifestError, match=r"the manifest of cat\.mar is not valid"):
        Manifest.from_json("{}", path="cat.mar")
