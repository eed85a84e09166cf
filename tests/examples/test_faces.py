"""The example of three networks one after the other: it finds faces, and only faces."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from example_programs import EXAMPLES, run
from PIL import Image
from skimage import data_dir

import archiver
import ts_sdk


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for what the example packs."""
    return tmp_path_factory.mktemp("faces")


@pytest.fixture(scope="module")
def printed(folder):
    """What the example prints."""
    return run("faces/run.py", folder)


@pytest.fixture(scope="module")
def model(printed, folder):
    """The archive that it left, loaded."""
    with ts_sdk.load(folder / "faces.mar", device="cpu") as model:
        yield model


def photograph(name):
    return Path(data_dir, name).read_bytes()


def test_it_finds_the_faces_of_people_and_none_on_a_cat_or_a_cup(printed):
    found = {
        name: json.loads(boxes)
        for name, boxes in re.findall(r"^(\S+) (\[.*\])$", printed, re.MULTILINE)
    }
    assert np.allclose(found["astronaut.png"], [[181, 62, 268, 172]], atol=4)
    assert (found["chelsea.png"], found["coffee.png"]) == ([], [])
    assert len(found["camera.png"]) == 1


def test_eyes_nose_and_mouth_are_in_order_and_in_the_box(model):
    (face,) = model.predict(photograph("astronaut.png"))
    points = {name: np.array(point) for name, point in face["points"].items()}
    left, top, right, bottom = face["box"]
    assert face["score"] > 0.99
    for x, y in points.values():
        assert left < x < right
        assert top < y < bottom
    assert points["left_eye"][0] < points["nose"][0] < points["right_eye"][0]
    assert points["mouth_left"][0] < points["mouth_right"][0]
    assert points["left_eye"][1] < points["nose"][1] < points["mouth_left"][1]


def test_each_of_a_batch_has_the_answer_that_it_has_alone(model):
    batch = [photograph("astronaut.png"), b"no picture", photograph("chelsea.png")]
    astronaut, refused, cat = model.predict_batch(batch)
    assert astronaut == model.predict(batch[0])
    assert cat == []
    assert refused.status == 400


@pytest.mark.parametrize("size", [(1, 1), (11, 40), (12, 12), (40, 11)])
def test_a_picture_too_small_for_a_face_has_none(model, size, tmp_path):
    Image.new("RGB", size, "pink").save(tmp_path / "small.png")
    assert model.predict(tmp_path / "small.png") == []


def test_a_face_half_as_large_is_found_at_half_the_place(model, tmp_path):
    with Image.open(f"{data_dir}/astronaut.png") as whole:
        whole.resize((256, 256)).save(tmp_path / "half.png")
    (face,) = model.predict(tmp_path / "half.png")
    assert np.allclose(np.array(face["box"]) * 2, [181, 62, 268, 172], atol=10)


def test_a_threshold_in_the_config_is_checked(printed, folder, tmp_path):
    (tmp_path / "model-config.yaml").write_text("handler: {threshold: high}\n")
    packed = archiver.pack(
        model_name="faces",
        version="1.0",
        handler=EXAMPLES / "faces/handler.py",
        model_file=EXAMPLES / "faces/model.py",
        serialized_file=folder / "mtcnn.safetensors",
        config_file=tmp_path / "model-config.yaml",
        export_path=tmp_path,
    )
    with pytest.raises(ts_sdk.ConfigError, match="threshold must be a number from 0 to 1"):
        ts_sdk.load(packed.path, device="cpu")


def test_faces_are_marked_on_the_picture(printed, folder):
    with Image.open(folder / "photographs.png") as sheet, Image.open(folder / "drawn.png") as file:
        before, drawn = np.asarray(sheet), np.asarray(file)
    assert drawn.shape == before.shape
    columns = np.flatnonzero((drawn != before).any(axis=(0, 2)))
    assert ((columns < 256) | (columns > 1025)).all()  # the astronaut's and the photographer's
    assert (columns < 256).any()
    assert (columns > 1025).any()
