"""A vision handler prepares every picture of a batch, or rejects it alone."""

import base64

import numpy as np
import picture_corpus
import pytest
import torch
from picture_corpus import encoded, exif, quartered
from PIL import Image
from torchvision import transforms

from default_handlers import ImageClassifier, ImagePreset, VisionHandler
from default_handlers.decoding import MAX_PIXELS
from ts_sdk.errors import ConfigError, RequestError

RED_PNG = encoded(Image.new("RGB", (30, 20), (255, 0, 0)), "PNG")
BLUE_JPEG = encoded(Image.new("RGB", (40, 400), (0, 0, 255)), "JPEG")
SUM_OF_EACH = """
from torch import nn


class SumOfEach(nn.Module):
    def forward(self, pictures):
        return pictures.flatten(1).sum(1, keepdim=True).repeat(1, 3)
"""


class Scores(VisionHandler):
    """Answers what the model answers."""


def close(some, others):
    return np.allclose(some, others, atol=1e-5)


def test_pictures_of_any_size_and_kind_become_one_batch(start):
    handler = start(Scores)
    grey = encoded(Image.new("L", (7, 900), 51), "PNG")
    batch = handler.preprocess([{"body": RED_PNG}, {"data": grey}, {"image": BLUE_JPEG}])
    assert batch.shape == (3, 3, 224, 224)
    means = batch.mean((2, 3)).tolist()
    assert close(means[:2], [[1, 0, 0], [0.2, 0.2, 0.2]])
    assert np.allclose(means[2], [0, 0, 1], atol=0.01)


def test_base64_text_is_the_same_picture(start):
    handler = start(Scores)
    text = base64.b64encode(RED_PNG).decode()
    batch = handler.preprocess([{"body": RED_PNG}, {"body": text}])
    assert torch.equal(batch[0], batch[1])


def test_a_pillow_image_is_the_same_picture(start):
    handler = start(Scores)
    image = quartered()
    image.getexif()[0x0112] = 6
    batch = handler.preprocess([{"body": image}, {"body": encoded(image, "PNG", exif=exif(6))}])
    assert torch.equal(batch[0], batch[1])


def test_nested_lists_are_a_tensor_that_is_prepared_already(start):
    handler = start(Scores)
    ready = torch.rand(3, 224, 224)
    batch = handler.preprocess([{"data": ready.tolist()}, {"data": RED_PNG}])
    assert torch.equal(batch[0], ready)
    assert close(batch[1].mean((1, 2)), [1, 0, 0])


def test_tensors_of_different_shapes_are_answered_each_for_itself(start, answer):
    handler = start(Scores, model=SUM_OF_EACH)
    rows = [{"data": [[[1.0]]]}, {"data": [[[1.0, 2.0]], [[3.0, 4.0]]]}, {"data": [[[5.0]]]}]
    assert answer(handler, rows) == [[1.0] * 3, [10.0] * 3, [5.0] * 3]


@pytest.mark.parametrize(
    ("returned", "joined"),
    [
        ("pictures.sum()[None], pictures[:, 0, 0, 0]", [[1.0, 10.0], [1.0, 1.0]]),
        ("{'logits': pictures.sum()[None]}", {"logits": [1.0, 10.0]}),
    ],
)
def test_outputs_of_every_shape_are_joined(start, returned, joined):
    lines = ("from torch import nn", "class M(nn.Module):", " def forward(self, pictures):")
    model = "\n".join((*lines, f"  return {returned}"))
    handler = start(Scores, model=model)
    batch = handler.preprocess([{"data": [[[1.0]]]}, {"data": [[[1.0, 2.0], [3.0, 4.0]]]}])
    output = handler.inference(batch)
    parts = output if isinstance(output, dict) else dict(enumerate(output))
    wanted = joined if isinstance(joined, dict) else dict(enumerate(joined))
    assert {key: value.tolist() for key, value in parts.items()} == wanted


HOSTILE = picture_corpus.refused()
FRIENDLY = picture_corpus.accepted()


