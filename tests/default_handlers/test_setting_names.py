"""A default handler refuses settings that it has no use for; a user's own may read any."""

import pytest

from default_handlers import ImageClassifier, ImageSegmenter, ObjectDetector, TextClassifier
from default_handlers.setting_names import meant_by, owner_of
from ts_sdk.errors import ConfigError

MODEL = "from torch import nn\nclass M(nn.Module):\n def forward(self, x, y=None): return x"
HANDLERS = {
    "image_classifier": ImageClassifier,
    "image_segmenter": ImageSegmenter,
    "object_detector": ObjectDetector,
    "text_classifier": TextClassifier,
}


@pytest.fixture
def start_any(start):
    """Start a handler, whatever it is for, with some settings."""

    def start_any(handler_class, settings):
        vocabulary = ["word"] if issubclass(handler_class, TextClassifier) else None
        return start(handler_class, model=MODEL, settings=settings, vocabulary=vocabulary)

    return start_any


@pytest.mark.parametrize(
    ("owner", "name", "meant"),
    [
        ("image_classifier", "max_boxes", "topk"),
        ("image_classifier", "crop_size", "crop"),
        ("image_classifier", "max_length", None),
        ("image_segmenter", "threshold", "mask_threshold"),
        ("image_segmenter", "topk", None),
        ("object_detector", "topk", "max_boxes"),
        ("object_detector", "top_k", "max_boxes"),
        ("object_detector", "iou_threshold", "nms"),
        ("object_detector", "score_threshold", "threshold"),
        ("object_detector", "activation", None),
        ("text_classifier", "max_seq_length", "max_length"),
        ("text_classifier", "threshold", None),
        ("text_classifier", "resize", None),
    ],
)
def test_a_setting_of_another_handler_is_refused_with_the_nearest_of_its_own(
    start_any, owner, name, meant
):
    told = rf"; did you mean {meant}\?" if meant else rf" of {owner}, whose settings are \w+, .*"
    with pytest.raises(ConfigError, match=f"section handler: {name} is not a setting{told}"):
        start_any(HANDLERS[owner], {name: 1})


@pytest.mark.parametrize("owner", HANDLERS)
def test_what_the_sdk_reads_of_every_handler_is_no_setting_of_another(start_any, owner):
    handler = start_any(HANDLERS[owner], {"profile": True, "onnx_runtime": "openvino"})
    assert handler.settings == {"profile": True, "onnx_runtime": "openvino"}
    assert owner_of(handler) == owner


@pytest.mark.parametrize("handler_class", HANDLERS.values())
def test_a_users_own_handler_may_read_settings_of_any_name(start_any, handler_class):
    class Own(handler_class):
        def initialize(self, context):
            super().initialize(context)
            self.mine = self.settings["max_detections"]

    own = start_any(Own, {"max_detections": 7, "iou_threshold": 0.5, "weights_url": "x", 8: 9})
    assert own.mine == 7
    assert owner_of(own) is None


def test_its_misspellings_are_refused_as_before(start_any):
    class Own(ObjectDetector):
        pass

    with pytest.raises(ConfigError, match=r"treshold is not a setting; did you mean threshold\?"):
        start_any(Own, {"treshold": 0.5})


def test_all_unknown_names_are_told_at_once(start_any):
    with pytest.raises(ConfigError) as refusal:
        start_any(ObjectDetector, {"topk": 1, "zebra": 2, "threshold": 3})
    assert len(refusal.value.problems) == 3


def test_nothing_is_meant_by_what_is_like_nothing():
    assert meant_by("zebra", ["crop", "resize"]) is None


@pytest.mark.parametrize(
    ("owner", "settings", "idle"),
    [
        ("object_detector", {"interpolation": "nearest"}, ["interpolation"]),
        ("object_detector", {"fast_decode": True}, ["fast_decode"]),
        ("object_detector", {"nms_per_class": False}, ["nms_per_class"]),
        ("object_detector", {"masks": "png", "mask_threshold": 0.4}, ["masks", "mask_threshold"]),
        (
            "object_detector",
            {"answers": "records", "masks": "none", "mask_threshold": 0.4},
            ["mask_threshold"],
        ),
        ("object_detector", {"answers": "records", "masks": "png", "nms": 0.5}, []),
        ("object_detector", {"resize": 64, "interpolation": "nearest", "fast_decode": True}, []),
        ("image_segmenter", {"masks": "rle"}, ["masks"]),
        ("image_segmenter", {"masks": "rle", "answers": "records"}, []),
        ("text_classifier", {"texts_per_call": 8}, ["texts_per_call"]),
    ],
)
def test_a_setting_without_effect_is_told_in_the_log(start_any, caplog, owner, settings, idle):
    start_any(HANDLERS[owner], settings)
    assert [message.split()[3] for message in caplog.messages] == idle
    assert all("has no effect, since" in message for message in caplog.messages)


@pytest.mark.parametrize(("wanted", "told"), [([99], True), ([1, "cat"], False)])
def test_a_class_beyond_the_labels_is_told_in_the_log(start, caplog, wanted, told):
    start(settings={"classes": wanted}, names={"0": "cat", "1": "dog"})
    words = "classes: there is no class 99 in index_to_name.json, whose last is 1"
    assert any(words in message for message in caplog.messages) is told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"resize": 20_000}, "resized to 400,000,000 pixels, and at most 178,956,970 are made"),
        ({"resize": [20_000, 9000]}, "resized to 180,000,000 pixels"),
        ({"resize": 5000, "crop": "none", "max_pixels": 9999}, "and at most 16,777,216 are made"),
    ],
)
def test_a_resize_to_more_pixels_than_a_picture_may_have_is_refused(start, settings, words):
    with pytest.raises(ConfigError, match=words):
        start(settings=settings)


def test_a_longest_side_bounds_a_resize(start):
    assert start(settings={"resize": 20_000, "longest_side": 300}).preset.square_pixels == 90_000
