"""What tells the model that was measured from others."""

import hashlib
import json

import archiver
from ts_sdk.tuned.measured_model import model_digest


def digest_of(path):
    with archiver.Archive.open(path) as archive:
        return model_digest(archive)


def test_it_is_made_of_the_weights_the_model_file_and_the_handler(pack, digest, tmp_path):
    files = [
        tmp_path / "sources" / name for name in ("weights.safetensors", "model.py", "handler.py")
    ]
    parts = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    assert digest == hashlib.sha256(parts).hexdigest()


def test_it_is_the_same_in_every_format_and_with_any_config(pack, digest, tuned_here):
    assert digest_of(pack(tuned_here(), config="batchSize: 8")) == digest
    for word in ("zip-store", "tgz", "no-archive"):
        assert digest_of(pack(archive_format=word)) == digest


def test_other_weights_make_another(pack, digest):
    assert digest_of(pack(weight=3.0)) != digest


def test_an_archive_without_files_of_its_own_has_none(write_folder):
    manifest = {"model": {"modelName": "net", "handler": "image_classifier"}}
    folder = write_folder({"MAR-INF/MANIFEST.json": json.dumps(manifest)})
    assert digest_of(folder) is None
