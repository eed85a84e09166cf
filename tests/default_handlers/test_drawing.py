"""What is drawn can be seen: colours, places, words that are not cut off."""

import json

import numpy as np
import pytest
from picture_corpus import encoded, exif, quartered
from PIL import Image, ImageDraw

from default_handlers import ImageClassifier, ImageSegmenter, ObjectDetector
from default_handlers.drawing.canvas import Canvas
from default_handlers.drawing.objects import Drawn, draw_objects
from default_handlers.drawing.overlays import overlaid
from default_handlers.drawing.ranking import draw_ranking
from default_handlers.drawing.regions import Region, draw_regions
from default_handlers.drawing.tags import Tags
from default_handlers.drawing.words import font_for, percent, shortened
from default_handlers.palette import colour_of
from ts_sdk.errors import RequestError

GREY = (128, 128, 128)
BAR = (26, 115, 232)
SIZES = [(640, 480), (28, 28), (4000, 3000), (5000, 1), (1, 5000), (1, 1), (3000, 20)]
LONG = "a class whose name goes on and on, " * 9


def plain(size=(640, 480)):
    return Image.new("RGB", size, GREY)


def share_of(image, colour):
    """How much of an image has exactly this colour."""
    return (np.array(image) == colour).all(axis=2).mean()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pictures_of_every_size_become_ones_that_can_be_looked_at(size):
    canvas = Canvas.of(plain(size))
    assert 640 <= max(canvas.image.size) <= 1600
    assert min(canvas.image.size) >= 50
    assert max(canvas.size) == min(max(*size, 640), 1600)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_box_around_all_of_a_picture_is_on_the_canvas(size):
    canvas = Canvas.of(plain(size))
    left, top, right, bottom = canvas.box([0, 0, *size])
    assert 0 <= left <= right < canvas.image.width
    assert 0 <= top <= bottom < canvas.image.height
    image = draw_objects(plain(size), [Drawn("all", 3, 0.9, [0, 0, *size])])
    assert image.size == canvas.image.size
    assert share_of(image, colour_of(3)) > 0


def test_boxes_are_drawn_where_they_are_in_the_colour_of_their_class():
    boxes = {1: [100, 100, 200, 180], 2: [300.4, 250.2, 500.9, 400]}
    objects = [Drawn("cat", number, 0.5, box) for number, box in boxes.items()]
    pixels = np.array(draw_objects(plain(), objects))
    for number, (left, _, right, bottom) in boxes.items():
        for place in ((bottom, left + 40), (bottom - 40, left), (bottom - 40, right)):
            row, column = (round(each) for each in place)
            near = pixels[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3)
            assert (near == colour_of(number)).all(axis=1).any()
    assert (pixels[220, 250] == GREY).all()


@pytest.mark.parametrize(
    "box", [[500, 300, 100, 50], [-50, -50, 9999, 9999], [700, 500, 800, 600], [5, 5, 5, 5]]
)
def test_boxes_that_are_upside_down_outside_or_empty_are_drawn_too(box):
    assert draw_objects(plain(), [Drawn("odd", 1, 0.5, box)]).size == (640, 480)


def test_masks_colour_their_pixels_and_no_others():
    mask = np.zeros((480, 640), bool)
    mask[100:200, 300:400] = True
    objects = [Drawn("cat", 1, 0.5, [300, 100, 400, 200], mask)]
    pixels = np.array(draw_objects(plain(), objects)).astype(int)
    mixed = 0.45 * np.array(colour_of(1)) + 0.55 * np.array(GREY)
    assert np.abs(pixels[150, 350] - mixed).max() <= 2
    assert (pixels[250, 350] == GREY).all()


def canvas_tags(size=(640, 480)):
    image = plain(size)
    return Tags(ImageDraw.Draw(image), image.size, font_for(max(size)))


@pytest.mark.parametrize("label", ["cat", LONG, "", "two\nlines", "猫", "e\u0301"])
@pytest.mark.parametrize(
    "box",
    [(0, 0, 5, 5), (600, 0, 639, 9), (0, 470, 9, 479), (630, 470, 639, 479), (0, 0, 639, 479)],
)
def test_no_tag_reaches_beyond_the_canvas(label, box):
    tags = canvas_tags()
    tags.add(label, "98 %", box, colour_of(1))
    ((left, top, right, bottom),) = tags.taken
    assert 0 <= left < right <= 640
    assert 0 <= top < bottom <= 480


def test_the_tag_of_a_small_box_hides_less_than_half_of_the_picture():
    tags = canvas_tags()
    tags.add(LONG, "98 %", (10, 10, 20, 20), colour_of(1))
    ((left, _, right, _),) = tags.taken
    assert right - left <= 321


def test_tags_of_boxes_in_one_place_do_not_hide_each_other():
    tags = canvas_tags()
    for number in range(8):
        tags.add("object", "50 %", (200, 200, 300, 400), colour_of(number))
    for some in tags.taken:
        for other in tags.taken:
            apart = (
                some[0] >= other[2]
                or other[0] >= some[2]
                or some[1] >= other[3]
                or other[1] >= some[3]
            )
            assert some is other or apart


