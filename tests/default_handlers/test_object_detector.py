"""The detector's answers, with models whose answers are known in closed form, and torchvision's."""

import base64
import io
import json
import warnings

import picture_corpus
import pytest
import torch
from picture_corpus import encoded, exif, quartered
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator

from default_handlers import ImagePreset, ObjectDetector, rle
from default_handlers.detector_calls import _REMARKS
from ts_sdk.errors import ConfigError, RequestError
from ts_sdk.testing import load_handler

BRIGHTNESS = """
import torch
from torch import nn


class Brightness(nn.Module):
    '''Finds three boxes in each picture, the first as large as it is red.'''

    def forward(self, pictures):
        return [self.find(picture) for picture in pictures]

    def find(self, picture):
        red, green, blue = picture.mean((1, 2)).tolist()
        height, width = picture.shape[1:]
        boxes = [[0, 0, width * red, height * red], [1, 2, 3 + green, 4], [0, 0, width, height]]
        return {
            "boxes": torch.tensor(boxes),
            "labels": torch.tensor([1, 2, 7]),
            "scores": torch.tensor([red, green, blue]),
        }
"""
NAMES = {"1": "cat", "2": "dog"}
PICTURE = encoded(quartered(), "PNG")
ORANGE = encoded(Image.new("RGB", (20, 10), (255, 102, 0)), "PNG")
CAT = {"cat": [0.0, 0.0, 20.0, 10.0], "score": 1.0}


@pytest.fixture
def start_detector(start):
    """Start a detector, or a subclass, on `BRIGHTNESS`."""

    def start_detector(handler_class=ObjectDetector, **options):
        given = {"model": BRIGHTNESS, "settings": {}, "names": NAMES} | options
        return start(handler_class, **given)

    return start_detector


def test_an_answer_names_each_object_with_its_box_and_score(start_detector, answer):
    """These are the answers of TorchServe's handler, but for those of other sizes in a batch."""
    got, orange = answer(start_detector(), [{"body": PICTURE}, {"body": ORANGE}])
    assert got == [
        {"cat": [0.0, 0.0, 32.0, 24.0], "score": 0.5},
        {"dog": [1.0, 2.0, 3.5, 4.0], "score": 0.5},
        {"7": [0.0, 0.0, 64.0, 48.0], "score": 0.5},
    ]
    assert orange == [CAT]


def test_a_picture_arrives_in_every_form(start_detector, answer):
    with Image.open(io.BytesIO(ORANGE)) as image:
        tensor = transforms.functional.to_tensor(image)
    rows = [
        {"body": bytearray(ORANGE)},
        {"data": base64.b64encode(ORANGE).decode()},
        {"photo": ORANGE},
        {"body": tensor.tolist()},
    ]
    assert answer(start_detector(), rows) == [[CAT]] * 4


def test_the_model_sees_pictures_as_they_are_scaled_to_1(start_detector):
    handler = start_detector()
    (seen,) = handler.preprocess([{"body": PICTURE}])
    with Image.open(io.BytesIO(PICTURE)) as image:
        assert torch.equal(seen, transforms.functional.to_tensor(image))
    assert seen.is_contiguous()


def test_boxes_are_in_pixels_of_the_upright_picture(start_detector, answer):
    data = encoded(quartered(), "JPEG", quality=95, exif=exif(6))
    (got,) = answer(start_detector(settings={"threshold": 0.1}), [{"body": data}])
    assert got[-1]["7"] == [0.0, 0.0, 48.0, 64.0]


def test_a_batch_of_mixed_sizes_goes_through_the_model_size_by_size(start_detector, answer):
    handler = start_detector()
    shapes = []
    handler.model.register_forward_pre_hook(lambda _, given: shapes.append(given[0].shape))
    rows = [{"body": data} for data in (ORANGE, PICTURE, ORANGE, PICTURE)]
    answers = answer(handler, rows)
    assert shapes == [(2, 3, 10, 20), (2, 3, 48, 64)]
    assert answers == [answer(handler, [row])[0] for row in rows]


