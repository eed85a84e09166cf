"""The example of a Mask R-CNN whose handler decodes with OpenCV."""

import io
import re
import shutil

import numpy as np
import pytest
import torch
from example_programs import EXAMPLES, number, run
from PIL import Image

import archiver
import ts_sdk
from default_handlers import rle
from docs.examples.mask_rcnn_opencv import run as example

HARDLY = ("--backbone-steps", 2, "--steps", 2)
QUICK = ("--backbone-steps", 500, "--steps", 150)
NO_PICTURE = "expected a picture that OpenCV can decode"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model that was hardly trained, packed."""
    folder = tmp_path_factory.mktemp("mask_rcnn")
    run("mask_rcnn_opencv/train.py", folder, *HARDLY)
    example.pack(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    """The archive with the handler that decodes with OpenCV."""
    with ts_sdk.load(folder / "digits.mar", device="cpu") as model:
        yield model


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory):
    """A folder with the model of a short training."""
    folder = tmp_path_factory.mktemp("mask_rcnn_trained")
    run("mask_rcnn_opencv/train.py", folder, *QUICK)
    return folder


@pytest.fixture(scope="module")
def printed(trained_folder):
    """What the example prints; its archives are in the folder then."""
    return run("mask_rcnn_opencv/run.py", trained_folder)


@pytest.fixture(scope="module")
def trained(printed, trained_folder):
    """That model behind the same handler."""
    with ts_sdk.load(trained_folder / "digits.mar", device="cpu") as model:
        yield model


@pytest.fixture(scope="module")
def pictures(scenes):
    """Scenes of several sizes, as files."""
    composer = scenes.held_out_composer(11)
    return [composer.compose(*size, digits=3).png for size in ((128, 128), (150, 101), (97, 131))]


@pytest.mark.slow
def test_it_finds_digits_in_scenes_that_it_has_never_seen(printed):
    assert number("precision", printed) > 0.75
    assert number("recall", printed) > 0.5
    assert number("boxes", printed) > 0.68


@pytest.mark.slow
def test_bfloat16_where_torch_chooses_finds_them_too(printed):
    second = printed[printed.index("bfloat16") :]
    assert number("precision", second) == pytest.approx(number("precision", printed), abs=0.05)
    assert number("recall", second) == pytest.approx(number("recall", printed), abs=0.05)


@pytest.mark.slow
def test_an_answer_has_classes_scores_and_boxes(trained, pictures):
    answer = trained.predict(pictures[0])
    assert list(answer) == ["classes", "scores", "boxes"]
    assert len(answer["classes"]) == len(answer["scores"]) == len(answer["boxes"]) > 0
    assert all(isinstance(each, int) and 0 <= each <= 9 for each in answer["classes"])
    assert answer["scores"] == sorted(answer["scores"], reverse=True)
    assert min(answer["scores"]) >= 0.6


@pytest.mark.slow
def test_pictures_of_several_sizes_have_the_answers_that_they_have_alone(trained, pictures):
    assert trained.predict_batch(pictures) == [trained.predict(each) for each in pictures]


@pytest.mark.parametrize(
    "broken",
    [b"", b"no picture", {"image": 1}, b"\x89PNG\r\n\x1a\n", "text", b"BM" + bytes(60)],
    ids=["nothing", "words", "JSON", "a PNG's beginning", "text", "an empty BMP"],
)
def test_what_is_no_picture_is_refused_alone(model, pictures, broken):
    before, refused, after = model.predict_batch([pictures[0], broken, pictures[1]])
    assert isinstance(refused, ts_sdk.RequestError)
    assert (refused.status, refused.message) == (400, NO_PICTURE)
    assert [before, after] == [model.predict(each) for each in pictures[:2]]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "LA"])
def test_pictures_without_three_colours_are_decoded(model, pictures, mode):
    changed = io.BytesIO()
    Image.open(io.BytesIO(pictures[0])).convert(mode).save(changed, "PNG")
    assert set(model.predict(changed.getvalue())) == {"classes", "scores", "boxes"}


@pytest.mark.slow
def test_boxes_are_drawn_where_the_answer_has_them(trained, pictures):
    answer = trained.predict(pictures[0])
    drawn = np.asarray(trained.draw(answer, pictures[0]))
    left, top, right, _ = (round(side) for side in answer["boxes"][0])
    assert drawn.shape == (128, 128, 3)
    assert drawn[(top + round(answer["boxes"][0][3])) // 2, left].tolist() == [0, 160, 0]
    assert np.asarray(Image.open(io.BytesIO(pictures[0])))[0, 0].tolist() == drawn[0, 0].tolist()
    assert right <= 128


def test_it_runs_where_only_torchserves_names_are(folder, model, pictures, tmp_path):
    source = (EXAMPLES / "mask_rcnn_opencv/handler.py").read_text()
    without = source.replace("from ts_sdk import BaseHandler", "from nowhere import BaseHandler")
    assert without != source
    (tmp_path / "handler.py").write_text(without)
    packed = archiver.pack(
        model_name="old",
        version="1.0",
        handler=tmp_path / "handler.py",
        serialized_file=folder / "mask_rcnn.pt",
        config_file=EXAMPLES / "mask_rcnn_opencv/model-config.yaml",
        export_path=tmp_path,
    )
    with ts_sdk.load(packed.path, device="cpu") as old:
        assert old.predict(pictures[0]) == model.predict(pictures[0])


def test_a_format_that_the_cpu_has_no_operations_for_is_an_error_with_the_way_out(folder, pictures):
    with (
        ts_sdk.load(folder / "digits.mar", device="cpu", precision="bfloat16") as model,
        pytest.raises(ts_sdk.RequestError, match=r"nms.*bfloat16.*autocast-bfloat16"),
    ):
        model.predict(pictures[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_precision_finds_the_same(trained_folder, trained, pictures):
    with ts_sdk.load(trained_folder / "digits.mar", device="cuda", precision="float16") as half:
        for picture in pictures:
            answer, same = half.predict(picture), trained.predict(picture)
            assert answer["classes"] == same["classes"]
            assert np.allclose(answer["boxes"], same["boxes"], atol=1)


@pytest.mark.slow
def test_the_same_model_needs_no_code_to_answer_masks(printed, trained_folder, scenes):
    scene = scenes.held_out_composer(2).compose(digits=5)
    with ts_sdk.load(trained_folder / "digits_without_code.mar", device="cpu") as model:
        found = model.predict(scene.png)
    assert found
    ink = scene.class_map > 0
    masks = [rle.decode(each["mask"]) for each in found]
    assert all(mask.shape == ink.shape for mask in masks)
    together = np.any(masks, axis=0)
    assert (together & ink).sum() / together.sum() > 0.4


@pytest.mark.slow
def test_both_draw_the_scene(printed, trained_folder):
    folder = trained_folder
    with Image.open(folder / "drawn.png") as drawn, Image.open(folder / "masks.png") as masks:
        assert drawn.size == (384, 256)
        assert masks.width >= 384
    assert len(re.findall(r"^\d \d\.\d\d \[", printed, re.MULTILINE)) >= 4


@pytest.mark.slow
def test_it_finds_nearly_all_of_them_after_the_whole_training(tmp_path):
    run("mask_rcnn_opencv/train.py", tmp_path)
    printed = run("mask_rcnn_opencv/run.py", tmp_path)
    assert number("precision", printed) > 0.88
    assert number("recall", printed) > 0.85
    assert number("boxes", printed) > 0.78
    shutil.rmtree(tmp_path)