def test_words_that_are_too_long_are_cut_off_to_fit():
    font = font_for(640)
    assert shortened("cat", font, 100) == "cat"
    cut = shortened(LONG, font, 100)
    assert cut.endswith("…")
    assert font.getlength(cut) <= 100
    assert shortened("two\n words", font, 500) == "two words"


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.5, 0, "50 %"),
        (0.998, 0, ">99 %"),
        (1, 0, "100 %"),
        (0.002, 0, "<1 %"),
        (0, 0, "0 %"),
        (0.3212, 1, "32.1 %"),
        (0.0001, 1, "<0.1 %"),
        (0.99999, 1, ">99.9 %"),
    ],
)
def test_a_percentage_says_neither_0_nor_100_of_what_is_not(share, digits, text):
    assert percent(share, digits) == text


def test_bars_are_as_long_as_classes_are_probable():
    drawn = draw_ranking(plain(), [("a", 0.8), ("b", 0.4), ("c", 0.0)])
    blue = (np.array(drawn)[480:] == BAR).all(axis=2).sum(axis=1)
    longest, half = sorted(set(blue.tolist()) - {0}, reverse=True)
    assert half == pytest.approx(longest / 2, abs=2)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("ranked", [[], [(LONG, 1.0)], [("a", 2.0), ("b", -1.0)]])
def test_any_ranking_is_drawn_on_any_picture(size, ranked):
    canvas = Canvas.of(plain(size))
    drawn = draw_ranking(plain(size), ranked)
    assert drawn.width >= canvas.image.width
    assert drawn.height >= canvas.image.height
    assert drawn.size != canvas.image.size


def test_regions_are_coloured_and_the_background_and_the_unseen_are_not():
    left, middle, unseen = (np.zeros((480, 640), bool) for _ in range(3))
    left[:, :200] = True
    middle[:, 200:400] = True
    unseen[:, 400:] = True
    regions = [
        Region("cat", 1, 0.3, left),
        Region("background", 0, 0.3, middle, is_background=True),
    ]
    pixels = np.array(draw_regions(plain(), regions, unseen)).astype(int)
    assert np.abs(pixels[100, 100] - (np.array(colour_of(1)) + GREY) / 2).max() <= 2
    assert (pixels[100, 300] == GREY).all()
    assert (pixels[100, 500] > GREY).all()
    assert (pixels[480:] == colour_of(1)).all(axis=2).any(), "the legend shows its colour"


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("count", [0, 1, 40])
def test_any_number_of_regions_is_drawn_on_any_picture(size, count):
    mask = np.ones((size[1], size[0]), bool)
    regions = [Region(LONG if n == 1 else str(n), n, 0.1, mask) for n in range(count)]
    assert max(draw_regions(plain(size), regions).size) >= 640


# Whole answers, through the handlers.

RED_AND_GREEN = """
import torch
from torch import nn


class Halves(nn.Module):
    '''The left and the right half, with a mask each.'''

    def forward(self, pictures):
        return [self.find(picture) for picture in pictures]

    def find(self, picture):
        height, width = picture.shape[1:]
        masks = torch.zeros(2, 1, height, width)
        masks[0, :, :, : width // 2] = 1
        masks[1, :, :, width // 2 :] = 1
        middle = width / 2
        return {
            "boxes": torch.tensor([[0, 0, middle, height], [middle, 0, width, height]]),
            "labels": torch.tensor([1, 2]),
            "scores": torch.tensor([0.9, 0.8]),
            "masks": masks,
        }
"""
NAMES = {"0": "nothing", "1": "red", "2": "green", "3": "blue"}
BRIGHTEST = """
import torch
from torch import nn


class Brightest(nn.Module):
    def forward(self, pictures):
        return torch.cat([0.5 + 0 * pictures[:, :1], 9 * pictures], dim=1)
"""
MEAN_COLOUR = """
from torch import nn


class MeanColour(nn.Module):
    def forward(self, pictures):
        return pictures.mean((2, 3))
"""
FOREGROUND = """
from torch import nn


class Foreground(nn.Module):
    def forward(self, pictures):
        return 9 * (pictures[:, :1] - 0.5)
"""
PICTURE = encoded(quartered(), "PNG")
PLAIN_COLOURS = {"mean": [0, 0, 0], "std": [1, 1, 1]}


def same(some, others, tolerance=0.0):
    return np.abs(np.array(some).astype(int) - np.array(others)).mean() <= tolerance


@pytest.fixture
def drawn_in_every_shape(start, answer):
    """What a handler draws of its answers in several shapes, each gone through JSON."""

    def drawn(handler_class, model, shapes, **settings):
        images = []
        for shape in shapes:
            given = {**PLAIN_COLOURS, **settings, **shape}
            handler = start(handler_class, model=model, settings=given, names=NAMES)
            (got,) = answer(handler, [{"body": PICTURE}])
            if not isinstance(got, bytes):
                got = json.loads(json.dumps(got))
            images.append(handler.draw(got, {"body": PICTURE}))
        return images

    return drawn


