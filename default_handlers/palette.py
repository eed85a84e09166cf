"""Colours for classes: the same class always has the same, and no two of the first are alike.

Neighbours in the list are a golden angle of hue apart, and their lightness goes through three
steps. (OKLCH and its way to linear sRGB: B. Ottosson, "A perceptual color space for image
processing", 2020. The transfer curve: IEC 61966-2-1.)
"""

import functools
import math

Colour = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

_FIRST_HUE = 0.5
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_LIGHTNESSES = (0.7, 0.82, 0.56)
_CHROMA = 0.26
_FADING = 0.97
_LMS_OF_LAB = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_RGB_OF_LMS = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)
_DARK = 0.18
"""Up to which luminance, of 1, white has more contrast with a colour than black (WCAG 2)."""


@functools.cache
def colour_of(number: int) -> Colour:
    """The colour of class *number*, counted from 0."""
    lightness = _LIGHTNESSES[number % len(_LIGHTNESSES)]
    hue, chroma = _FIRST_HUE + number * _GOLDEN_ANGLE, _CHROMA
    while True:
        linear = _linear(lightness, chroma * math.cos(hue), chroma * math.sin(hue))
        if all(0 <= each <= 1 for each in linear):
            red, green, blue = (round(255 * _encoded(each)) for each in linear)
            return red, green, blue
        chroma *= _FADING


def readable_on(colour: Colour) -> Colour:
    """Black or white, whichever can be read better on *colour*."""
    red, green, blue = (_decoded(level / 255) for level in colour)
    return WHITE if 0.2126 * red + 0.7152 * green + 0.0722 * blue <= _DARK else BLACK


def _linear(lightness: float, a: float, b: float) -> list[float]:
    lab = (lightness, a, b)
    cones = [sum(map(float.__mul__, row, lab)) ** 3 for row in _LMS_OF_LAB]
    return [sum(map(float.__mul__, row, cones)) for row in _RGB_OF_LMS]


def _encoded(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004 - the curve's own numbers


def _decoded(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - as above