def test_pictures_of_one_size_are_one_tensor_and_others_a_list(start_detector):
    handler = start_detector()
    assert handler.preprocess([{"body": ORANGE}] * 2).shape == (2, 3, 10, 20)
    mixed = handler.preprocess([{"body": ORANGE}, {"body": PICTURE}])
    assert [each.shape for each in mixed] == [(3, 10, 20), (3, 48, 64)]


HOSTILE = picture_corpus.refused()


@pytest.mark.parametrize("hostile", HOSTILE, ids=[case.name for case in HOSTILE])
def test_a_hostile_picture_is_rejected_alone(start_detector, answer, hostile):
    rows = [{"body": ORANGE}, {"body": hostile.data}, {"body": ORANGE}]
    first, rejected, last = answer(start_detector(), rows)
    assert (rejected["code"], hostile.words in rejected["message"]) == (400, True)
    assert first == last == [CAT]


@pytest.mark.parametrize("value", [[[1.0, 2.0]], 1.5, [[[float("inf")]]], [], "no base64"])
def test_a_hostile_tensor_is_rejected_alone(start_detector, answer, value):
    good, bad = answer(start_detector(), [{"body": ORANGE}, {"body": value}])
    assert good == [CAT]
    assert bad["code"] == 400


def test_all_friendly_pictures_are_answered(start_detector, answer):
    rows = [{"body": case.data} for case in picture_corpus.accepted()]
    answers = answer(start_detector(), rows)
    assert all(isinstance(each, list) for each in answers)


def test_a_picture_with_nothing_in_it_has_an_empty_answer(start_detector, answer):
    black = encoded(Image.new("RGB", (5, 5)), "PNG")
    assert answer(start_detector(), [{"body": black}, {"body": ORANGE}]) == [[], [CAT]]


def test_a_class_named_score_leaves_the_score_its_place(start_detector, answer):
    (got,) = answer(start_detector(names={"1": "score", "2": "dog"}), [{"body": ORANGE}])
    assert got == [{"score (1)": CAT["cat"], "score": 1.0}]


def test_records_cannot_collide_with_class_names(start_detector, answer):
    handler = start_detector(settings={"answers": "records"}, names={"1": "score"})
    assert answer(handler, [{"body": ORANGE}]) == [
        [{"label": "score", "index": 1, "score": 1.0, "box": CAT["cat"]}]
    ]


def test_the_threshold_may_be_set_in_four_ways(start_detector, answer):
    class Low(ObjectDetector):
        threshold = 0.3

    class Own(ObjectDetector):
        def __init__(self):
            super().__init__()
            self.threshold = 0.3

    assigned = start_detector()
    assigned.threshold = 0.3
    settings = start_detector(settings={"threshold": 0.3})
    for handler in (assigned, settings, start_detector(Low), start_detector(Own)):
        (got,) = answer(handler, [{"body": ORANGE}])
        assert [each["score"] for each in got] == pytest.approx([1.0, 0.4])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"threshold": 50}, "threshold must be a number from 0 to 1, not 50"),
        ({"treshold": 0.5}, r"treshold is not a setting; did you mean threshold\?"),
        ({"answers": "recods"}, r"did you mean records\?"),
        ({"max_boxs": 9}, r"max_boxs is not a setting; did you mean max_boxes\?"),
        ({"classes": ["cta"]}, r"there is no class 'cta'; did you mean 'cat'\?"),
    ],
)
def test_wrong_settings_are_refused_when_the_handler_starts(start_detector, settings, words):
    with pytest.raises(ConfigError, match=words):
        start_detector(settings=settings)


def test_a_preset_of_a_subclass_gives_all_pictures_one_size(start_detector):
    class Square(ObjectDetector):
        preset = ImagePreset(8, 8, mean=(0, 0, 0), std=(1, 1, 1))

    handler = start_detector(Square, settings={"crop": 6})
    batch = handler.preprocess([{"body": ORANGE}, {"body": PICTURE}])
    assert batch.shape == (2, 3, 6, 6)


def test_an_old_subclass_prepares_pictures_and_calls_the_model_itself(start_detector, answer):
    class Old(ObjectDetector):
        image_processing = transforms.Compose([transforms.ToTensor()])

        def inference(self, data, *args, **kwargs):
            return self.model(data.to(self.device), *args, **kwargs)

        def postprocess(self, data):
            return [len(row["boxes"][row["scores"] >= self.threshold]) for row in data]

    assert answer(start_detector(Old), [{"body": ORANGE}, {"body": ORANGE}]) == [1, 1]