@pytest.mark.parametrize("hostile", HOSTILE, ids=[case.name for case in HOSTILE])
def test_a_hostile_picture_is_rejected_alone_and_its_neighbours_answer_as_ever(
    start, answer, hostile
):
    handler = start(Scores)
    neighbours = [{"body": RED_PNG}, {"body": BLUE_JPEG}]
    alone = [answer(handler, [row])[0] for row in neighbours]

    first, rejected, last = answer(handler, [neighbours[0], {"body": hostile.data}, neighbours[1]])

    assert close(first, alone[0])
    assert close(last, alone[1])
    assert rejected["code"] == 400
    assert hostile.words in rejected["message"]


def test_all_friendly_pictures_are_answered_in_one_batch(start, answer):
    handler = start(Scores)
    rows = [{"body": case.data} for case in FRIENDLY]
    together = answer(handler, rows)
    for case, row, got in zip(FRIENDLY, rows, together, strict=True):
        assert close(answer(handler, [row])[0], got), case.name


def test_a_batch_of_nothing_but_hostile_pictures_never_reaches_the_model(start, answer):
    handler = start(Scores, model="from torch import nn\nclass M(nn.Module): pass")
    answers = answer(handler, [{"body": case.data} for case in HOSTILE])
    assert [each["code"] for each in answers] == [400] * len(HOSTILE)


def test_the_context_is_told_of_a_rejection(start):
    handler = start(Scores)
    view = handler.context.for_batch([{}, {}], ["a", "b"])
    handler.handle([{"body": RED_PNG}, {"body": b"<html>"}], view)
    assert view.get_response_status(0)[0] == 200
    status, phrase = view.get_response_status(1)
    assert status == 400
    assert "an HTML page" in phrase


def test_the_preset_may_come_from_the_settings(start):
    handler = start(
        Scores,
        settings={
            "resize": 40,
            "crop": 32,
            "mean": [0.1, 0.2, 0.3],
            "std": [1, 1, 2],
            "interpolation": "bicubic",
        },
    )
    assert handler.preset == ImagePreset(40, 32, (0.1, 0.2, 0.3), (1, 1, 2), "bicubic")
    assert handler.preprocess([{"body": RED_PNG}]).shape == (1, 3, 32, 32)


def test_the_preset_may_come_from_a_subclass_and_settings_change_only_what_they_name(start):
    class Small(Scores):
        preset = ImagePreset(40, 32, std=(1, 1, 1))

    assert start(Small, settings={"crop": 16}).preset == ImagePreset(40, 16, std=(1, 1, 1))
    assert Small.preset.crop_px == 32


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"crop": 300}, "a crop of 300 px does not fit into a shorter side resized to 256 px"),
        ({"resize": -1}, "resize must be a whole number of at least 1, a list of height and width"),
        ({"std": [0, 1, 1]}, "those of std above 0"),
        ({"max_pixel": 3}, r"max_pixel is not a setting; did you mean max_pixels\?"),
        ("fast", "handler must be a section"),
    ],
)
def test_wrong_settings_are_refused_when_the_handler_starts(start, settings, words):
    with pytest.raises(ConfigError, match=words):
        start(Scores, settings=settings)


def test_fast_decoding_is_asked_for_by_a_setting(start):
    large = encoded(quartered(2400, 1800), "JPEG", quality=90)
    exact, fast = (start(Scores, settings={"fast_decode": flag}) for flag in (False, True))
    batches = [handler.preprocess([{"body": large}]) for handler in (exact, fast)]
    assert not torch.equal(*batches)
    assert (batches[0] - batches[1]).abs().mean() < 1 / 255 / 0.22


@pytest.mark.parametrize(
    ("limited", "settings", "max_pixels"),
    [
        (True, {}, MAX_PIXELS),
        (False, {}, None),
        (True, {"max_pixels": 100}, 100),
        (False, {"max_pixels": 100}, 100),
        (True, {"max_pixels": 10**12}, 10**12),
    ],
)
def test_the_limit_on_pixels_is_the_servers_or_that_of_the_settings(
    start, limited, settings, max_pixels
):
    handler = start(Scores, settings=settings, limit_max_image_pixels=limited)
    assert handler.max_pixels == max_pixels


def test_a_picture_over_the_limit_is_rejected(start, answer):
    handler = start(Scores, settings={"max_pixels": 599})
    (rejected,) = answer(handler, [{"body": RED_PNG}])
    assert "30 x 20, 600 pixels; at most 599" in rejected["message"]


