"""Resizing and cropping a picture as it is stored is the same as doing it upright."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from picture_corpus import TURNED, quartered
from PIL import Image, ImageOps

from default_handlers.pictures import Interpolation, Picture

NOISE = np.random.default_rng(7).integers(0, 256, (60, 90, 3), np.uint8)
FORMS = {"array": np.array, "image": Image.Image.copy}


def upright(orientation):
    """The noise as Pillow turns it upright."""
    image = Image.fromarray(NOISE)
    image.getexif()[0x0112] = orientation
    return ImageOps.exif_transpose(image)


def levels_apart(some, others):
    return (some.int() - others.int()).abs().max().item()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", range(1, 9))
@given(data=st.data())
def test_what_is_seen_is_what_pillow_makes_of_the_upright_picture(form, orientation, data):
    expected = upright(orientation)
    width, height = data.draw(st.integers(8, 150)), data.draw(st.integers(8, 150))
    left, top = data.draw(st.integers(0, width - 2)), data.draw(st.integers(0, height - 2))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    box = (left, top, right, bottom)
    picture = Picture(FORMS[form](Image.fromarray(NOISE)), expected.size, orientation)

    seen = picture.resized((width, height), box, "bilinear")

    resized = expected.resize((width, height), Image.Resampling.BILINEAR).crop(box)
    # Turning after instead of before resizing rounds the two passes in another order.
    assert levels_apart(seen, torch.from_numpy(np.array(resized))) <= 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_an_upright_picture_is_resized_as_pillow_does_it(form, interpolation):
    """To the last bit by Pillow itself, to one level by torch."""
    image = Image.fromarray(NOISE)
    picture = Picture(FORMS[form](image), image.size)
    seen = picture.resized((45, 30), (5, 3, 37, 28), interpolation)
    expected = image.resize((45, 30), Image.Resampling[interpolation.upper()]).crop((5, 3, 37, 28))
    tolerance = {"image": 0, "array": 1}[form]
    assert levels_apart(seen, torch.from_numpy(np.array(expected))) <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_pixels_can_be_had_upright(orientation):
    picture = Picture(NOISE.copy(), upright(orientation).size, orientation)
    assert levels_apart(picture.pixels(), torch.from_numpy(np.array(upright(orientation)))) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_eight_orientations_turn_the_quarters_as_the_standard_says(orientation):
    pixels = Picture(quartered(), (64, 48), orientation).pixels()
    corners = [tuple(pixels[row, column].tolist()) for row in (0, -1) for column in (0, -1)]
    assert corners == list(TURNED[orientation])


def test_the_pixels_are_the_callers_own():
    stored = NOISE.copy()
    Picture(stored, (90, 60)).pixels().zero_()
    assert stored.any()


def test_a_strip_is_cropped_without_making_all_of_it():
    """Resized as a whole it would have 256 x 12,800,000 pixels."""
    strip = Picture(Image.new("RGB", (1, 50_000), (9, 8, 7)), (1, 50_000))
    seen = strip.resized((256, 12_800_000), (16, 6_399_888, 240, 6_400_112), "bilinear")
    assert seen.shape == (224, 224, 3)
    assert seen.unique(dim=0).unique(dim=1).tolist() == [[[9, 8, 7]]]


def test_a_picture_decoded_at_a_reduced_scale_fills_the_same_crop():
    half = Picture(np.array(quartered(200, 150)), (400, 300))
    seen = half.resized((400, 300), (0, 0, 400, 300), "bilinear")
    assert seen.shape == (300, 400, 3)
    assert seen[10, 10].tolist() == [255, 0, 0]
    assert seen[-10, -10].tolist() == [255, 255, 255]