@pytest.mark.parametrize("wrong", ["boxes * float('nan')", "scores + float('inf')"])
def test_numbers_that_are_none_fail_their_own_request_only(start_detector, answer, wrong):
    name = wrong.partition(" ")[0]
    model = BRIGHTNESS.replace("return [self.find", "return [self.spoilt")
    model += f"""
    def spoilt(self, picture):
        found = self.find(picture)
        {name} = found["{name}"]
        return found | ({{"{name}": {wrong}}} if picture.shape[1] == 48 else {{}})
"""
    good, bad = answer(start_detector(model=model), [{"body": ORANGE}, {"body": PICTURE}])
    assert good == [CAT]
    assert bad["code"] == 500
    assert "NaN or infinite" in bad["message"]


def test_answers_are_json(start_detector, answer):
    answers = answer(start_detector(), [{"body": PICTURE}, {"body": b""}])
    assert json.loads(json.dumps(answers)) == answers


class TestTorchvision:
    """A Faster R-CNN of torchvision, untrained and very small."""

    @pytest.fixture
    def detector(self):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()]
        backbone = nn.Sequential(*layers)
        backbone.out_channels = 8
        anchors = AnchorGenerator(((32, 64),), ((1.0,),))
        module = FasterRCNN(
            backbone,
            4,
            rpn_anchor_generator=anchors,
            min_size=96,
            max_size=160,
            rpn_pre_nms_top_n_test=60,
            rpn_post_nms_top_n_test=10,
            box_detections_per_img=5,
        )
        return module.eval()

    @pytest.fixture
    def expected(self, detector):
        """What the module itself answers for each of two pictures alone."""

        def expected(data):
            with Image.open(io.BytesIO(data)) as image, torch.inference_mode():
                (found,) = detector([transforms.functional.to_tensor(image)])
            boxes, labels, scores = (found[key].tolist() for key in ("boxes", "labels", "scores"))
            return [
                {str(label): pytest.approx(box, abs=1e-3), "score": pytest.approx(score, abs=1e-4)}
                for label, box, score in zip(labels, boxes, scores, strict=True)
            ]

        return expected

    def test_a_strip_that_it_would_resize_to_nothing_is_refused(self, detector):
        with load_handler("object_detector", model=detector) as model:
            strip, square = (
                encoded(Image.new("RGB", size), "PNG") for size in ((5000, 1), (64, 64))
            )
            alone = model.predict(square)
            first, refused, last = model.predict_batch([square, strip, square])
        assert (refused.status, refused.index) == (400, 1)
        assert "cannot take a picture of 5000 x 1 pixels" in refused.message
        assert first == last == alone

    @pytest.mark.parametrize("form", ["eager", "scripted"])
    def test_answers_as_alone_whatever_is_beside_it(
        self, form, detector, expected, start_detector, scripted, answer
    ):
        handler = start_detector(model=scripted(detector), names=None, settings={"threshold": 0.2})
        if form == "eager":
            handler.model = detector
        rows = [ORANGE, PICTURE, ORANGE]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answers = answer(handler, [{"body": data} for data in rows])
        assert all(answers)
        assert answers == [expected(data) for data in rows]

    def test_says_nothing_to_the_log(self, detector, start_detector, scripted, answer):
        handler = start_detector(model=scripted(detector))
        for _ in range(2):
            answer(handler, [{"body": ORANGE}])
        assert warnings.filters.count(_REMARKS) == 1


def test_the_class_says_that_it_may_run_in_threads():
    assert vars(ObjectDetector)["concurrent"] is True


CROWD = """
import torch
from torch import nn


class Crowd(nn.Module):
    '''Two cats on top of each other, a dog in the same place, and a third cat elsewhere.'''

    def forward(self, pictures):
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 8], [12, 0, 20, 8]])
        return [
            {
                "boxes": boxes,
                "labels": torch.tensor([1, 1, 2, 1]),
                "scores": torch.tensor([0.9, 0.8, 0.7, 0.6]),
            }
            for _ in pictures
        ]
"""