class OldStyle(Scores):
    """Prepares pictures in the way of handlers written for TorchServe."""

    image_processing = transforms.Compose(
        [
            transforms.Resize(20),
            transforms.CenterCrop(16),
            transforms.ToTensor(),
            transforms.Normalize((0, 0, 0), (1, 1, 1)),
        ]
    )


class Digits(Scores):
    """Is made for grey pictures, as TorchServe's MNIST example."""

    image_processing = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])


@pytest.mark.parametrize("case", FRIENDLY, ids=[case.name for case in FRIENDLY])
def test_image_processing_of_a_subclass_is_used_for_pictures_of_every_kind(start, case):
    batch = start(OldStyle, settings={}).preprocess([{"body": case.data}])
    assert batch.shape == (1, 3, 16, 16)
    assert 0 <= batch.min() <= batch.max() <= 1


def test_image_processing_made_for_grey_pictures_gets_them_grey(start):
    grey = encoded(Image.new("L", (28, 28), 255), "PNG")
    batch = start(Digits, settings={}).preprocess([{"body": grey}])
    assert batch.shape == (1, 1, 28, 28)
    assert batch.unique().tolist() == [1.0]


def test_image_processing_gets_the_picture_upright_and_is_not_normalised_again(start):
    class Thumbnail(Scores):
        def image_processing(self, image):
            return transforms.functional.pil_to_tensor(image)[:, ::47, ::63]

    data = encoded(quartered(), "PNG", exif=exif(3))
    batch = start(Thumbnail, settings={}).preprocess([{"body": data}])
    assert batch[0].permute(1, 2, 0).flatten(0, 1).tolist() == [
        list(colour) for colour in picture_corpus.TURNED[3]
    ]


def test_image_processing_may_be_set_on_the_instance(start):
    handler = start(Scores, settings={})
    handler.image_processing = OldStyle.image_processing
    assert handler.preprocess([{"body": RED_PNG}]).shape == (1, 3, 16, 16)


def test_our_own_image_processing_can_be_called_as_subclasses_of_old_do(start):
    handler = start(Scores)
    with Image.open(picture_corpus.io.BytesIO(RED_PNG)) as image:
        tensor = handler.image_processing(image)
    assert torch.equal(tensor, handler.preprocess([{"body": RED_PNG}])[0])


def test_settings_that_image_processing_would_ignore_are_refused(start):
    with pytest.raises(ConfigError, match=r"crop would have no effect, since OldStyle\.image_"):
        start(OldStyle, settings={"crop": 10})


def test_image_processing_that_returns_no_tensor_is_told_so(start):
    class Forgetful(Scores):
        image_processing = transforms.Resize(20)

    handler = start(Forgetful, settings={})
    with pytest.raises(TypeError, match="must return a tensor, not a PngImageFile"):
        handler.preprocess([{"body": RED_PNG}])


def test_an_error_in_image_processing_is_not_hidden(start):
    class Broken(Scores):
        def image_processing(self, image):
            raise ZeroDivisionError(image.mode)

    with pytest.raises(ZeroDivisionError, match="RGB"):
        start(Broken, settings={}).preprocess([{"body": RED_PNG}])


def test_only_classes_that_say_so_may_run_in_threads():
    assert vars(ImageClassifier)["concurrent"] is True
    assert "concurrent" not in vars(VisionHandler)


NINE_SQUARE = """
from torch import nn


class NineSquare(nn.Module):
    '''Takes three channels of 9 x 9 only.'''

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(9, 3)

    def forward(self, pictures):
        if pictures.shape[1] != 3:
            raise ValueError("three channels, please")
        return self.layer(pictures).mean((1, 2))
"""


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (
            torch.zeros(3, 9, 8),
            r"the model cannot take the tensor of shape \(3, 9, 8\) that was sent",
        ),
        (torch.zeros(4, 9, 9), r"shape \(4, 9, 9\) that was sent \(three channels, please\)"),
        (torch.zeros(5), r"shape \(5,\)"),
        (torch.tensor(1.0).expand(1, 1, 1, 1, 1), r"shape \(1, 1, 1, 1, 1\)"),
    ],
)
def test_a_tensor_that_the_model_cannot_take_is_its_senders_fault(start, answer, sent, words):
    handler = start(Scores, model=NINE_SQUARE, settings={"resize": 9, "crop": 9})
    with pytest.raises(RequestError, match=words) as refusal:
        answer(handler, [{"body": sent.tolist()}])
    assert refusal.value.status == 400
    with pytest.raises(RequestError, match=words) as refusal:
        answer(handler, [{"body": RED_PNG}, {"body": sent.tolist()}])
    assert refusal.value.index == 1