def test_a_classification_is_drawn_alike_in_every_shape(drawn_in_every_shape):
    shapes = [{"answers": "torchserve"}, {"answers": "records"}]
    model = (
        "from torch import nn\nclass M(nn.Module):\n def forward(self, x): return x.mean((2, 3))"
    )
    first, second = drawn_in_every_shape(ImageClassifier, model, shapes)
    assert same(first, second)
    assert share_of(first, BAR) > 0


def test_a_detection_is_drawn_alike_in_every_shape(drawn_in_every_shape):
    shapes = [
        {"answers": "torchserve"},
        {"answers": "records", "masks": "none"},
        {"answers": "records", "masks": "rle"},
        {"answers": "records", "masks": "png"},
    ]
    plain, without, rle_masks, png = drawn_in_every_shape(ObjectDetector, RED_AND_GREEN, shapes)
    assert same(plain, without)
    assert same(rle_masks, png)
    assert not same(plain, png, tolerance=5)


def test_a_segmentation_is_drawn_alike_in_every_shape(drawn_in_every_shape):
    shapes = [
        {"answers": "torchserve"},
        {"answers": "png"},
        {"answers": "records"},
        {"answers": "records", "masks": "rle"},
    ]
    settings = {"resize": 24, "crop": "none", "size": "original"}
    first, *others = drawn_in_every_shape(ImageSegmenter, BRIGHTEST, shapes, **settings)
    assert all(same(first, other) for other in others)
    without = drawn_in_every_shape(
        ImageSegmenter, BRIGHTEST, [{"answers": "records", "masks": "none"}], **settings
    )
    assert without[0].size == first.size


@pytest.mark.parametrize("size", ["network", "original"])
def test_an_answer_about_a_crop_is_drawn_in_its_place(drawn_in_every_shape, size):
    (image,) = drawn_in_every_shape(
        ImageSegmenter, BRIGHTEST, [{"answers": "png"}], resize=24, crop=24, size=size
    )
    pixels = np.array(image).astype(int)
    assert (pixels[100, 20] > (250, 100, 100)).all(), "what the model did not see is pale"
    red = np.mean([colour_of(1), (255, 0, 0)], axis=0)
    assert np.abs(pixels[100, 200] - red).max() <= 2


def test_a_foreground_is_drawn_alike_in_every_shape(drawn_in_every_shape):
    shapes = [{"answers": "png"}, {"answers": "records"}, {"answers": "records", "masks": "rle"}]
    images = drawn_in_every_shape(
        ImageSegmenter, FOREGROUND, shapes, resize=24, crop="none", size="original"
    )
    assert all(same(images[0], image) for image in images)
    assert share_of(images[0], (0, 255, 0)) > 0.1, "the green quarter is background"


@pytest.mark.parametrize("label", ["red", "7", "score (2)", "something else"])
def test_labels_that_the_archive_does_not_know_are_drawn_in_some_colour(start, label):
    handler = start(ObjectDetector, model=RED_AND_GREEN, settings={}, names=NAMES)
    image = handler.draw([{label: [5, 5, 50, 40], "score": 0.7}], PICTURE)
    number = {"red": 1, "7": 7, "score (2)": 2}.get(label)
    assert number is None or share_of(image, colour_of(number)) > 0.001


def test_several_pictures_are_drawn_below_each_other(start, answer):
    handler = start(ImageClassifier)
    row = {"left": PICTURE, "right": encoded(quartered(20, 90), "PNG")}
    (got,) = answer(handler, [row])
    one, other = (handler.draw(each, data) for each, data in zip(got, row.values(), strict=True))
    assert handler.draw(got, row).height == one.height + other.height + 12


def test_pictures_are_drawn_upright_and_in_colour(start):
    turned = encoded(quartered(), "JPEG", quality=95, exif=exif(6))
    handler = start(ImageClassifier)
    red, green, blue = np.array(handler.draw({}, turned))[5, 5].tolist()
    assert blue > 200 > red + green, "what was bottom left is now top left"
    grey = encoded(quartered().convert("L"), "PNG")
    assert handler.draw({}, grey).mode == "RGB"


def test_on_a_tensor_nothing_can_be_drawn(start):
    with pytest.raises(
        RequestError, match="is drawn on a picture, and this request holds a tensor"
    ):
        start(ImageClassifier).draw({"a": 0.5}, {"body": [[[0.5]]]})


def test_where_masks_overlap_the_first_is_on_top():
    canvas = Canvas.of(Image.new("RGB", (640, 480), "black"))
    columns = np.arange(640)[None, :].repeat(480, axis=0)
    masks = [columns < 320, (columns >= 160) & (columns < 480)]
    drawn = overlaid(canvas, masks, [(200, 0, 0), (0, 200, 0)], alpha=0.5, outline_px=0)
    left, both, right, outside = (drawn.getpixel((x, 240)) for x in (80, 240, 400, 560))
    assert left == (100, 0, 0)
    assert both[0] > both[1] > 0
    assert right == (0, 100, 0)
    assert outside == (0, 0, 0)