@pytest.mark.parametrize(
    ("settings", "scores"),
    [
        ({}, [0.9, 0.8, 0.7, 0.6]),
        ({"nms": 0.5}, [0.9, 0.7, 0.6]),
        ({"nms": 0.5, "nms_per_class": False}, [0.9, 0.6]),
        ({"max_boxes": 2}, [0.9, 0.8]),
        ({"classes": ["dog"]}, [0.7]),
        ({"classes": [1], "threshold": 0.7}, [0.9, 0.8]),
    ],
    ids=str,
)
def test_settings_select_what_is_answered(start_detector, answer, settings, scores):
    (got,) = answer(start_detector(model=CROWD, settings=settings), [{"body": ORANGE}])
    assert [each["score"] for each in got] == pytest.approx(scores)


def test_a_class_filter_may_stand_on_a_subclass(start_detector, answer):
    class Dogs(ObjectDetector):
        classes = ("dog",)
        max_boxes = 1

    (got,) = answer(start_detector(Dogs, model=CROWD), [{"body": ORANGE}])
    assert [each["score"] for each in got] == pytest.approx([0.7])


@pytest.mark.parametrize("wrong", ["labels.float() * float('nan')", "labels / 0.0"])
def test_a_class_that_is_no_number_fails_its_own_request_only(start_detector, answer, wrong):
    labels = "torch.tensor([1, 1, 2, 1])"
    model = CROWD.replace(labels, f"self.spoil(_, {labels})")
    model += f"""
    def spoil(self, picture, labels):
        return {wrong} if picture.shape[1] == 48 else labels
"""
    good, bad = answer(start_detector(model=model), [{"body": ORANGE}, {"body": PICTURE}])
    assert len(good) == 4
    assert (bad["code"], "NaN or infinite" in bad["message"]) == (500, True)


@pytest.mark.parametrize("shape", [(4, 10, 20), (1, 10, 20), (3, 0, 20)])
def test_a_tensor_that_the_model_cannot_take_is_its_senders_fault(start_detector, shape):
    handler = start_detector()
    view = handler.context.for_batch([{}], ["a"])
    sent = torch.full(shape, 0.5).tolist()
    if 0 in shape:
        (got,) = handler.handle([{"body": sent}], view)
        assert (got["code"], "empty" in got["message"]) == (400, True)
        return
    with pytest.raises(RequestError, match=r"the model cannot take the tensor of shape \(\d, 10,"):
        handler.handle([{"body": sent}], view)


class TestMaskRCNN:
    """A Mask R-CNN of torchvision, untrained and very small."""

    @pytest.fixture
    def masks_found(self):
        """The network, and what it finds in `PICTURE` by itself."""
        from torchvision.models.detection import MaskRCNN
        from torchvision.ops import MultiScaleRoIAlign

        torch.manual_seed(0)
        backbone = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1))
        backbone.out_channels = 8
        network = MaskRCNN(
            backbone,
            4,
            min_size=96,
            max_size=160,
            rpn_anchor_generator=AnchorGenerator(((32, 64),), ((1.0,),)),
            mask_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
            rpn_post_nms_top_n_test=10,
            box_detections_per_img=3,
            box_score_thresh=0.1,
        ).eval()
        with Image.open(io.BytesIO(PICTURE)) as image, torch.inference_mode():
            (found,) = network([transforms.functional.to_tensor(image)])
        assert len(found["boxes"]) == 3
        return network, found

    @pytest.mark.parametrize("form", ["eager", "scripted"])
    def test_masks_are_those_of_the_network(
        self, form, masks_found, start_detector, scripted, answer
    ):
        network, found = masks_found
        settings = {"answers": "records", "threshold": 0.1}
        handler = start_detector(model=scripted(network), settings=settings, names=None)
        if form == "eager":
            handler.model = network
        _, got = answer(handler, [{"body": ORANGE}, {"body": PICTURE}])
        for each, mask in zip(got, found["masks"], strict=True):
            assert (rle.decode(each["mask"]) == (mask[0] >= 0.5).numpy()).mean() > 0.999
        assert json.loads(json.dumps(got)) == got