def test_a_model_that_fails_on_a_picture_is_not_the_senders_fault(start, answer):
    handler = start(Scores, model=NINE_SQUARE, settings={"resize": 8, "crop": 8})
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        answer(handler, [{"body": RED_PNG}])


@pytest.mark.parametrize("sent", [torch.zeros(3, 9, 8), torch.zeros(4, 9, 9)])
def test_of_a_batch_only_the_tensors_request_fails(tmp_path, sent):
    import json

    import ts_sdk

    (tmp_path / "MAR-INF").mkdir()
    manifest = {
        "model": {
            "modelName": "nine",
            "modelFile": "model.py",
            "handler": "image_classifier",
            "configFile": "model-config.yaml",
        }
    }
    (tmp_path / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
    (tmp_path / "model.py").write_text(NINE_SQUARE)
    (tmp_path / "model-config.yaml").write_text("handler: {resize: 9, crop: 9}")
    with ts_sdk.load(tmp_path, device="cpu") as model:
        good, bad, also_good, empty = model.predict_batch([RED_PNG, sent, RED_PNG, []])
        assert good == also_good == model.predict(RED_PNG)
    assert (bad.status, bad.index) == (400, 1)
    assert "that was sent" in bad.message
    assert (empty.status, empty.index) == (400, 3)


@pytest.mark.parametrize("layout", ["channels_last", "nchw"])
def test_the_layout_is_that_of_the_input_and_of_the_filters(start, layout):
    filters = MEAN_OF_FILTERS
    handler = start(Scores, model=filters, settings={"layout": layout, "resize": 8, "crop": 8})
    batch = handler.preprocess([{"body": RED_PNG}, {"body": BLUE_JPEG}])
    weight = handler.model.layer.weight
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    assert batch.is_contiguous(memory_format=memory)
    assert weight.is_contiguous(memory_format=memory)


MEAN_OF_FILTERS = """
from torch import nn


class MeanOfFilters(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, pictures):
        return self.layer(pictures).mean((2, 3))
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"colour": "bgr"}, {"colour": "bgr", "mean": (0.406, 0.456, 0.485)}),
        ({"colour": "grey"}, {"colour": "grey", "mean": (0.0,), "std": (1.0,)}),
        ({"colour": "grey", "mean": 0.5}, {"colour": "grey", "mean": (0.5,), "std": (1.0,)}),
        ({"value_range": "0..255"}, {"mean": (0.0,) * 3, "std": (1.0,) * 3}),
        ({"value_range": "0..255", "mean": [1, 2, 3]}, {"mean": (1.0, 2.0, 3.0)}),
        ({"value_range": "0..1"}, {"mean": (0.485, 0.456, 0.406)}),
        ({"crop": "none"}, {"crop_px": None}),
        ({"resize": [300, 400], "crop": [280, 390]}, {"resize_px": (300, 400)}),
        ({"resize": 400, "longest_side": 500, "crop": None}, {"longest_px": 500}),
    ],
    ids=str,
)
def test_what_is_not_set_goes_with_what_is(start, settings, expected):
    preset = start(Scores, settings=settings).preset
    assert {name: getattr(preset, name) for name in expected} == expected


def test_a_picture_that_is_too_elongated_is_rejected_alone(start, answer):
    handler = start(Scores, settings={"resize": 16, "longest_side": 40, "crop": "none"})
    strip = encoded(Image.new("RGB", (2000, 3)), "PNG")
    good, bad = answer(handler, [{"body": RED_PNG}, {"body": strip}])
    assert (bad["code"], "resized to 40 x 0" in bad["message"]) == (400, True)
    assert np.array(good).shape == (3,)
