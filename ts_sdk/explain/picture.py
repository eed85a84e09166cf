"""An explanation drawn: the picture beside its heat map, or the words of a text."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ts_sdk.explain.methods import Method
from ts_sdk.explain.tasks import Task
from ts_sdk.fonts import Font, drawable, fitting

if TYPE_CHECKING:
    from ts_sdk.explain.explanation import Explanation

Colour = tuple[int, int, int]

PAPER: Colour = (255, 255, 255)
INK: Colour = (32, 33, 36)
PALE: Colour = (110, 113, 118)
FOR: Colour = (214, 40, 40)
AGAINST: Colour = (29, 78, 216)
MARK: Colour = (255, 196, 0)

_SMALLEST_PX = 360
_MARGIN = 16
_TEXT_PX = 17
_LINE_PX = 25
_LEGEND_PX = 12
_MOST_LINES = 40
"""Of words; a page of them can hold more than a picture."""
_SOFTENED = 0.025
"""The radius, as a share of the picture's side, in which single pixels' attributions are joined."""
_BY_PIXEL = {
    Method.INTEGRATED_GRADIENTS,
    Method.SALIENCY,
    Method.INPUT_X_GRADIENT,
    Method.GRADIENT_SHAP,
    Method.DEEP_LIFT,
    Method.GUIDED_BACKPROP,
}
_COVERED = 0.85
_SEEN = 0.02
"""Of the full colour, what can be seen."""
_LONG = 1000
_BRIGHTEST = 99.5
"""The percentile of the map that has the full colour: a few pixels often outshine all others."""


def draw_map(explanation: "Explanation") -> Image.Image:
    """What the model saw, beside it what spoke for the target (red) and against it (blue)."""
    radius = _SOFTENED if explanation.method in _BY_PIXEL else 0
    strength = softened(explanation.map, radius)
    seen = _seen(explanation)
    size = _size(seen)
    filters = Image.Resampling
    seen = seen.resize(size, filters.LANCZOS if min(seen.size) > 96 else filters.NEAREST)  # noqa: PLR2004 - pixel art stays sharp
    heat = _heat(seen, strength)
    for image in (seen, heat):
        _outline(image, explanation)
    top = _MARGIN + 2 * _LINE_PX
    width = 2 * size[0] + 3 * _MARGIN
    sheet = Image.new("RGB", (width, top + size[1] + _MARGIN + 2 * _LINE_PX), PAPER)
    sheet.paste(seen, (_MARGIN, top))
    sheet.paste(heat, (2 * _MARGIN + size[0], top))
    draw = ImageDraw.Draw(sheet)
    _head(draw, explanation, width)
    _legend(draw, top + size[1] + _MARGIN, width, is_signed=bool((strength < -_SEEN).any()))
    return sheet


def draw_words(explanation: "Explanation") -> Image.Image:
    """The words of a text, on red where they speak for the target, on blue where against it."""
    font = ImageFont.load_default(_TEXT_PX)
    small = ImageFont.load_default(_TEXT_PX - 3)
    width, step = 760, _LINE_PX + 6
    placed, left, top = [], float(_MARGIN), _MARGIN + 2 * _LINE_PX
    last = top + (_MOST_LINES - 1) * step
    coloured = zip(explanation.words or (), word_colours(explanation), strict=True)
    words = [(word, colour) for word, colour in coloured if word]  # but padding
    for word, colour in words:
        letters, fitted = fitting(drawable(word), font)
        letters = _fitted(letters, fitted, width - 10)
        wide = fitted.getlength(letters) + 10
        if left + wide > width - _MARGIN:
            left, top = float(_MARGIN), top + step
        if top > last:
            break
        placed.append((letters, fitted, colour, left, top, wide))
        left += wide + 4
    left_out = len(words) - len(placed)
    bottom = min(top, last) + step * (2 if left_out else 1) + _MARGIN
    sheet = Image.new("RGB", (width, bottom + 2 * _LINE_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    _head(draw, explanation, width)
    for letters, fitted, colour, x, y, wide in placed:
        draw.rounded_rectangle((x, y, x + wide, y + _LINE_PX), 4, fill=colour)
        ink = INK if sum(colour) > 380 else PAPER  # noqa: PLR2004 - what can be read on it
        draw.text((x + 5, y + _LINE_PX / 2), letters, ink, fitted, anchor="lm")
    if left_out:
        told = f"{left_out:,} more words are not drawn; a .html or .json file has them"
        draw.text((_MARGIN, last + step + _LINE_PX / 2), told, PALE, small, anchor="lm")
    _legend(draw, bottom, width, is_signed=True)
    return sheet


def word_colours(explanation: "Explanation") -> list[Colour]:
    """The ground of each word: the stronger its attribution, the less white."""
    values = explanation.attributions
    largest = float(np.abs(values).max(initial=0)) or 1.0
    return [_mixed(float(value) / largest) for value in values]


def softened(values: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """A map ``(H, W)`` from -1 to 1, in which single pixels are joined to what they are part of.

    Args:
        values: The map.
        share: The radius of that, as a share of the longer side; 0 leaves it as it is.
    """
    blurred = _blurred(values, max(values.shape) * share) if share else values
    scale = float(np.percentile(np.abs(blurred), _BRIGHTEST)) or 1.0
    clipped: NDArray[np.float32] = np.clip(blurred / scale, -1, 1)
    return clipped


def _blurred(values: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """As by a Gaussian filter, which Pillow has for bytes only."""
    reach = min(max(1, round(2.5 * radius)), (min(values.shape) - 1) // 2)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(radius, 0.5)) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        values = np.apply_along_axis(np.convolve, axis, values, kernel, mode="same")
    return values.astype(np.float32)


def _seen(explanation: "Explanation") -> Image.Image:
    if explanation.picture is not None:
        return explanation.picture.convert("RGB")
    return Image.new("RGB", explanation.map.shape[::-1], (200, 200, 200))


def _size(image: Image.Image) -> tuple[int, int]:
    factor = max(1.0, _SMALLEST_PX / max(image.size))
    return round(image.width * factor), round(image.height * factor)


def _heat(seen: Image.Image, strength: NDArray[np.float32]) -> Image.Image:
    grey = np.asarray(seen.convert("L").filter(ImageFilter.SMOOTH).convert("RGB"), np.float32)
    ground = 90 + grey * 0.65  # paler, so that the colours are seen
    level = Image.fromarray(strength.astype(np.float32)).resize(
        seen.size, Image.Resampling.BILINEAR
    )
    values = np.asarray(level)[..., None]
    colour = np.where(values > 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    alpha = np.abs(values) * _COVERED
    mixed = ground * (1 - alpha) + colour * alpha
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def _outline(image: Image.Image, explanation: "Explanation") -> None:
    """Mark the object or the pixels that are explained."""
    if explanation.region is not None:
        region = Image.fromarray(explanation.region.astype(np.uint8) * 255)
        inside = region.resize(image.size, Image.Resampling.NEAREST)
        edge = np.asarray(inside.filter(ImageFilter.MaxFilter(3))) != np.asarray(
            inside.filter(ImageFilter.MinFilter(3))
        )
        image.paste(MARK, mask=Image.fromarray(edge.astype(np.uint8) * 255))
    elif explanation.target.box is not None:
        height, width = explanation.map.shape
        across, down = image.width / width, image.height / height
        left, top, right, bottom = explanation.target.box
        box = (left * across, top * down, right * across, bottom * down)
        ImageDraw.Draw(image).rectangle(box, outline=MARK, width=3)


def _head(draw: ImageDraw.ImageDraw, explanation: "Explanation", width: int) -> None:
    large, small = ImageFont.load_default(_TEXT_PX + 4), ImageFont.load_default(_TEXT_PX - 3)
    title = f"{explanation.target.name}   {score_text(explanation)}"
    title, large = fitting(drawable(title), large)
    draw.text((_MARGIN, _MARGIN + 8), _fitted(title, large, width), INK, large, anchor="lm")
    told = method_text(explanation)
    place = (_MARGIN, _MARGIN + 8 + _LINE_PX)
    draw.text(place, _fitted(told, small, width), PALE, small, anchor="lm")


def score_text(explanation: "Explanation") -> str:
    """The score of the target, in words."""
    probability = _probability(explanation)
    if probability is not None:
        return f"{probability:.1%}"
    score = explanation.target.score
    return f"score {score:.3g}" if abs(score) < _LONG else f"score {score:,.0f}"


def method_text(explanation: "Explanation") -> str:
    """How the explanation was made, in words."""
    told = explanation.method.replace("_", " ")
    if explanation.method is Method.GRAD_CAM:
        told = "Grad-CAM"
    if explanation.region is not None:
        told += ", of the pixels that are outlined"
    return f"{told}; {explanation.note}" if explanation.note else told


def _probability(explanation: "Explanation") -> float | None:
    """What the handler answered for the target, where it did."""
    answer = explanation.prediction
    if isinstance(answer, dict):
        found = answer.get(explanation.target.name)
        return float(found) if isinstance(found, float) else None
    return explanation.target.score if explanation.task is Task.DETECTION else None


def _fitted(text: str, font: Font, width: int) -> str:
    while len(text) > 1 and font.getlength(text) > width - 2 * _MARGIN:
        text = f"{text[:-2]}…"
    return text


def _legend(draw: ImageDraw.ImageDraw, top: int, width: int, *, is_signed: bool) -> None:
    font = ImageFont.load_default(_TEXT_PX - 3)
    left, right = _MARGIN + 90, width - _MARGIN - 90
    for x in range(left, right):
        share = (x - left) / (right - left)
        draw.line((x, top, x, top + _LEGEND_PX), _mixed(2 * share - 1 if is_signed else share))
    middle = top + _LEGEND_PX / 2
    draw.text((left - 8, middle), "against" if is_signed else "nothing", INK, font, anchor="rm")
    draw.text((right + 8, middle), "for", INK, font, anchor="lm")


def _mixed(strength: float) -> Colour:
    """White at 0, towards red above and towards blue below."""
    colour = FOR if strength > 0 else AGAINST
    share = min(abs(strength), 1.0) * _COVERED
    red, green, blue = (
        round(white + (full - white) * share) for white, full in zip(PAPER, colour, strict=True)
    )
    return red, green, blue
