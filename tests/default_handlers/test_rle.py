"""Masks are written as pycocotools 2.0.11 writes them, which made the texts here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from default_handlers import rle


def disc(height=60, width=80):
    rows, columns = np.mgrid[:height, :width]
    return (rows - 30) ** 2 + (columns - 45) ** 2 < 400


BY_PYCOCOTOOLS = [
    ([[0, 0, 1, 1, 1, 0, 1]], "231N"),
    ([[1, 1, 1, 1, 1, 1, 0]], "061"),
    ([[0]], "1"),
    ([[1]], "01"),
    ([[1, 0], [0, 1]], "0120"),
    (
        disc(),
        "`a1=]14L4M2M4M2N2O0O2N2O0O2O0O2O000000000000000000000001N101N101N2N101N2N3L3N3L4L^k0",
    ),
]


@pytest.mark.parametrize(("mask", "counts"), BY_PYCOCOTOOLS)
def test_a_mask_is_the_text_that_cocos_tools_write(mask, counts):
    mask = np.array(mask, bool)
    assert rle.encode(mask) == {"size": list(mask.shape), "counts": counts}
    assert (rle.decode({"size": mask.shape, "counts": counts}) == mask).all()


@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    stretch=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_what_is_encoded_is_decoded(height, width, stretch, seed):
    """Long runs, whose lengths need several characters, and negative differences among them."""
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    mask = np.repeat(mask, stretch, axis=0)
    assert (rle.decode(rle.encode(mask)) == mask).all()


@given(seed=st.integers(0, 99), classes=st.integers(1, 5))
def test_each_class_of_a_map_has_the_mask_that_it_would_have_alone(seed, classes):
    numbers = np.random.default_rng(seed).integers(-1, classes, (9, 11), np.int16)
    encoded = rle.encode_classes(numbers)
    assert list(encoded) == sorted(set(numbers.flatten().tolist()))
    assert encoded == {number: rle.encode(numbers == number) for number in encoded}


def test_bytes_are_read_too():
    assert rle.decode({"size": [1, 7], "counts": b"231N"}).tolist() == [
        [False, False, True, True, True, False, True]
    ]


@pytest.mark.parametrize("counts", ["", "9", "231", "23N1"])
def test_damaged_text_is_refused(counts):
    with pytest.raises(ValueError, match="must add up to 7"):
        rle.decode({"size": [1, 7], "counts": counts})
