"""A preset does what torchvision's transforms do to a Pillow image."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from picture_corpus import encoded, exif, quartered
from PIL import Image, ImageOps
from torch import nn
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from default_handlers.decoding import as_picture, decode
from default_handlers.placement import Placement
from default_handlers.presets import IMAGENET, WHOLE_PICTURE, ImagePreset
from ts_sdk.errors import RequestError

CPU = torch.device("cpu")


def as_torchvision(preset):
    return transforms.Compose(
        [
            transforms.Resize(
                preset.resize_px,
                InterpolationMode(preset.interpolation),
                max_size=preset.longest_px,
            ),
            transforms.CenterCrop(preset.crop_px) if preset.crop_px else nn.Identity(),
            transforms.ToTensor(),
            transforms.Normalize(preset.mean, preset.std),
        ]
    )


def prepared(preset, data):
    return preset.normalise([preset.crop(decode(data))], CPU)


@pytest.fixture(scope="module")
def network():
    """A network of fixed weights whose answers depend on fine detail all over the picture."""
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 16, 5, 4), nn.ReLU(), nn.Conv2d(16, 32, 3, 3), nn.ReLU()]
    pooled = [nn.AdaptiveMaxPool2d(4), nn.Flatten(), nn.Linear(512, 50)]
    network = nn.Sequential(*layers, *pooled).eval()
    # As sure of its answers as a trained network, so that small differences count.
    network[-1].weight.data *= 20
    return network


PRESETS = [
    IMAGENET,
    ImagePreset(resize_px=224),
    ImagePreset(resize_px=232, interpolation="bicubic"),
    ImagePreset(301, 299, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ImagePreset((200, 310), (180, 300)),
    ImagePreset(256, None, longest_px=300),
    ImagePreset(interpolation="nearest"),
    ImagePreset(interpolation="lanczos"),
]


@pytest.mark.parametrize("preset", PRESETS, ids=str)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_photographs_are_prepared_as_torchvision_prepares_them(photographs, preset, kind, network):
    """A level of 255 apart at most, and probabilities within 1e-3 in the same order."""
    level = 1 / 255 / min(preset.std)
    most_levels = {"bicubic": 2}.get(preset.interpolation, 1)
    for path in photographs:
        data = encoded(Image.open(path).convert("RGB"), kind, quality=90)
        batch = prepared(preset, data)
        expected = as_torchvision(preset)(Image.open(io.BytesIO(data)))[None]
        assert (batch - expected).abs().max() <= most_levels * level + 1e-5
        assert (batch - expected).abs().mean() <= level / 100
        with torch.inference_mode():
            ours, theirs = (network(each).softmax(1)[0] for each in (batch, expected))
        assert theirs.max() > 0.1, "the network is to be sure of something"
        assert (ours - theirs).abs().max() < 1e-3
        assert ours.topk(5).indices.tolist() == theirs.topk(5).indices.tolist()


@given(width=st.integers(1, 400), height=st.integers(1, 400), crop_px=st.integers(1, 16))
def test_sizes_are_rounded_as_torchvision_rounds_them(width, height, crop_px):
    preset = ImagePreset(16, crop_px)
    image = quartered(width, height)
    expected = as_torchvision(preset)(image)
    batch = preset.normalise([preset.crop(as_picture(image))], CPU)
    assert batch.shape == (1, 3, crop_px, crop_px)
    assert (batch[0] - expected).abs().max() <= 1 / 255 / 0.22


PLAIN = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
PIXELS = torch.tensor([[[255, 0, 0], [10, 20, 30]]], dtype=torch.uint8)


def test_channels_come_in_the_order_that_is_asked_for():
    (bgr,) = ImagePreset(colour="bgr", value_range="0..255", **PLAIN).normalise([PIXELS], CPU)
    assert bgr[:, 0].T.tolist() == [[0, 0, 255], [30, 20, 10]]


def test_mean_and_std_are_in_the_units_and_the_order_of_the_channels():
    preset = ImagePreset(colour="bgr", value_range="0..255", mean=(30, 20, 10), std=(1, 2, 4))
    (seen,) = preset.normalise([PIXELS], CPU)
    assert seen[:, 0, 0].tolist() == pytest.approx([-30, -10, 61.25])
    assert seen[:, 0, 1].tolist() == pytest.approx([0, 0, 0], abs=1e-5)


def test_grey_is_what_pillow_makes_of_colours():
    noise = torch.randint(0, 256, (50, 40, 3), dtype=torch.uint8)
    preset = ImagePreset(mean=(0.0,), std=(1.0,), colour="grey")
    (seen,) = preset.normalise([noise], CPU)
    grey = Image.fromarray(noise.numpy()).convert("L")
    assert torch.equal(seen, transforms.functional.to_tensor(grey))


def test_a_layout_changes_the_memory_and_not_the_numbers():
    crops = [torch.randint(0, 256, (5, 7, 3), dtype=torch.uint8) for _ in range(2)]
    plain, memory, last = (
        ImagePreset(layout=layout).normalise(crops, CPU)
        for layout in ("nchw", "channels_last", "nhwc")
    )
    assert memory.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(memory, plain, atol=1e-6)
    assert last.is_contiguous()
    assert torch.allclose(last.permute(0, 3, 1, 2), plain, atol=1e-6)


@pytest.mark.parametrize(
    ("preset", "size", "placement"),
    [
        (ImagePreset(10, 8), (40, 20), Placement((40, 20), (20, 10), (6, 1, 14, 9))),
        (ImagePreset(10, None), (20, 40), Placement((20, 40), (10, 20), (0, 0, 10, 20))),
        (
            ImagePreset(10, None, longest_px=15),
            (40, 20),
            Placement((40, 20), (15, 7), (0, 0, 15, 7)),
        ),
        (ImagePreset((6, 8), None), (3, 3), Placement((3, 3), (8, 6), (0, 0, 8, 6))),
        (ImagePreset(None, (2, 4)), (8, 8), Placement((8, 8), (8, 8), (2, 3, 6, 5))),
        (WHOLE_PICTURE, (8, 9), Placement.unchanged((8, 9))),
    ],
)
def test_where_the_models_input_lies_in_the_picture_is_known(preset, size, placement):
    assert preset.place(size) == placement
    seen = preset.crop(as_picture(Image.new("RGB", size)))
    assert tuple(seen.shape) == (placement.seen[1], placement.seen[0], 3)


@pytest.mark.parametrize(
    ("preset", "size", "words"),
    [
        (ImagePreset(10, None, longest_px=15), (1000, 1), "resized to 15 x 0: nothing is left"),
        (
            ImagePreset(None, 5),
            (9, 4),
            "at least 5 x 5 pixels, which are cropped from it, got one of 9",
        ),
        (ImagePreset(10, 10, longest_px=15), (90, 9), "after resizing, got one of 90 x 9"),
        (ImagePreset(500, None), (9000, 1), "4500000 x 500: more than 178,956,970 pixels"),
    ],
)
def test_a_picture_of_which_too_little_or_too_much_is_left_is_refused(preset, size, words):
    with pytest.raises(RequestError, match=words):
        preset.place(size)


def test_a_reduced_jpeg_is_nearly_the_same(photographs):
    """What `fast_decode` costs: less than half a level of 255 on average."""
    for path in photographs:
        data = encoded(Image.open(path).convert("RGB").resize((1600, 1200)), "JPEG", quality=90)
        exact = IMAGENET.crop(decode(data)).int()
        fast = IMAGENET.crop(decode(data, shorter_side_px=IMAGENET.resize_px)).int()
        assert 0 < (fast - exact).abs().float().mean() < 0.5


def test_a_batch_is_contiguous_and_in_the_order_of_its_crops():
    """Models that flatten with `view` need it so."""
    crops = [torch.full((224, 224, 3), level, dtype=torch.uint8) for level in (0, 255)]
    batch = IMAGENET.normalise(crops, CPU)
    assert batch.is_contiguous()
    assert batch.dtype == torch.float32
    red = [(value - 0.485) / 0.229 for value in (0, 1)]
    assert batch[:, 0, 0, 0].tolist() == pytest.approx(red, abs=1e-6)


def test_a_batch_of_nothing_is_empty():
    assert IMAGENET.normalise([], CPU).shape == (0, 3, 224, 224)


def test_a_batch_made_in_inference_mode_does_no_harm_to_later_ones():
    """The factors are kept from one batch to the next; gradients may be wanted in between."""
    crops = [torch.zeros(8, 8, 3, dtype=torch.uint8)]
    preset = ImagePreset(8, 8, (0.1, 0.2, 0.3))
    with torch.inference_mode():
        preset.normalise(crops, CPU)
    assert preset.normalise(crops, CPU).requires_grad_().sum().backward() is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"crop_px": 257}, "a crop of 257 px does not fit into a shorter side resized to 256 px"),
        ({"crop_px": 0}, "crop_px must be at least 1, not 0"),
        ({"std": (0.2, 0.0, 0.2)}, "those of std above 0"),
        ({"mean": (0.5,)}, "a number each for red, green and blue"),
        ({"interpolation": "box"}, "interpolation must be one of"),
        ({"colour": "grey"}, "a number each for grey"),
        (
            {"resize_px": (100, 300)},
            "a crop of 224 px does not fit into a picture resized to 300 x",
        ),
        ({"resize_px": None, "longest_px": 3}, "longest_side goes with a resize of one number"),
        ({"longest_px": 0}, "longest_px must be at least 1"),
        ({"value_range": "0-1"}, "value_range must be one of"),
    ],
)
def test_a_preset_that_makes_no_sense_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        ImagePreset(**values)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_whole_picture_is_what_torchvision_makes_of_it(orientation):
    data = encoded(quartered(), "PNG", exif=exif(orientation))
    with Image.open(io.BytesIO(data)) as image:
        expected = transforms.functional.to_tensor(ImageOps.exif_transpose(image))
    assert torch.equal(prepared(WHOLE_PICTURE, data)[0], expected)


def test_whole_pictures_of_one_size_are_a_batch_and_others_a_list():
    crops = [torch.full((4, 5, 3), level, dtype=torch.uint8) for level in (0, 255)]
    batch = WHOLE_PICTURE.normalise(crops, CPU)
    assert batch.shape == (2, 3, 4, 5)
    assert batch[:, 0, 0, 0].tolist() == [0, 1]
    mixed = WHOLE_PICTURE.normalise([*crops, crops[0][:2]], CPU)
    assert [each.shape for each in mixed] == [(3, 4, 5), (3, 4, 5), (3, 2, 5)]
    assert WHOLE_PICTURE.normalise([], CPU).shape == (0, 3, 0, 0)


@pytest.mark.parametrize("size", [(500, 1), (3, 2000)])
def test_a_picture_is_not_resized_to_more_pixels_than_anybody_needs(size):
    preset = ImagePreset(resize_px=256, crop_px=None)
    with pytest.raises(RequestError, match=r"more than 16,777,216 pixels; send one that is less"):
        preset.place(size)


@pytest.mark.parametrize("sides", [20_000, (9000, 9000)])
def test_a_crop_makes_no_room_for_a_huge_resize(sides):
    preset = ImagePreset(resize_px=sides, crop_px=224)
    with pytest.raises(RequestError, match="send a larger one, or set a smaller resize"):
        preset.place((300, 200))


def test_of_a_strip_only_the_crop_counts():
    preset = ImagePreset(resize_px=512, crop_px=512)
    assert preset.place((100_000, 512)).seen == (512, 512)
    with pytest.raises(RequestError, match="send one that is less elongated"):
        ImagePreset(resize_px=2048, crop_px=None).place((900, 90))


def test_a_strip_made_of_an_ordinary_jpeg_is_cropped_without_all_of_it():
    """As an array of 2 million rows it would fill 12 GB."""
    preset = ImagePreset(resize_px=(2_000_000, 2000), crop_px=(8, 8))
    picture = decode(encoded(quartered(1000, 1000), "JPEG"))
    assert isinstance(picture.stored, np.ndarray)
    assert preset.crop(picture).shape == (8, 8, 3)


def test_a_large_picture_may_stay_as_large_as_it_is():
    preset = ImagePreset(resize_px=None, crop_px=None)
    assert preset.place((8000, 6000)).resized == (8000, 6000)
