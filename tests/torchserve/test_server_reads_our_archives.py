"""What `mar-pack` writes runs under the real TorchServe 0.12, and answers what it answers here."""

import json
from pathlib import Path

import pytest
import skimage

import archiver
import ts_sdk
from docs.examples.efficientnet_lite0 import demo
from ts_sdk.samples import record_goldens, samples_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_server_classifies_the_cat_as_we_do(tmp_path: Path, start_server):
    demo.lay_out(tmp_path)
    archive = demo.pack(tmp_path).path
    picture = (Path(skimage.data_dir) / "chelsea.png").read_bytes()
    with ts_sdk.load(archive, device="cpu") as model:
        ours = model.predict(picture)

    server = start_server(tmp_path, archive.name)
    answer = server.predict(archive.stem, picture, "application/octet-stream")

    assert answer.status == 200
    theirs = json.loads(answer.body)
    assert list(theirs) == list(ours)
    assert theirs == pytest.approx(ours, abs=1e-3)


def test_the_server_takes_an_archive_with_samples_and_golden_answers(tmp_path: Path, start_server):
    (tmp_path / "handler.py").write_text(
        "def handle(data, context):\n    return data and [len(data)]"
    )
    (tmp_path / "greeting.txt").write_text("hello")
    archive = archiver.pack(
        model_name="greeter",
        version="1.0",
        handler=tmp_path / "handler.py",
        samples=tmp_path / "greeting.txt",
        export_path=tmp_path,
    ).path
    with ts_sdk.load(archive, device="cpu") as model:
        recorded = record_goldens(model, samples_of(archive), archive)

    server = start_server(tmp_path, archive.name)
    answer = server.predict(archive.stem, b"hello", "text/plain")

    assert answer.status == 200
    assert json.loads(answer.body) == recorded["greeting.txt"].answer == 1
