"""Words in a picture: their font, their size, and what is too long."""

from PIL import ImageDraw, ImageFont

from default_handlers.palette import Colour
from ts_sdk.fonts import Font, drawable, fitting

INK: Colour = (32, 33, 36)

_SMALLEST, _LARGEST = 14, 40
_OF_THE_PICTURE = 40
_TALL_AND_LOW = "Ågj"
_ELLIPSIS = "…"


def font_for(longest_px: float) -> Font:
    """The font for a picture whose longer side has so many pixels."""
    return ImageFont.load_default(min(max(longest_px / _OF_THE_PICTURE, _SMALLEST), _LARGEST))


def line_height(font: Font) -> int:
    """Pixels from the top of the tallest letter to the foot of the lowest."""
    box = font.getbbox(_TALL_AND_LOW)
    return round(box[3] - box[1])


def width_of(text: str, font: Font) -> float:
    """How wide `write` writes *text*, in pixels."""
    letters, fitted = fitting(text, font)
    return fitted.getlength(letters)


def shortened(text: str, font: Font, width_px: float) -> str:
    """*text* in one line, cut off where it would be wider than that."""
    text = drawable(" ".join(text.split()))
    if width_of(text, font) <= width_px:
        return text
    while text and width_of(text + _ELLIPSIS, font) > width_px:
        text = text[: -1 - len(text) // 16]
    return f"{text.rstrip()}{_ELLIPSIS}"


def percent(share: float, digits: int = 0) -> str:
    """*share* of 1 as a percentage that never says 0 or 100 of what is not."""
    least = 10.0**-digits
    number = 100 * share
    if 0 < number < least / 2:
        return f"<{least:.{digits}f} %"
    if 100 - least / 2 <= number < 100:  # noqa: PLR2004 - per cent
        return f">{100 - least:.{digits}f} %"
    return f"{number:.{digits}f} %"


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    font: Font,
    colour: Colour = INK,
) -> None:
    """Write *text* from *place* on, which is at half of the height of its capital letters.

    Letters that *font* does not have are those of another one, where there is any.
    """
    letters, fitted = fitting(text, font)
    top, bottom = fitted.getbbox("H")[1::2]
    draw.text((place[0], place[1] - (top + bottom) / 2), letters, fill=colour, font=fitted)
