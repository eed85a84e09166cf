"""Colours of classes can be told apart, and text on them can be read."""

import itertools

import numpy as np
import pytest

from default_handlers.palette import BLACK, WHITE, colour_of, readable_on


def luminance(colour):
    """Relative luminance, as WCAG 2 defines it."""
    values = np.array(colour) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_first_classes_have_colours_that_can_be_told_apart():
    colours = [np.array(colour_of(number)) for number in range(21)]
    for some, other in itertools.combinations(colours, 2):
        assert np.abs(some - other).max() > 30


def test_a_class_always_has_the_same_colour():
    assert colour_of(7) == colour_of(7)
    assert all(0 <= level <= 255 for number in range(2000) for level in colour_of(number))


@pytest.mark.parametrize("number", range(60))
def test_text_on_a_colour_can_be_read(number):
    """A contrast of 3 to 1, what WCAG 2 asks of large text."""
    colour = colour_of(number)
    light, dark = sorted([luminance(colour), luminance(readable_on(colour))], reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 3


def test_text_is_black_on_white_and_white_on_black():
    assert (readable_on(WHITE), readable_on(BLACK)) == (BLACK, WHITE)
