"""`mar explain` explains inputs, draws them, and shows the table of methods."""

import json

import pytest
from PIL import Image

MODEL = """
from torch import nn


class MeanColour(nn.Module):
    def forward(self, pictures):
        return pictures.mean((2, 3))
"""

SEGMENTER = """
from torch import nn


class Colours(nn.Module):
    def forward(self, pictures):
        return {"out": pictures}
"""

DETECTOR = """
import torch
from torch import nn


class Whole(nn.Module):
    def forward(self, pictures):
        box = torch.tensor([[0.0, 0.0, 8.0, 8.0]])
        return [
            {"boxes": box, "labels": torch.tensor([2]), "scores": each[0].mean().reshape(1)}
            for each in pictures
        ]
"""


@pytest.fixture
def colours(tmp_path):
    folder = tmp_path / "colours"
    (folder / "MAR-INF").mkdir(parents=True)
    entry = {"modelName": "colours", "handler": "image_classifier", "modelFile": "model.py"}
    manifest = {"model": entry | {"configFile": "model-config.yaml"}}
    (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
    (folder / "model.py").write_text(MODEL)
    config = "handler: {mean: [0, 0, 0], std: [1, 1, 1], crop: 8, resize: 8}"
    (folder / "model-config.yaml").write_text(config)
    names = {"0": "red", "1": "green", "2": "blue"}
    (folder / "index_to_name.json").write_text(json.dumps(names))
    return folder


@pytest.fixture
def picture(tmp_path):
    def write(name, colour):
        Image.new("RGB", (8, 8), colour).save(tmp_path / name)
        return tmp_path / name

    return write


def test_an_explanation_is_printed_and_drawn(mar, colours, picture, tmp_path):
    red = picture("red.png", (255, 0, 0))
    ran = mar("explain", colours, red, "--device", "cpu", "-o", tmp_path / "why.png")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == str(red)
    assert lines[1] == "  target    red (0), score 1"
    assert lines[2].startswith("  method    integrated_gradients, ")
    with Image.open(tmp_path / "why.png") as image:
        assert image.width > 600


def test_a_class_without_a_name_is_its_number(mar, colours, picture):
    (colours / "index_to_name.json").unlink()
    ran = mar("explain", colours, picture("red.png", (255, 0, 0)), "--method", "saliency")
    assert ran.out.splitlines()[1] == "  target    0, score 1"


def test_an_object_is_told_by_its_place_and_its_class(mar, colours, picture):
    (colours / "model.py").write_text(DETECTOR)
    manifest = (colours / "MAR-INF/MANIFEST.json").read_text()
    detector = manifest.replace("image_classifier", "object_detector")
    (colours / "MAR-INF/MANIFEST.json").write_text(detector)
    ran = mar("explain", colours, picture("red.png", (255, 0, 0)), "--method", "saliency")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[1] == "  target    object 0 (blue), score 1"


def test_each_input_has_its_target_and_its_picture(mar, colours, picture, tmp_path):
    files = [picture("a.png", (255, 0, 0)), picture("b.png", (0, 0, 255))]
    folder = tmp_path / "drawn"
    folder.mkdir()
    options = ["--target", "green", "--target", "2", "--method", "occlusion", "--json"]
    ran = mar("explain", colours, *files, *options, "-o", folder)
    assert ran.code == 0, ran.err
    assert [line["target"]["name"] for line in ran.lines] == ["green", "blue"]
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"]


def test_what_cannot_be_explained_is_told_and_the_others_are(mar, colours, picture, make_input):
    text = make_input("a.txt", "no picture")
    ran = mar("explain", colours, text, picture("red.png", (255, 0, 0)))
    assert ran.code == 1
    assert f"mar: {text}: " in ran.err
    assert "target    red" in ran.out


@pytest.mark.parametrize("target", ["red.png", "."])
def test_what_is_sent_is_never_written_over(mar, colours, picture, tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    red = picture("red.png", (255, 0, 0))
    before = red.read_bytes()
    ran = mar("explain", colours, red, "-o", target)
    assert ran.code == 2
    assert "red.png is an input, which would be written over" in ran.err
    assert red.read_bytes() == before


def test_inputs_whose_names_are_alike_have_each_a_picture(mar, colours, picture, tmp_path):
    (tmp_path / "b").mkdir()
    names = ["a.png", "b/a.png", "a 2.png"]
    files = [picture(name, (255, 0, 0)) for name in names]
    folder = tmp_path / "drawn"
    folder.mkdir()
    ran = mar("explain", colours, *files, "--method", "saliency", "-o", folder)
    assert ran.code == 0, ran.err
    assert len(list(folder.iterdir())) == len(names)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--method", "magic"], "there is no method 'magic'"),
        (["--target", "purple"], "there is no class 'purple'"),
        (["--method", "guided_backprop"], "take integrated_gradients"),
    ],
)
def test_a_wrong_wish_is_told(mar, colours, picture, options, why):
    ran = mar("explain", colours, picture("red.png", (255, 0, 0)), *options)
    assert ran.code == 1
    assert why in ran.err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-o", "why.txt"], "the name must end in .png"),
        (["-o", "nowhere/why.png"], "there is no folder nowhere"),
        (["--target", "1", "--target", "2"], "--target was given 2 times for 1 inputs"),
        (["--region", "0,0,1,1", "--region", "0,0,2,2"], "--region was given 2 times for 1"),
        (["--region", "0,0,1"], "'0,0,1' is no region: give left,top,right,bottom in pixels"),
        (["--features", "blobs"], "invalid choice: 'blobs'"),
        (["--response-timeout", "5"], "needs --isolation process"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_loaded(mar, colours, picture, options, why):
    ran = mar("explain", colours, picture("red.png", (255, 0, 0)), *options)
    assert ran.code == 2
    assert why in ran.err


def test_the_table_of_methods_needs_no_archive_and_no_torch(mar):
    ran = mar("explain", "--methods")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split() == [
        "method",
        "eager",
        "half",
        "compiled",
        "torchscript",
        "exported",
        "aotinductor",
        "onnx",
    ]
    deep_lift = next(line for line in lines if line.startswith("deep_lift"))
    assert deep_lift.split() == ["deep_lift", "right", "right", "right", "-", "-", "-", "-"]
    assert "  deep_lift: integrated_gradients for torchscript, exported" in lines
    assert "  deep_lift: feature_ablation for aotinductor, onnx" in lines


def test_without_an_archive_there_is_nothing_to_explain(mar):
    ran = mar("explain")
    assert ran.code == 2
    assert "name an archive and its inputs, or give --methods" in ran.err


def test_half_precision_is_explained_in_float32_and_the_output_says_so(mar, colours, picture):
    red = picture("red.png", (255, 0, 0))
    ran = mar("explain", colours, red, "--device", "cpu", "--precision", "bfloat16")
    assert ran.code == 0, ran.err
    assert "  note      explained in float32, and answered in bfloat16" in ran.out.splitlines()


def test_a_region_is_given_in_pixels_of_the_picture(mar, colours, picture, tmp_path):
    (colours / "model.py").write_text(SEGMENTER)
    manifest = json.loads((colours / "MAR-INF/MANIFEST.json").read_text())
    manifest["model"]["handler"] = "image_segmenter"
    (colours / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
    files = [picture("a.png", (255, 0, 0)), picture("b.png", (0, 0, 255))]
    options = ["--region", "0,0,4,8", "--region", "0,0,8,2", "--method", "feature-ablation"]
    ran = mar("explain", colours, *files, *options, "--cells", 8, "--features", "grid", "--json")
    assert ran.code == 0, ran.err
    assert [line["region"] for line in ran.lines] == [
        {"box": [0, 0, 4, 8], "pixels": 32},
        {"box": [0, 0, 8, 2], "pixels": 16},
    ]
    assert [line["score"] for line in ran.lines] == [32, 16]
    whole = mar("explain", colours, files[0], "--region", "0,0,4,8", "-o", tmp_path / "why.png")
    assert "  region    32 of the model's pixels, in [0, 0, 4, 8]" in whole.out.splitlines()


@pytest.mark.slow
def test_a_handler_in_another_process_is_explained_there(mar, colours, picture, tmp_path):
    red = picture("red.png", (255, 0, 0))
    drawn = tmp_path / "why.png"
    ran = mar("explain", colours, red, "--isolation", "process", "-o", drawn)
    assert ran.code == 0, ran.err
    assert "target    red" in ran.out
    assert drawn.exists()
